"""Progressive growing: what a network computes while its pyramid is still growing (Progressive GAN, section 2).

The stage of growth is one number, the level of detail: lod 0 is the whole pyramid, lod k a picture 2^k times
smaller, and between k + 1 and k the level with the finer picture fades in. A growing network keeps it as its buffer
``lod``, so that a model saved in the middle of a fade draws what it drew. Pictures are of full size at every stage.
When the level changes is ``training/schedule.py``.
"""

import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegans.config.sizes import Size

L = TypeVar("L")

NAME = "lod"


def register_lod(network: nn.Module) -> None:
    """Give a growing network its buffer, the whole pyramid grown."""
    network.register_buffer(NAME, torch.zeros([]))


def set_lod(network: nn.Module, lod: float) -> None:
    """Set the stage of every growing network in ``network``."""
    for buffer in _lods(network):
        buffer.fill_(lod)


def lod_of(network: nn.Module) -> float:
    """The stage of the first growing network in ``network``; 0 where nothing grows."""
    return float(next(_lods(network), 0.0))


def grows(network: nn.Module) -> bool:
    """Whether any network in ``network`` has a stage of growth."""
    return next(_lods(network), None) is not None


def _lods(network: nn.Module) -> Iterator[Tensor]:
    return (buffer for name, buffer in network.named_buffers() if name.rpartition(".")[2] == NAME)


def fade(lod: float, level_lod: int) -> float:
    """How far the level whose picture is 2^``level_lod`` times smaller is still to come.

    0: it draws alone; 1: it is not there yet and the level below draws for it; between: both, blended.
    """
    return min(max(lod - level_lod, 0.0), 1.0)


def present(levels: Iterable[L], lod: float) -> Iterator[tuple[L, float, bool]]:
    """The levels of a generator that are there at ``lod``, the coarsest first.

    With each, how far it is still to come (``fade``), and whether its picture is needed: a level that a finer one has
    wholly replaced does not draw. The base grid is always there.
    """
    every = list(levels)
    coarsest = len(every) - 1
    lod = min(lod, coarsest)
    for level_lod, level in zip(range(coarsest, math.floor(lod) - 1, -1), every, strict=False):
        yield level, fade(lod, level_lod), fade(lod, level_lod - 1) > 0


def blend(finer: Tensor, coarser: Tensor | None, coming: float) -> Tensor:
    """A level's picture and that of the level below it, half its size, while the finer one fades in."""
    return finer if coarser is None else finer.lerp(enlarge(coarser, 2), coming)


def to_size(images: Tensor, size: Size) -> Tensor:
    """Pictures ``[N, C, h, w]`` of any stage at the full ``size`` (height, width)."""
    return enlarge(images, size[0] // images.shape[2])


def enlarge(images: Tensor, factor: int) -> Tensor:
    """``[N, C, H, W]`` → ``[N, C, H·factor, W·factor]`` by repeating pixels."""
    return images if factor == 1 else F.interpolate(images, scale_factor=factor, mode="nearest")


def shrink(images: Tensor, factor: int) -> Tensor:
    """``[N, C, H, W]`` → ``[N, C, H/factor, W/factor]`` by averaging pixels."""
    return images if factor == 1 else F.avg_pool2d(images, factor)


def at_lod(images: Tensor, lod: float) -> Tensor:
    """Real pictures as a growing network sees them: as detailed as what it can draw, at their full size.

    The two nearest whole levels are blended like the generator's (Progressive GAN, figure 2).
    """
    if lod <= 0:
        return images
    level = math.floor(lod)
    sharp = shrink(images, 2**level)
    if lod > level:
        sharp = sharp.lerp(enlarge(shrink(sharp, 2), 2), lod - level)
    return enlarge(sharp, 2**level)


def active_ws(num_ws: int, lod: float) -> int:
    """How many of the ws reach a level that is there: two per level (StyleGAN's mixing draws among these)."""
    return max(num_ws - 2 * math.floor(lod), 1)
