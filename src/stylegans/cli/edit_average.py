"""``stylegans edit average``: a run's average of another length, or the mean of several models."""

from dataclasses import dataclass
from pathlib import Path

import tyro

from stylegans.cli.parse import parse
from stylegans.errors import UserError


@dataclass(frozen=True)
class Average:
    """Choose the length of a run's average after its training, or average several models of one shape."""

    models: tyro.conf.Positional[tuple[str, ...]]
    """a run directory (RUN@newest, RUN@best, RUN@000200 choose the moment) with --ema-length, or two models or
    more: .safetensors, run directories, .pkl of NVIDIA's, .pt of rosinality's, mixed as you like"""
    out: Path
    """the .safetensors model to write"""
    ema_length: float | None = None
    """how much of the training so far is averaged over, its standard deviation as a share: above 0, up to 0.28;
    the run must have been trained with --training.ema-power"""
    weights: str | None = None
    """of the models, in their order, like 0.3,0.7; they add up to 1. Default: all alike"""


def main(argv: list[str]) -> int:
    """``stylegans edit average``."""
    options = parse(Average, argv, prog="stylegans edit average")
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
    notes = write_average(options.out, recipe)
    print(f"wrote {options.out}: the average {of}{licence_report(notes.licence)}")
    return 0


def licence_report(licence: str) -> str:
    """What the last line of a verb that writes a model says of its licence."""
    return f"; licence: {licence}" if licence else ""


def _numbers(text: str, *, option: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise UserError(f"{option}: '{text}' is not a list of numbers like 0.3,0.7") from None
