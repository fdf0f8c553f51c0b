"""Weights of one shape made into weights of another, so that what they compute stays as near as it can.

Where a layer grows, its new outputs are fresh and its old outputs do not read its new inputs yet: the larger layer
computes what the smaller one did (Net2Net's function preservation, Chen et al. 2016, arXiv 1511.05641, section 2.1).
Where it shrinks, the first channels stay, scaled up to keep the variance of what they sum to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.config.sizes import Size

LUMA = (0.299, 0.587, 0.114)
"""Grey of a colour picture (ITU-R BT.601), as the data sets' are made."""


@dataclass(frozen=True)
class Overlap:
    """Which places of an axis have a counterpart: those at ``new`` were at ``old``."""

    new: Tensor
    old: Tensor
    sizes: tuple[int, int]
    """Of the whole axis, new and old."""
    kept: float
    """Share of the old axis's first part that has a place in the new one."""

    @property
    def whole(self) -> bool:
        """Whether nothing is new and nothing lost."""
        return self.sizes[0] == self.sizes[1] == len(self.new)

    def how(self, of: str) -> str:
        """In words, of an axis of channels or inputs; empty where it is whole."""
        new, old = self.sizes
        if self.whole:
            return ""
        return f"first {new} of {old} {of}" if new < old else f"{len(self.new)} of {new} {of} from the source"


def overlap(new: Sequence[int], old: Sequence[int]) -> Overlap:
    """Of an axis made of consecutive parts, the leading places that each pair of parts shares.

    A part without a partner on the other side has no counterpart.
    """
    places: tuple[list[int], list[int]] = ([], [])
    for i, (a, b) in enumerate(zip(new, old, strict=False)):
        for side, lengths in zip(places, (new, old), strict=True):
            side += range(sum(lengths[:i]), sum(lengths[:i]) + min(a, b))
    kept = min(new[0], old[0]) / old[0] if old[0] else 1.0
    return Overlap(torch.tensor(places[0]).long(), torch.tensor(places[1]).long(), (sum(new), sum(old)), kept)


def graft_matrix(fresh: Tensor, old: Tensor, rows: Overlap, columns: Overlap, *, scale: float = 1.0) -> Tensor:
    """``old [O, I, …]`` in the shape of ``fresh [O', I', …]``: kept outputs read kept inputs alone, times ``scale``."""
    result = fresh.clone()
    result[rows.new] = 0
    result[rows.new[:, None], columns.new] = old[rows.old[:, None], columns.old] * scale
    return result


def graft_vector(fresh: Tensor, old: Tensor, places: Overlap, *, scale: float = 1.0) -> Tensor:
    """``old [O, …]`` in the shape of ``fresh [O', …]``, times ``scale``; new places stay fresh."""
    result = fresh.clone()
    result[places.new] = old[places.old] * scale
    return result


def keep_variance(columns: Overlap) -> float:
    """What makes up for the inputs that are gone, were they independent and alike: √(before / after)."""
    return math.sqrt(1 / columns.kept) if columns.kept else 1.0


def resample_grid(maps: Tensor, size: Size) -> Tensor:
    """``[…, h, w]`` bilinearly at another ``size``; a flat map stays as it is."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    flat = maps.reshape(-1, 1, *maps.shape[-2:]).float()
    return F.interpolate(flat, size=list(size), mode="bilinear", align_corners=False).reshape(*maps.shape[:-2], *size)


@dataclass(frozen=True)
class Recolor:
    """An affine map of a picture's channels: new = matrix · old + offset."""

    matrix: Tensor
    """``[new, old]``."""
    offset: Tensor
    """``[new]``."""

    def to(self, like: Tensor) -> "Recolor":
        """On the device of ``like``."""
        return Recolor(self.matrix.to(like), self.offset.to(like))


def recolor(*, old: int, new: int) -> Recolor:
    """How a picture of ``old`` channels, in [-1, 1], is shown in ``new``.

    1 is grey, 3 RGB, 4 RGBA. Grey is repeated as RGB, RGB becomes its luma, a missing alpha is opaque (+1), and a
    superfluous one is dropped. Between other numbers of channels the first ones are kept and new ones are 0.
    """
    matrix, offset = torch.eye(new, old), torch.zeros(new)
    if old != new and {old, new} <= {1, 3, 4}:
        if new == 1:
            matrix[0, :3] = torch.tensor(LUMA)
        elif old == 1:
            matrix[:3, 0] = 1
        if new == 4:
            offset[3] = 1
    return Recolor(matrix, offset)


def name_of(channels: int) -> str:
    """What pictures of so many channels are called."""
    return {1: "grey", 3: "RGB", 4: "RGBA"}.get(channels, f"{channels} channels")


def drawn_in(*, old: int, new: int) -> str:
    """What became of to-RGB layers, in words."""
    how = {(3, 1): "luma", (1, 3): "repeated", (3, 4): "alpha opaque", (1, 4): "repeated, alpha opaque"}
    how |= {(4, 3): "alpha dropped", (4, 1): "luma, alpha dropped"}
    return _between(old, new, how.get((old, new), "the first ones kept"))


def seen_in(*, old: int, new: int) -> str:
    """What became of from-RGB layers, in words."""
    how = {(3, 1): "weights summed over colour", (1, 3): "weights shared out as luma", (3, 4): "alpha not read yet"}
    how |= {(4, 3): "alpha taken as opaque", (1, 4): "weights shared out as luma, alpha not read yet"}
    how |= {(4, 1): "weights summed over colour, alpha taken as opaque"}
    return _between(old, new, how.get((old, new), "the first ones kept"))


def _between(old: int, new: int, how: str) -> str:
    return "" if old == new else f"{name_of(old)} → {name_of(new)}: {how}"
