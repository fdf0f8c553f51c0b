"""Two models in one: the coarse layers of A, the fine ones of B (Pinkney and Adler 2020, arXiv 2010.05334, section 2).

Where B was trained from A, or both from one model, their layers fit together: faces of A's shape in B's manner. Every
weight is (1 − α) · A's + α · B's, α depending on the resolution r of its layer alone. Layer swapping: α is 0 up to
``at`` and 1 beyond. With a ``width`` above 1 α rises evenly with log r instead, over so many doublings.

A layer's resolution is that of its output, the larger side of the grid; the to-RGB layer of a grid belongs to it. In a
StyleGAN3 it is the sampling rate of the layer's output, as in pixels of the picture, margins not counted.
"""

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal

from torch import Tensor

from stylegans import models
from stylegans.config import GeneratorConfig, Mapping, ProGAN, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.config.networks import MAPPED
from stylegans.config.sizes import levels
from stylegans.errors import UserError
from stylegans.networks.stylegan3 import signals
from stylegans.tools.weights import (
    Notes,
    Weights,
    joined,
    quick_outline,
    read_generator,
    refuse_difference,
    write_generator,
)
from stylegans.training.posthoc_ema import is_averaged

Model = Literal["a", "b"]

MAPPING = "mapping."
"""What the names of a mapping network's tensors begin with, and those of its config's fields."""

OF_ONE = (
    *(f"{MAPPING}{field.name}" for field in fields(Mapping) if field.name != "w_dim"),
    *(f"{MAPPING}{name}" for name in ("layers.", "embed.", "w_avg")),
)
"""What may differ, for the mapping network comes whole from one of the two."""

WHY = "only models of one shape can be blended"


def resolutions(config: GeneratorConfig) -> tuple[int, ...]:
    """The resolutions that a model's layers have, rising: where it can be cut, after each.

    Raises:
        UserError: a network whose layers have none.
    """
    return tuple(sorted(set(_of_blocks(config))))


def share(resolution: int, *, at: int, width: float = 1.0) -> float:
    """α of a layer: B's share in its weights.

    With a width of w doublings it is 0 up to at · 2^((1 − w) / 2) and 1 from at · 2^((1 + w) / 2) on.
    """
    if at == 0:
        return 1.0
    beyond = math.log2(resolution / at) - 0.5  # doublings beyond the middle between at and the next resolution
    return min(max(beyond / width + 0.5, 0.0), 1.0)


def blend(a: Weights, b: Weights, *, at: int, width: float = 1.0, mapping: Model | None = None) -> Weights:
    """The model with A's layers up to the resolution ``at``, and B's beyond.

    Args:
        at: one of ``resolutions``, of which the last gives all of A; or 0, which gives all of B.
        width: doublings over which one goes over into the other; 1: from one resolution to the next, at once.
        mapping: whose mapping network, with its average w; None: A's, but B's where all other layers are B's.

    Raises:
        UserError: the two differ in shape (their mapping networks may, except in the length of w), one is of a family
            whose layers have no resolution, or an option makes no sense for them.
    """
    check(a.config, at=at, width=width)
    _refuse_difference(a, b, ("A", "B"))
    if mapping is not None and not any(name.startswith(MAPPING) for name in a.state):
        raise UserError("--mapping: this model has no mapping network; leave it out")
    styles = mapping or ("b" if at == 0 else "a")
    state: dict[str, Tensor] = {}
    of_blocks = _of_blocks(a.config)
    for name, mine in a.state.items():
        if not name.startswith(MAPPING):
            alpha = share(_resolution(name, of_blocks), at=at, width=width)
            state[name] = _between(name, mine, b.state[name], alpha)
    chosen = a if styles == "a" else b
    state |= {name: tensor for name, tensor in chosen.state.items() if name.startswith(MAPPING)}
    notes = replace(joined([a.notes, b.notes]), labels=chosen.notes.labels)
    return Weights(_with_mapping(a.config, chosen.config), state, notes)


def write_blend(
    path: str | Path, a: str | Path, b: str | Path, *, at: int, width: float = 1.0, mapping: Model | None = None
) -> Notes:
    """Write the blend of two models, whatever ``stylegans.load`` takes, as a model file.

    Returns:
        What the file says of itself: both models' data sets and licences.

    Raises:
        MissingFile: a model is not there.
        UserError: as ``blend``; nothing is written.
        OSError: it cannot be written.
    """
    files = models.find(a), models.find(b)
    outlines = [quick_outline(file) for file in files]
    for outline in outlines:
        if outline is not None:
            check(outline.config, at=at, width=width)
    first, second = (read_generator(file) for file in files)
    _refuse_difference(first, second, (a, b))
    blended = blend(first, second, at=at, width=width, mapping=mapping)
    write_generator(path, blended)
    return blended.notes


def check(config: GeneratorConfig, *, at: int, width: float) -> None:
    """
    Raises:
        UserError: this model cannot be cut there.
    """
    there = resolutions(config)
    if at != 0 and at not in there:
        *some, last = there
        names = ", ".join([*map(str, some), f"{last} (all of A)"])
        raise UserError(f"--at: {at} is no resolution of this model's layers; use 0 (all of B), {names}")
    if not (math.isfinite(width) and width >= 1):
        raise UserError(f"--width: {width:g} doublings; use 1, which swaps layers at once, or more")


def _of_blocks(config: GeneratorConfig) -> list[int]:
    """The resolution of each of the synthesis network's blocks or, in a StyleGAN3, layers."""
    if isinstance(config, StyleGAN3):
        rates = [signal.rate for signal in signals(config)]
        return [max(config.resolution) * rate // rates[-1] for rate in rates]
    if isinstance(config, (ProGAN, StyleGAN, StyleGAN2)):
        return [max(config.base) << level for level in range(levels(config.base, config.resolution))]
    raise UserError(f"a network of the family {config.family} cannot be blended: its layers are not told by resolution")


def _resolution(name: str, of_blocks: list[int]) -> int:
    """The resolution that a tensor of the synthesis network belongs to."""
    _, kind, *rest = name.split(".")
    return of_blocks[int(rest[0])] if kind in ("blocks", "layers") else of_blocks[0]


def _between(name: str, mine: Tensor, theirs: Tensor, alpha: float) -> Tensor:
    if alpha in (0, 1) or not is_averaged(name, mine):
        return theirs if alpha > 0.5 else mine  # a noise map has no mean that would be noise
    return mine.lerp(theirs.to(mine.dtype), alpha)


def _with_mapping(config: GeneratorConfig, chosen: GeneratorConfig) -> GeneratorConfig:
    if isinstance(config, MAPPED) and isinstance(chosen, MAPPED):
        return replace(config, mapping=chosen.mapping)
    return config


def _refuse_difference(a: Weights, b: Weights, names: tuple[object, object]) -> None:
    """
    Raises:
        UserError: the two do not fit together; names the first difference.
    """
    refuse_difference(a.outline, b.outline, names=names, why=WHY, but=OF_ONE)
    growth = "synthesis.lod"
    if growth in a.state and not a.state[growth].equal(b.state[growth]):
        stages = (f"{float(weights.state[growth]):g}" for weights in (b, a))
        raise UserError("{1}: its level of detail is {2}, that of {0} {3}; {4}".format(*names, *stages, WHY))
