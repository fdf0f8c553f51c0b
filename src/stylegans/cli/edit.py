"""``stylegans edit average``: arithmetic with models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegans.cli.verbs import Verb, run_verb
from stylegans.errors import UserError

HELP = """usage: stylegans edit VERB ...

Arithmetic with models.

  average  choose the length of a run's average after its training, or average several models

stylegans edit VERB --help explains a verb."""


def main(argv: list[str]) -> int:
    """Run ``stylegans edit`` with the words after it; the exit code."""
    return run_verb("edit", argv, VERBS, help_text=HELP)


def average(argv: list[str]) -> int:
    """``edit average``."""
    from stylegans.cli.parse import parse

    options = parse(_average_options(), argv, prog="stylegans edit average")
    if options.out.suffix != ".safetensors":
        raise UserError(f"--out: {options.out.name}: a model is written; name a file that ends in .safetensors")
    weights = None if options.weights is None else _numbers(options.weights, option="--weights")
    if options.ema_length is not None and (len(options.models) != 1 or weights is not None):
        raise UserError("--ema-length: belongs to one run; give its directory alone, without --weights")

    from stylegans.tools.average import recipe_of_length, recipe_of_models, write_average

    if options.ema_length is None:
        recipe = recipe_of_models(options.models, weights)
        of = f"of {len(recipe.terms)} models"
    else:
        recipe = recipe_of_length(options.models[0], options.ema_length)
        used = len({term.path for term in recipe.terms})
        of = (
            f"of length {options.ema_length:g} at {recipe.terms[0].path.stem}, from {used} snapshot{'s'[: used > 1]}; "
            f"the profile is within {100 * recipe.misfit:.2g} % of the exact one"
        )
    write_average(options.out, recipe)
    print(f"wrote {options.out}: the average {of}")
    return 0


VERBS: dict[str, Verb] = {"average": average}


# Importing tyro takes longer than the help: options that need its markers are defined when they are asked for.


def _average_options() -> type[Any]:
    from tyro.conf import Positional

    @dataclass(frozen=True)
    class Options:
        """Choose the length of a run's average after its training, or average several models of one shape."""

        models: Positional[tuple[str, ...]]
        """a run directory (RUN@newest, RUN@best, RUN@000200 choose the moment) with --ema-length, or two models or
        more"""
        out: Path
        """the .safetensors model to write"""
        ema_length: float | None = None
        """how much of the training so far is averaged over, its standard deviation as a share: above 0, up to 0.28;
        the run must have been trained with --training.ema-power"""
        weights: str | None = None
        """of the models, in their order, like 0.3,0.7; they add up to 1. Default: all alike"""

    return Options


def _numbers(text: str, *, option: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise UserError(f"{option}: '{text}' is not a list of numbers like 0.3,0.7") from None
