"""StyleGAN2-ADA's augmentation pipeline (Karras et al. 2020, arXiv 2006.06676, figures 4 and 5, appendix B).

Random numbers first, in the order of figure 5, then what they do: a ``Pipeline``. The same augmentations act on real
and generated pictures alike, each with a probability p below 1, so they do not leak into the generator.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Literal, Self

import torch
from torch import Tensor

from stylegans.augment import color, corrupt, geometry
from stylegans.augment.transformation import rows
from stylegans.config import Pipe
from stylegans.errors import UserError

Single = Literal[
    "xflip",
    "rotate90",
    "xint",
    "scale",
    "rotate",
    "aniso",
    "xfrac",
    "brightness",
    "contrast",
    "lumaflip",
    "hue",
    "saturation",
    "imgfilter",
    "noise",
    "cutout",
]

BLIT: tuple[Single, ...] = ("xflip", "rotate90", "xint")
GEOM: tuple[Single, ...] = ("scale", "rotate", "aniso", "xfrac")
COLOR: tuple[Single, ...] = ("brightness", "contrast", "lumaflip", "hue", "saturation")

PIPES: dict[Pipe, tuple[Single, ...]] = {
    "blit": BLIT,
    "geom": GEOM,
    "color": COLOR,
    "filter": ("imgfilter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
    "bg": (*BLIT, *GEOM),
    "bgc": (*BLIT, *GEOM, *COLOR),
    "bgcf": (*BLIT, *GEOM, *COLOR, "imgfilter"),
    "bgcfn": (*BLIT, *GEOM, *COLOR, "imgfilter", "noise"),
    "bgcfnc": (*BLIT, *GEOM, *COLOR, "imgfilter", "noise", "cutout"),
}
"""The single augmentations of each set."""


@dataclass(frozen=True)
class Pipeline:
    """What happens to each picture of one batch; a step that happens to none is None."""

    inverse: Tensor | None = None
    """Geometry: ``[n, 3, 3]``, see ``geometry``."""
    margin: geometry.Margin = (0, 0, 0, 0)
    """How far the whole batch looks beyond its borders: a part of the batch must be padded alike."""
    color: Tensor | None = None
    """``[n, 4, 4]``, see ``color``."""
    bands: Tensor | None = None
    """Gains of the frequency bands, ``[n, 4]``."""
    noise: Tensor | None = None
    """What is added, ``[n, C, H, W]``."""
    cutout: Tensor | None = None
    """Centres of the holes, ``[n, 2]``."""

    def __call__(self, images: Tensor) -> Tensor:
        """``[n, C, H, W]``, about [-1, 1] → the same shape, dtype and device; twice differentiable in ``images``."""
        if self.inverse is not None:
            images = geometry.warp(images, self.inverse, self.margin)
        if self.color is not None:
            images = color.recolor(images, self.color)
        if self.bands is not None:
            images = corrupt.amplify(images, self.bands)
        if self.noise is not None:
            images = images + self.noise.to(images)
        if self.cutout is not None:
            images = corrupt.cut_out(images, self.cutout)
        return images

    def rows(self, index: Tensor) -> Self:
        """What happens to the pictures ``index`` (int64 ``[m]``) alone."""
        return replace(
            self,
            inverse=rows(self.inverse, index),
            color=rows(self.color, index),
            bands=rows(self.bands, index),
            noise=rows(self.noise, index),
            cutout=rows(self.cutout, index),
        )


def check(pipe: Pipe, *, channels: int) -> None:
    """Refuse to change colours where there are none.

    Raises:
        UserError: the set changes colours, and pictures of so many channels have none.
    """
    if channels not in color.CHANNELS and set(COLOR) & set(PIPES[pipe]):
        able = ", ".join(name for name, steps in PIPES.items() if not set(COLOR) & set(steps))
        raise UserError(
            f"--aug-pipe {pipe}: changes colours, and pictures of {channels} channels have none; choose among {able}"
        )


def draw(pipe: Pipe, *, n: int, channels: int, size: tuple[int, int], p: float, generator: torch.Generator) -> Pipeline:
    """What happens to a batch of ``n`` pictures of ``size`` (height, width), each augmentation with probability ``p``.

    At p = 0 nothing happens and nothing is drawn.

    Raises:
        UserError: the set cannot act on so many channels.
    """
    check(pipe, channels=channels)
    if p <= 0:
        return Pipeline()
    numbers = draw_numbers(PIPES[pipe], n=n, channels=channels, size=size, p=p, generator=generator)
    return transformation(numbers, size=size)


# --- random numbers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """A random number of an augmentation, or several (one for each axis)."""

    of: Single
    name: str
    kind: Literal["uniform", "normal"]
    neutral: float
    """The value at which the picture stays as it is."""
    count: int = 1


NUMBERS = (
    Number("xflip", "xflip", "uniform", 0.0),
    Number("rotate90", "rotate90", "uniform", 0.0),
    Number("xint", "xint", "uniform", 0.5, count=2),
    Number("scale", "scale", "normal", 0.0),
    Number("rotate", "rotate before", "uniform", 0.5),
    Number("aniso", "aniso", "normal", 0.0),
    Number("rotate", "rotate after", "uniform", 0.5),
    Number("xfrac", "xfrac", "normal", 0.0, count=2),
    Number("brightness", "brightness", "normal", 0.0),
    Number("contrast", "contrast", "normal", 0.0),
    Number("lumaflip", "lumaflip", "uniform", 0.0),
    Number("hue", "hue", "uniform", 0.5),
    Number("saturation", "saturation", "normal", 0.0),
    *(Number("imgfilter", f"band {band}", "normal", 0.0) for band in range(corrupt.BANDS)),
    Number("noise", "noise", "normal", 0.0),
)
"""In the order in which the pipeline draws them; the noise's field and the holes follow."""

