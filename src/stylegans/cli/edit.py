"""``stylegans edit``: directions in the latent space, and arithmetic with models. Each verb is a module of its own."""

import importlib

from stylegans.cli.verbs import Verb, run_verb

HELP = """usage: stylegans edit VERB ...

Directions in the latent space, and arithmetic with models.

  find     directions: closed-form (SeFa), principal components (GANSpace), boundaries, differences of groups
  apply    pictures along a direction, as a strip or a video
  blend    one model's coarse layers and another's fine ones
  average  choose the length of a run's average after its training, or average several models

stylegans edit VERB --help explains a verb."""


def main(argv: list[str]) -> int:
    """Run ``stylegans edit`` with the words after it; the exit code."""
    return run_verb("edit", argv, VERBS, help_text=HELP)


def _verb(name: str) -> Verb:
    """The verb's ``main``, whose module is imported when it is run."""
    return lambda argv: int(importlib.import_module(f"stylegans.cli.edit_{name}").main(argv))


VERBS = {name: _verb(name) for name in ("find", "apply", "blend", "average")}
