"""The sliced Wasserstein distance of Laplacian pyramids (Karras et al. 2018, ProGAN, section 5; its tables 1 and 3).

Pictures → Laplacian pyramid (Burt and Adelson 1983) → 128 random patches of 7 × 7 pixels from each picture and level,
its *descriptors* → per level, the distance between two sets of descriptors, times 1,000 as the paper prints it. The
low levels tell of large-scale structure, the high ones of texture and sharpness. No feature network is needed, and
pictures may have any number of channels.

The paper compares 2^14 = 16,384 pictures a side, so 2^21 descriptors a level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.metrics.separable import filtered

PATCH = 7
PATCHES = 128
"""From each picture and level."""
DIRECTIONS = 512
"""Of the random projections: the paper's "512 projections"."""
COARSEST = 16
"""The last level's shorter side is from here to below its double, if the sides allow."""
UNIT = 1e3
"""Distances are printed times this."""

TAPS = (1, 4, 6, 4, 1)
"""The binomial filter: over 16 on the way down, over 8 on the way up, where every other pixel is empty."""

STEPS = 128
"""Descriptors are kept as int16 in steps of 1/128 of a grey level; a pyramid of 8 bits stays within ±255."""

BLOCK_BYTES = 1 << 28
"""Of one set's projections at a time."""


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of each level of the pyramid, the finest first.

    A picture is halved while both sides are even and the shorter stays at 16 or above: H, H/2, …, 16 for a square of
    a power of two, and one level for what is smaller than 32.

    Raises:
        UserError: a picture in which no patch fits.
    """
    if min(height, width) < PATCH:
        raise UserError(f"swd: pictures of {height}x{width} hold no patch of {PATCH}x{PATCH}; take larger ones")
    sizes = [(height, width)]
    while height % 2 == 0 and width % 2 == 0 and min(height, width) // 2 >= COARSEST:
        height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Burt and Adelson's Laplacian pyramid: float [N, C, H, W] → its levels, the finest first.

    Each level is the picture less what remains of it when it is halved and doubled again; the last one is the small
    picture that is left. Beyond its border a picture continues mirrored about its outermost pixels.
    """
    levels = []
    for _ in level_sizes(*images.shape[2:])[1:]:
        smaller = _halved(images)
        levels.append(images - _doubled(smaller))
        images = smaller
    return [*levels, images]


def from_pyramid(levels: Sequence[Tensor]) -> Tensor:
    """The pictures that ``laplacian_pyramid`` took apart."""
    images = levels[-1]
    for level in reversed(levels[:-1]):
        images = level + _doubled(images)
    return images


class Descriptors:
    """The patches of a set of pictures, level by level, which come in batches.

    Where the patches lie in a picture depends on the seed and on the picture's number alone, so that neither the size
    of the batches nor the number of processes changes a result. They take 38 kB for each picture and level in colour:
    the paper's 2^14 pictures of 1024² come to 4.3 GB a side.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.count = 0
        """Pictures taken in."""
        self.shape: tuple[int, ...] = ()
        """(C, H, W) of the pictures; empty before the first."""
        self._seed = seed
        self._parts: list[list[Tensor]] = []

    @property
    def resolutions(self) -> list[int]:
        """The shorter side of each level, the finest first."""
        return [min(size) for size in level_sizes(*self.shape[1:])]

    def update(self, images: Tensor, *, numbers: Sequence[int] | None = None) -> None:
        """Take in pictures, uint8 [N, C, H, W].

        Args:
            images: on any device; descriptors are kept in main memory.
            numbers: of each picture in its set, where a process sees only some of them. None: they go on counting.

        Raises:
            UserError: the pictures are too small for a patch.
            ValueError: of another type or shape than those before, or as many numbers are not given.
        """
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"images are uint8 [N, C, H, W], not {images.dtype} {list(images.shape)}")
        shape = tuple(images.shape[1:])
        if self.shape and shape != self.shape:
            raise ValueError(f"images of {list(shape)} after those of {list(self.shape)}")
        numbers = range(self.count, self.count + len(images)) if numbers is None else numbers
        if len(numbers) != len(images):
            raise ValueError(f"{len(numbers)} numbers of {len(images)} images")
        corners = _corners(level_sizes(*shape[1:]), numbers, seed=self._seed)
        if len(images) == 0:
            return
        self.shape = shape
        if not self._parts:
            self._parts = [[] for _ in corners]
        for parts, level, corner in zip(self._parts, laplacian_pyramid(images.float()), corners, strict=True):
            patches = _patches(level, corner.to(level.device))
            parts.append((patches * STEPS).round_().to("cpu", torch.int16))
        self.count += len(images)

    def extend(self, other: "Descriptors") -> None:
        """Take in what another process collected, of its own pictures.

        Raises:
            ValueError: they are of another shape.
        """
        if other.count == 0:
            return
        if self.shape and other.shape != self.shape:
            raise ValueError(f"descriptors of images of {list(other.shape)} and of {list(self.shape)}")
        self.shape = other.shape
        self._parts = [a + b for a, b in zip(self._parts or [[] for _ in other._parts], other._parts, strict=True)]
        self.count += other.count

    def level(self, number: int) -> list[Tensor]:
        """One level's descriptors in steps of 1/128, int16 [N, 128, C, 7, 7], in parts as they came."""
        return self._parts[number]


@dataclass(frozen=True)
class SlicedWasserstein:
    """Distances times 1,000, as in the paper's tables."""

    levels: dict[int, float]
    """By the level's resolution (its shorter side), the finest first."""
    average: float
    """Their mean: the column "Avg"."""


