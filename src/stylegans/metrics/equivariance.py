"""EQ-T: whether what is asked to move moves, and nothing else (StyleGAN3, section 3 and appendix E).

A generator whose input can be moved draws a picture twice: once moved at the input, once still; the still one is then
moved as a picture. The larger their likeness in decibels the better. Mathematics only; the protocol of the published
``eqt50k_int`` and ``eqt50k_frac`` is 50,000 latents in batches of 4, one translation for each batch, uniform within an
eighth of the picture either way.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator
from stylegans.ops.resample import upfirdn

REACH = 1 / 8
"""The largest translation, of the picture's side."""

LOBES = 3
"""Of the Lanczos filter that moves a picture by fractions of a pixel."""


class Error(NamedTuple):
    """Squared differences of pictures in [-1, 1], added up over the values that both define."""

    total: float
    values: int

    @property
    def psnr(self) -> float:
        """Peak signal to noise, dB, of a signal whose range is 2."""
        mean = self.total / self.values
        return 20 * math.log10(2) - 10 * math.log10(mean) if mean > 0 else math.inf


def check(G: Generator, name: str, *, smallest: int = 1) -> None:
    """
    Raises:
        UserError: the generator's input cannot be moved, or its pictures have a side below ``smallest`` pixels.
    """
    if not isinstance(getattr(getattr(G.synthesis, "input", None), "transform", None), Tensor):
        raise UserError(f"{name}: only a StyleGAN3's input can be moved; this model has no equivariance to measure")
    if min(G.img_resolution) < smallest:
        raise UserError(f"{name}: the filters need pictures of at least {smallest} pixels a side")


def draw_translation(size: tuple[int, int], *, generator: torch.Generator) -> tuple[float, float]:
    """(x, y) in pixels of a picture of ``size`` (height, width), uniform within an eighth of each side."""
    height, width = size
    x, y = ((torch.rand(2, generator=generator, dtype=torch.float64) * 2 - 1) * REACH).tolist()
    return x * width, y * height


@torch.no_grad()
def translation_error(G: Generator, ws: Tensor, *, x: float, y: float) -> Error:
    """Of the pictures of ws ``[N, num_ws, w_dim]`` moved by x and y pixels to the right and down.

    Whole numbers compare pixels (EQ-T), others what a Lanczos filter makes of them (EQ-T frac).
    """
    still = G.synthesis(ws).float()
    height, width = still.shape[2:]
    with moved(G, x, y):
        found = G.synthesis(ws).float()
    expected = translated(still, x, y)
    rows, columns = valid(height, y), valid(width, x)
    difference = (found - expected)[:, :, rows, columns].double()
    return Error(difference.square().sum().item(), difference.numel())


@contextmanager
def moved(G: Generator, x: float, y: float) -> Iterator[None]:
    """The generator draws its pictures translated by (x, y) pixels."""
    units: float = cast(Any, G.synthesis).units
    with input_changed(G, torch.tensor([[1, 0, -x / units], [0, 1, -y / units], [0, 0, 1]])):
        yield


@contextmanager
def input_changed(G: Generator, change: Tensor) -> Iterator[None]:
    """The generator sees at a place what ``change`` ``[3, 3]`` takes that place to, in sides of the picture."""
    transform: Tensor = cast(Any, G.synthesis).input.transform
    before = transform.clone()
    transform.copy_(before @ change.to(transform))
    try:
        yield
    finally:
        transform.copy_(before)


def translated(images: Tensor, x: float, y: float) -> Tensor:
    """``[N, C, H, W]`` moved to the right and down, by Lanczos' filter; by whole numbers, exactly."""
    (fx, first_x), (fy, first_y) = lanczos(x), lanczos(y)
    around = (len(fx) - 1 + first_x, -first_x, len(fy) - 1 + first_y, -first_y)
    return upfirdn(images, torch.outer(fy, fx).to(images.device, images.dtype), padding=around)


def valid(size: int, shift: float) -> slice:
    """Where a moved picture is made of nothing but the picture, along an axis of ``size`` pixels."""
    taps, first = lanczos(shift)
    return slice(max(first + len(taps) - 1, 0), size + min(first, 0))


def lanczos(shift: float) -> tuple[Tensor, int]:
    """The taps of a translation, and the offset in pixels of the first."""
    if shift == round(shift):
        return torch.ones(1, dtype=torch.float64), round(shift)
    first, last = math.ceil(shift - LOBES), math.floor(shift + LOBES)
    at = torch.arange(first, last + 1, dtype=torch.float64) - shift
    return torch.sinc(at) * torch.sinc(at / LOBES), first
