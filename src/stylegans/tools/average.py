"""Averages of weights: a length of the generator's average chosen after training, and the mean of several models.

Both are a weighted sum of parts of model files, read one at a time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from stylegans import models
from stylegans.config import GeneratorConfig
from stylegans.config.codec import from_dict
from stylegans.errors import UserError
from stylegans.files.model_file import ModelInfo, read_model_info, snapshots, write_model
from stylegans.files.tensors import read_tensors
from stylegans.training import posthoc_ema

PART = "generator_ema"
"""What an average is in the file it is written to."""


@dataclass(frozen=True)
class Term:
    """A generator in a model file, and its weight in a sum."""

    path: Path
    part: str
    weight: float


@dataclass(frozen=True)
class Recipe:
    """A weighted sum of generators. What has no average, and what the file says of itself, comes from the first."""

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
    return combine(recipe_of_length(run if at is None else f"{run}@{at}", length))


def average(
    paths: Sequence[str | Path], weights: Sequence[float] | None = None
) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """The mean of the generators of several models, or their sum with ``weights``.

    Raises:
        MissingFile: a model is not there.
        UserError: see ``recipe_of_models``; or the models differ in shape.
    """
    return combine(recipe_of_models(paths, weights))


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
    parts = [models.default_part(read_model_info(file), path) for file, path in zip(files, paths, strict=True)]
    return Recipe(tuple(map(Term, files, parts, shares)))


def combine(recipe: Recipe) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """The sum, computed in float64: weights of snapshots may be large and of both signs.

    Raises:
        UserError: the generators differ in shape, or in what is not a number to average.
    """
    for term in recipe.terms[1:]:
        _refuse_another_shape(recipe.terms[0], term)
    first = recipe.terms[0]
    config = from_dict(  # type: ignore[var-annotated]
        GeneratorConfig,  # type: ignore[arg-type]
        read_model_info(first.path).configs[first.part],
        where=f"{first.path}: config of {first.part}",
    )
    result = read_tensors(first.path, prefix=f"{first.part}.")
    kinds = {name: tensor.dtype for name, tensor in result.items() if posthoc_ema.is_averaged(name, tensor)}
    for name in kinds:
        result[name] = result[name].double() * first.weight
    for term in recipe.terms[1:]:
        tensors = read_tensors(term.path, prefix=f"{term.part}.")
        for name in kinds:
            result[name].add_(tensors.pop(name).double(), alpha=term.weight)
    return config, {name: tensor.to(kinds.get(name, tensor.dtype)) for name, tensor in result.items()}


def write_average(path: str | Path, recipe: Recipe) -> None:
    """Write the sum as a model file of the one part ``generator_ema``.

    Raises:
        UserError: see ``combine``.
        OSError: it cannot be written.
    """
    config, tensors = combine(recipe)
    info = read_model_info(recipe.terms[0].path)
    write_model(
        path,
        {PART: (config, tensors)},
        family=config.family,
        data=info.data,
        licence=info.licence,
        labels=info.labels,
    )


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


def _shape(info: ModelInfo, part: str) -> dict[str, tuple[int, ...]]:
    shapes = info.header.shapes.items()
    return {name.removeprefix(f"{part}."): shape for name, shape in shapes if name.startswith(f"{part}.")}


def _refuse_another_shape(first: Term, other: Term) -> None:
    """
    Raises:
        UserError: the two differ in config or shape; names the first thing that does.
    """
    infos = read_model_info(first.path), read_model_info(other.path)
    for mine, theirs in (
        (_flat(infos[0].configs[first.part]), _flat(infos[1].configs[other.part])),
        (_shape(infos[0], first.part), _shape(infos[1], other.part)),
    ):
        for name in [*mine, *(theirs.keys() - mine.keys())]:
            if mine.get(name) != theirs.get(name):
                raise UserError(
                    f"{other.path}: its {name} is {theirs.get(name)}, that of {first.path} {mine.get(name)}; "
                    f"only models of one shape have an average"
                )


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
