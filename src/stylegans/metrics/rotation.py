"""EQ-R: whether a picture turned at the input is the picture turned (StyleGAN3, section 3 and appendix E).

A picture's frequencies fill a square, of which turning keeps only what lies in the turned square as well. So before
the comparison both sides are given the frequencies that lie in both squares: the still picture while it is turned, the
generator's turned picture by a filter alone (the paper's pseudo-rotation). The ideal filter of each square is
Lanczos' with three lobes; the kernel of both is their convolution, kept to six pixels on either side and sampled four
times a pixel, between which the turned picture is read linearly. The published ``eqr50k`` is 50,000 latents in
batches of 4, one angle for each batch, uniform in the whole circle.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.metrics.equivariance import LOBES, Error, input_changed
from stylegans.networks.protocol import Generator
from stylegans.ops.polyphase import polyphase
from stylegans.ops.resample import upfirdn

RADIUS = 6
"""Of the kernel, in pixels."""

UP = 4
"""Samples a pixel, of the kernel and of the picture that is read from."""

SMALLEST = 3 * RADIUS
"""Pixels of a side of which at least a few lie far enough from every border, whatever the angle."""


def draw_angle(*, generator: torch.Generator) -> float:
    """Radians, uniform in ±π."""
    return math.pi * (2 * torch.rand((), generator=generator, dtype=torch.float64).item() - 1)


@torch.no_grad()
def rotation_error(G: Generator, ws: Tensor, *, angle: float) -> Error:
    """Of the pictures of ws ``[N, num_ws, w_dim]`` turned by ``angle``, in radians, from the x axis to the y axis.

    The y axis points downwards, so a positive angle turns clockwise.
    """
    still = G.synthesis(ws).float()
    with turned(G, angle):
        found = G.synthesis(ws).float()
    height, width = still.shape[2:]
    mask = valid(height, width, angle)
    difference = (pseudo_rotated(found, angle) - rotated(still, angle))[:, :, mask].double()
    return Error(difference.square().sum().item(), difference.numel())


@contextmanager
def turned(G: Generator, angle: float) -> Iterator[None]:
    """The generator draws its pictures turned by ``angle`` about their middle."""
    cos, sin = math.cos(angle), math.sin(angle)
    # the input's transform says what is seen at a place, so it turns the other way
    with input_changed(G, torch.tensor([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])):
        yield


def rotated(images: Tensor, angle: float) -> Tensor:
    """``[N, C, H, W]`` turned by ``angle``, with the frequencies that the square and the turned square share."""
    kernel = shared_kernel(angle).to(images)
    fine = polyphase(images, kernel, up=UP, padding=RADIUS * UP, gain=UP**2)
    x, y = sources(images.shape[2], images.shape[3], angle)
    height, width = fine.shape[2:]
    # sample i of the picture is sample UP · i of the fine one
    grid = torch.stack([(2 * UP * x + 1) / width - 1, (2 * UP * y + 1) / height - 1], dim=-1)
    grid = grid.to(images).expand(len(images), -1, -1, -1)
    return F.grid_sample(fine, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def pseudo_rotated(images: Tensor, angle: float) -> Tensor:
    """``[N, C, H, W]``, already turned by ``angle``, with the frequencies that ``rotated`` leaves; nothing moves."""
    kernel = shared_kernel(-angle)[::UP, ::UP]
    return upfirdn(images, (kernel / kernel.sum()).to(images), padding=RADIUS)


def shared_kernel(angle: float) -> Tensor:
    """The low-pass kernel of the frequencies that are in the square of a grid and in that of a grid turned by
    ``-angle``: float64 ``[2·RADIUS·UP + 1]²``, of sum 1."""
    at = torch.arange(-RADIUS * UP, RADIUS * UP + 1, dtype=torch.float64) / UP
    y, x = at[:, None], at[None, :]
    cos, sin = math.cos(angle), math.sin(angle)
    upright = lanczos(x - y)  # a convolution along one axis, as a matrix
    turned_square = lanczos(cos * x - sin * y) * lanczos(sin * x + cos * y)
    kernel = upright @ turned_square @ upright
    return kernel / kernel.sum()


def lanczos(t: Tensor) -> Tensor:
    """sinc(t) · sinc(t / a) for |t| < a."""
    return torch.sinc(t) * torch.sinc(t / LOBES) * (t.abs() < LOBES)


def sources(height: int, width: int, angle: float) -> tuple[Tensor, Tensor]:
    """(x, y), each ``[H, W]``: the place in a picture, in pixels, that turning by ``angle`` brings to each pixel."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) - (height - 1) / 2,
        torch.arange(width, dtype=torch.float64) - (width - 1) / 2,
        indexing="ij",
    )
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x + sin * y + (width - 1) / 2, -sin * x + cos * y + (height - 1) / 2


def valid(height: int, width: int, angle: float) -> Tensor:
    """Bool ``[H, W]``: where both sides of the comparison are made of nothing but the picture."""
    x, y = sources(height, width, angle)
    here_x, here_y = sources(height, width, 0.0)
    mask = torch.ones(height, width, dtype=torch.bool)
    for place, size in ((x, width), (y, height), (here_x, width), (here_y, height)):
        mask &= (place >= RADIUS) & (place <= size - 1 - RADIUS)
    return mask