def swd(a: Descriptors, b: Descriptors, *, seed: int = 0, device: torch.device | str = "cpu") -> SlicedWasserstein:
    """The sliced Wasserstein distance between two sets of descriptors (Rabin et al. 2011), level by level.

    In each set every channel's descriptors are brought to mean 0 and standard deviation 1. Both sets are projected
    on 512 random directions of length 1; along each direction the distance is the mean difference of the sorted
    projections; their mean is the level's. A set too small has distances above zero from its like: compare equal
    numbers of pictures only.

    Args:
        a, b: descriptors of equally many pictures of one shape.
        seed: of the directions.
        device: where to project and sort, in blocks of about a quarter of a gigabyte.

    Raises:
        ValueError: there are none, or the sets differ in their number or shape.
    """
    if a.shape != b.shape or a.count != b.count or a.count == 0:
        raise ValueError(
            f"descriptors compare of equally many images of one shape, not {a.count} of {list(a.shape)} "
            f"and {b.count} of {list(b.shape)}"
        )
    directions = _directions(a.shape[0], seed=seed)
    resolutions = a.resolutions
    distances = [_distance(a.level(i), b.level(i), directions, device=device) for i in range(len(resolutions))]
    return SlicedWasserstein(
        levels={side: UNIT * distance for side, distance in zip(resolutions, distances, strict=True)},
        average=UNIT * float(np.mean(distances)),
    )


def _blurred(images: Tensor, *, gain: float) -> Tensor:
    return filtered(F.pad(images, (2, 2, 2, 2), mode="reflect"), [gain * tap / sum(TAPS) for tap in TAPS])


def _halved(images: Tensor) -> Tensor:
    return _blurred(images, gain=1)[:, :, ::2, ::2]


def _doubled(images: Tensor) -> Tensor:
    n, c, h, w = images.shape
    spread = images.new_zeros(n, c, 2 * h, 2 * w)
    spread[:, :, ::2, ::2] = images
    return _blurred(spread, gain=2)


def _corners(sizes: list[tuple[int, int]], numbers: Sequence[int], *, seed: int) -> list[Tensor]:
    """The upper left corners of the patches, per level [N, 2, 128]. numpy's legacy generator never changes."""
    drawn = []
    for number in numbers:
        random = np.random.RandomState([seed, number])
        drawn.append([[random.randint(side - PATCH + 1, size=PATCHES) for side in size] for size in sizes])
    whole = np.array(drawn, dtype=np.int64).reshape(len(drawn), len(sizes), 2, PATCHES)
    return list(torch.from_numpy(whole).unbind(1))


def _patches(level: Tensor, corners: Tensor) -> Tensor:
    """[N, C, H, W] → [N, 128, C, 7, 7]."""
    windows = level.unfold(2, PATCH, 1).unfold(3, PATCH, 1).permute(0, 2, 3, 1, 4, 5)
    picture = torch.arange(len(level), device=level.device)[:, None]
    return windows[picture, corners[:, 0], corners[:, 1]]


def _directions(channels: int, *, seed: int) -> Tensor:
    """Unit vectors, float64 [512, C, 7, 7]."""
    directions = np.random.RandomState(seed).randn(DIRECTIONS, channels, PATCH, PATCH)
    return torch.from_numpy(directions / np.sqrt((directions**2).sum(axis=(1, 2, 3), keepdims=True)))


def _distance(a: list[Tensor], b: list[Tensor], directions: Tensor, *, device: torch.device | str) -> float:
    descriptors = PATCHES * sum(len(part) for part in a)
    width = max(1, BLOCK_BYTES // (4 * descriptors))
    total = 0.0
    projections = [_Projection(parts, device=device) for parts in (a, b)]
    for block in directions.split(width):
        first, second = (_sorted(projection(block)) for projection in projections)
        total += (first - second).abs_().mean(dim=1).sum().item()
    return total / len(directions)


def _sorted(rows: Tensor) -> Tensor:
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    values = rows.numpy()
    values.sort(axis=1)  # ten times as fast as torch, which also sorts indices
    return rows


class _Projection:
    """Normalises one set's descriptors and projects them: the normalisation is put into the directions."""

    def __init__(self, parts: list[Tensor], *, device: torch.device | str) -> None:
        self.parts, self.device = parts, device
        numbers = sum(part.numel() for part in parts) / parts[0].shape[2]
        self.mean = sum((_per_channel(part) for part in parts), start=torch.zeros(())) / numbers
        centre = self.mean.view(-1, 1, 1)
        square = sum((_per_channel((part.double() - centre).square_()) for part in parts), start=torch.zeros(()))
        deviation = (square / numbers).sqrt()
        self.scale = torch.where(deviation > 0, 1 / deviation, 1.0)  # a constant channel stays unscaled

    def __call__(self, directions: Tensor) -> Tensor:
        """directions [D, C, 7, 7] → float32 [D, descriptors]."""
        scaled = directions * self.scale.view(-1, 1, 1)
        offset = (scaled * self.mean.view(-1, 1, 1)).sum(dim=(1, 2, 3))
        matrix, offset = (x.float().to(self.device) for x in (scaled.flatten(1), offset))
        parts = [matrix @ part.to(self.device).flatten(2).flatten(0, 1).float().T for part in self.parts]
        return torch.cat(parts, dim=1) - offset[:, None]


def _per_channel(part: Tensor) -> Tensor:
    return part.sum(dim=(0, 1, 3, 4), dtype=torch.float64)
