"""Averages of weights: a length of the generator's average chosen after training, and the mean of several models.

Both are a weighted sum of generators in model files, read one at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from stylegans import models
from stylegans.config import GeneratorConfig
from stylegans.errors import UserError
from stylegans.files.model_file import ModelInfo, read_model_info, snapshots
from stylegans.tools.weights import (
    Notes,
    Outline,
    Weights,
    joined,
    quick_outline,
    read_generator,
    refuse_difference,
    write_generator,
)
from stylegans.training import posthoc_ema


@dataclass(frozen=True)
class Term:
    """A generator in a model file, and its weight in a sum."""

    path: Path
    part: str | None
    """None: its default, as ``stylegans.load`` takes it."""
    weight: float


@dataclass(frozen=True)
class Recipe:
    """A weighted sum of generators. What has no average comes from the first."""

    terms: tuple[Term, ...]
    misfit: float = 0.0
    """How far the response profile is from the one wanted, as a share of its norm; see ``posthoc_ema.misfit``."""


def choose_length(
    run: str | Path, length: float, *, at: str | None = None
) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """The generator averaged over ``length`` of the training so far (Karras et al. 2024, section 3.2).

    Args:
        run: a run directory trained with ``training.ema_power``, or one of its snapshots.
        length: σ_rel, above 0 and up to 0.28.
        at: the snapshot whose moment it stands for: '000200', 'newest' or 'best'; None: that which
            ``stylegans.load(run)`` takes.

    Raises:
        MissingFile: nothing is there.
        UserError: see ``recipe_of_length``.
    """
    total = combine(recipe_of_length(run if at is None else f"{run}@{at}", length))
    return total.config, total.state


def average(
    paths: Sequence[str | Path], weights: Sequence[float] | None = None
) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """The mean of the generators of several models, or their sum with ``weights``.

    Args:
        paths: whatever ``stylegans.load`` takes: ours and other programs' may be mixed where their configs are equal.

    Raises:
        MissingFile: a model is not there.
        UserError: see ``recipe_of_models``; or the models differ in shape.
    """
    total = combine(recipe_of_models(paths, weights))
    return total.config, total.state


def recipe_of_length(run: str | Path, length: float) -> Recipe:
    """Which snapshots make up the average of ``length``, the one it stands for first.

    Raises:
        MissingFile: nothing is there.
        UserError: the run kept no power-function averages, or its snapshots cannot represent the length; names
            --ema-length.
    """
    gamma = posthoc_ema.gamma_of(length)
    target = models.find(run)
    infos = {path: read_model_info(path) for path in snapshots(target.parent.parent)}
    if target not in infos:
        raise UserError(f"--ema-length: {run} is a model on its own; give the run directory with its snapshots")
    if not _tracks(infos[target]):
        raise UserError(
            f"{run}: was trained without --training.ema-power, so its averages have one length; "
            f"train with --training.ema-power 0.05 0.1 to choose it afterwards"
        )
    end = _images(target, infos[target])
    parts = [
        (path, part, images, posthoc_ema.gamma_of(kept))
        for path, info in infos.items()
        if (images := _images(path, info)) <= end
        for part, kept in _tracks(info).items()
    ]
    parts.sort(key=lambda entry: -entry[2])
    times, gammas = [images for _, _, images, _ in parts], [exponent for _, _, _, exponent in parts]
    weights = posthoc_ema.solve_weights(times, gammas, target_time=end, target_gamma=gamma)
    misfit = posthoc_ema.misfit(weights, times, gammas, target_time=end, target_gamma=gamma)
    if misfit > posthoc_ema.TOLERANCE:
        ranges = posthoc_ema.reachable(times, gammas, target_time=end)
        count = len(set(times))
        raise UserError(
            f"--ema-length: {length} is out of reach of the {count} snapshot{'s'[: count > 1]} up to {target.stem}, "
            f"which can give {' and '.join(f'{low:g} to {high:g}' for low, high in ranges)}"
        )
    terms = (Term(path, part, float(w)) for (path, part, _, _), w in zip(parts, weights, strict=True))
    return Recipe(tuple(terms), misfit)


def recipe_of_models(paths: Sequence[str | Path], weights: Sequence[float] | None = None) -> Recipe:
    """The mean of several models' generators, or their sum with ``weights``, which add up to 1.

    Raises:
        MissingFile: a model is not there.
        UserError: there are fewer than two, one has no generator, or the weights do not fit; names --weights.
    """
    if len(paths) < 2:
        raise UserError("an average needs two models or more, or a run and --ema-length")
    shares = [1 / len(paths)] * len(paths) if weights is None else [float(weight) for weight in weights]
    if len(shares) != len(paths):
        raise UserError(f"--weights: {len(shares)} for {len(paths)} models; give one for each")
    if not abs(math.fsum(shares) - 1) < 1e-3:
        raise UserError(f"--weights: they add up to {math.fsum(shares):g}; make that 1")
    files = [models.find(path) for path in paths]
    for file in files:
        quick_outline(file)  # refuses one of ours without a generator before anything is read
    return Recipe(tuple(Term(file, None, share) for file, share in zip(files, shares, strict=True)))


def combine(recipe: Recipe) -> Weights:
    """The sum, computed in float64: weights of snapshots may be large and of both signs.

    Raises:
        UserError: the generators differ in shape, or in what is not a number to average.
    """
    first, *others = recipe.terms
    total = read_generator(first.path, first.part)
    outline, state = total.outline, total.state
    for term in others:
        _refuse_another_shape(first, outline, term, quick_outline(term.path, term.part))
    kinds = {name: tensor.dtype for name, tensor in state.items() if posthoc_ema.is_averaged(name, tensor)}
    for name in kinds:
        state[name] = state[name].double() * first.weight

    def add(term: Term) -> Notes:  # a function, so that nothing of one model is left when the next is read
        weights = read_generator(term.path, term.part)
        _refuse_another_shape(first, outline, term, weights.outline)
        for name in kinds:
            state[name].add_(weights.state.pop(name).double(), alpha=term.weight)
        return weights.notes

    notes = joined([total.notes, *(add(term) for term in others)])
    rounded = {name: tensor.to(kinds.get(name, tensor.dtype)) for name, tensor in state.items()}
    return Weights(total.config, rounded, notes)


def write_average(path: str | Path, recipe: Recipe) -> Notes:
    """Write the sum as a model file of the one part ``generator_ema``.

    Returns:
        What the file says of itself: the data sets and the licences of all that went into it.

    Raises:
        UserError: see ``combine``.
        OSError: it cannot be written.
    """
    total = combine(recipe)
    write_generator(path, total)
    return total.notes


def _tracks(info: ModelInfo) -> dict[str, float]:
    """Part → its relative length, for each power-function average of a snapshot."""
    lengths = {part: posthoc_ema.part_length(part) for part in info.parts}
    return {part: length for part, length in lengths.items() if length is not None}


def _images(path: Path, info: ModelInfo) -> int:
    """The pictures a snapshot's training had seen."""
    try:
        return int(info.header.metadata["images"])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: does not say after how many pictures it was taken; is it a run's snapshot?"
        ) from error


def _refuse_another_shape(first: Term, outline: Outline, term: Term, other: Outline | None) -> None:
    """
    Raises:
        UserError: the two differ in config or shape; names the first thing that does.
    """
    if other is not None:
        why = "only models of one shape have an average"
        refuse_difference(outline, other, names=(first.path, term.path), why=why)