NEED_COLOR: tuple[Single, ...] = ("hue", "saturation")
"""A grey picture has no hue."""

NOISE = 0.1
"""Standard deviation of the noise's standard deviation, |0.1 z|."""


def draw_numbers(
    singles: tuple[Single, ...],
    *,
    n: int,
    channels: int,
    size: tuple[int, int],
    p: float,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The random numbers of ``singles``, ``[n]`` or ``[n, count]`` by name; neutral with probability 1 - p.

    The two rotations together happen with probability p.
    """

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, device=generator.device, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, device=generator.device, generator=generator)

    numbers = {}
    for number in NUMBERS:
        if number.of in singles and not (channels == 1 and number.of in NEED_COLOR):
            value = (uniform if number.kind == "uniform" else normal)(n, number.count)
            chosen = uniform(n, 1) < (1 - math.sqrt(max(1 - p, 0)) if number.of == "rotate" else p)
            value = torch.where(chosen, value, number.neutral)
            numbers[number.name] = value if number.count > 1 else value.squeeze(1)
    if "noise" in singles:
        numbers["noise field"] = normal(n, channels, *size)
    if "cutout" in singles:
        chosen = uniform(n, 1) < p
        numbers["cutout"] = torch.where(chosen, uniform(n, 2), corrupt.NOWHERE)
    return numbers


# --- what they do ---------------------------------------------------------------------------------------------------

Step = Callable[[Tensor], Tensor]

COLOR_STEPS: dict[str, Step] = {
    "brightness": color.brightness,
    "contrast": color.contrast,
    "lumaflip": color.luma_flip,
    "hue": color.hue,
    "saturation": color.saturation,
}


def geometry_steps(size: tuple[int, int]) -> dict[str, Step]:
    """By the names of their numbers, in order."""
    return {
        "xflip": geometry.x_flip,
        "rotate90": geometry.quarter_turns,
        "xint": partial(geometry.integer_translation, size=size),
        "scale": geometry.isotropic_scale,
        "rotate before": geometry.rotation,
        "aniso": geometry.anisotropic_scale,
        "rotate after": geometry.rotation,
        "xfrac": partial(geometry.fractional_translation, size=size),
    }


def transformation(numbers: Mapping[str, Tensor], *, size: tuple[int, int]) -> Pipeline:
    """What ``numbers``, of any of the augmentations, do to pictures of ``size`` (height, width)."""
    moves = [step(numbers[name]) for name, step in geometry_steps(size).items() if name in numbers]
    inverse = _unless_identity(reduce(torch.matmul, moves)) if moves else None
    colors = [step(numbers[name]) for name, step in COLOR_STEPS.items() if name in numbers]
    bands = [numbers[f"band {band}"] for band in range(corrupt.BANDS) if f"band {band}" in numbers]
    noise = None
    if "noise" in numbers:
        noise = (NOISE * numbers["noise"]).abs()[:, None, None, None] * numbers["noise field"]
    return Pipeline(
        inverse=inverse,
        margin=(0, 0, 0, 0) if inverse is None else geometry.margin(inverse, size),
        color=_unless_identity(reduce(torch.matmul, reversed(colors))) if colors else None,
        bands=corrupt.band_gains(torch.stack(bands, dim=1)) if bands else None,
        noise=noise,
        cutout=numbers.get("cutout"),
    )


def _unless_identity(matrix: Tensor) -> Tensor | None:
    return None if bool(geometry.is_identity(matrix).all()) else matrix
