"""Metrics of the pictures themselves: MS-SSIM and LPIPS between pairs of them, and the sliced Wasserstein distance."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from stylegans.data.pipeline import to_float
from stylegans.metrics.collectors import Pairs, Patches, below
from stylegans.metrics.context import Context, Outcome
from stylegans.metrics.ms_ssim import ms_ssim
from stylegans.metrics.recipes import Recipe
from stylegans.metrics.sliced_wasserstein import Descriptors, swd


def pairs_of(one: Recipe, num: int, context: Context) -> Pairs:
    """What a metric of pairs keeps."""
    if one.kind == "ms-ssim":
        return Pairs(ms_ssim, num)
    distance = context.networks(one)[0]

    def perceptual(a: Tensor, b: Tensor) -> Tensor:
        return distance(to_float(a), to_float(b))

    return Pairs(perceptual, num)


def diversity(one: Recipe, kept: np.ndarray | None, context: Context) -> Outcome:
    """The mean over pairs of generated pictures and, where there is a data set, over pairs of real ones."""
    real: dict[str, float] = {}
    count = 0
    if context.reals is not None:
        of_reals = yield from context.collect_reals(one, pairs_of(one, one.reals or one.num, context))
        if of_reals is not None:
            real, count = {"": float(of_reals.mean())}, 2 * len(of_reals)
    if kept is None:
        return None
    values = {"": float(kept.mean())}
    return context.measurement(one, values, num=2 * len(kept), num_real=count, real=real)


class Halves:
    """What the sliced Wasserstein distance compares, of the first and of the second half of the pictures."""

    def __init__(self, num: int, *, seed: int) -> None:
        self.num = num
        self._half = num // 2
        self._parts = Patches(num, seed=seed), Patches(num, seed=seed)

    def update(self, numbers: range, images: Tensor) -> None:
        cut = below(self._half, numbers)
        first, second = self._parts
        first.update(numbers[:cut], images[:cut])
        second.update(numbers[cut:], images[cut:])

    def share(self) -> tuple[Descriptors, Descriptors]:
        first, second = self._parts
        return first.share(), second.share()

    def join(self, shares: Iterable[tuple[Descriptors, Descriptors]]) -> tuple[Descriptors, Descriptors]:
        firsts, seconds = zip(*shares, strict=True)
        return self._parts[0].join(firsts), self._parts[1].join(seconds)


def patches(one: Recipe, kept: Descriptors | None, context: Context) -> Outcome:
    """The sliced Wasserstein distance from equally many real pictures: the mean over the levels, then each of them.

    What is said of real pictures is the distance between two halves of those.
    """
    halves = yield from context.collect_reals(one, Halves(one.num, seed=context.seed))
    if kept is None or halves is None:
        return None
    first, second = halves
    floor = levels(first, second, context) if first.count == second.count else {}
    first.extend(second)
    return context.measurement(one, levels(kept, first, context), num=kept.count, num_real=first.count, real=floor)


def levels(a: Descriptors, b: Descriptors, context: Context) -> dict[str, float]:
    """The mean distance, and that of each level by its resolution."""
    found = swd(a, b, seed=context.seed, device=context.device)
    return {"": found.average} | {str(side): value for side, value in found.levels.items()}
