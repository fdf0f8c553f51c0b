"""How much of a generator's pictures each resolution makes (StyleGAN2, section 4.2 and figure 8).

A resolution's share is the standard deviation of the pixel values that it adds, relative to the sum over all of them.
The paper takes it over 1024 pictures; a training, on every tick, over few, which are of the same latents each time, so
that their sampling error is nearly the same on all ticks.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from stylegans.config.sizes import Size
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.sampling import Sampling, batch_for, latents
from stylegans.networks.base import GeneratorNetwork
from stylegans.networks.protocol import Generator, device_of
from stylegans.networks.pyramid import lod_of
from stylegans.networks.resolutions import definition, grids, parts

NUM = 16
"""Pictures of a training's tick. They take a skip or residual generator about as long as training on two or three, any
other on two for each resolution: of a tick of 4 kimg well below 1 %. On three small trained models their shares came
within 2.3 percentage points of those over 1024."""


def shares_now(G: GeneratorNetwork, reals: RealFeatures, *, num: int = NUM, seed: int = 0) -> dict[Size, float]:
    """Each resolution's share, from 0 to 1, the coarsest first. No random state but its own is drawn from.

    Of a network that is growing, only resolutions that are there already; none at all where they cannot be told apart
    (see ``stylegans.networks.resolutions``), or where a picture is not of finite numbers.

    Args:
        reals: whose labels a conditional generator is given.
        num: pictures that the deviations are taken over.
    """
    if definition(G) is None:
        return {}
    labels = reals.labels(num, c_dim=G.c_dim, seed=seed) if G.c_dim else None
    sampling = Sampling(num, seed, batch_for(G.img_resolution, device_of(G)), labels)
    with torch.no_grad():
        found = shares(G, (G.mapping(some.z, some.c) for some in latents(G, sampling)))
    if not all(map(math.isfinite, found)):
        return {}
    sizes = [grid.size for grid in grids(G)]
    there = max(len(sizes) - math.floor(lod_of(G)), 1)
    by_grid = found[-len(sizes) :]  # without the picture of the average w, which is the same for all
    return dict(list(zip(sizes, by_grid, strict=True))[:there])


def shares(G: Generator, ws: Iterable[Tensor]) -> tuple[float, ...]:
    """The relative standard deviation of each of ``parts`` over pictures; they sum to 1 (or all are 0).

    Of a part it is the root of the variance over the pictures of each pixel and channel, averaged over these.

    Args:
        ws: of the pictures, [N, num_ws, w_dim] at a time.

    Raises:
        ValueError: the model has no resolutions that could be told apart.
    """
    deviations: list[Deviation] = []
    for some in ws:
        found = parts(G, some)
        deviations = deviations or [Deviation(part.images[0]) for part in found]
        for deviation, part in zip(deviations, found, strict=True):
            deviation.update(part.images)
    values = [deviation.value() for deviation in deviations]
    total = sum(values)
    return tuple(value / total if total else 0.0 for value in values)


class Deviation:
    """The standard deviation of pixels over pictures that come in batches.

    What is summed are differences from one picture: then float32 does, which every device has, and of equal pictures
    the deviation is 0 to the bit.
    """

    def __init__(self, picture: Tensor) -> None:
        """``picture``: [C, H, W], near the others."""
        self._origin, self._sum = picture, torch.zeros_like(picture)
        self._squares, self._count = 0.0, 0

    def update(self, images: Tensor) -> None:
        """Take in pictures [N, C, H, W]."""
        away = images - self._origin
        self._sum += away.sum(dim=0)
        self._squares += float(away.square().sum())
        self._count += len(images)

    def value(self) -> float:
        """The root of each pixel's and channel's variance, averaged over these."""
        total = self._squares - float(self._sum.square().sum()) / self._count
        return math.sqrt(max(total, 0.0) / (self._count * self._sum.numel()))
