"""Moving pictures about: flips, turns, translations, scales (StyleGAN2-ADA, appendix B, figure 5).

A change of geometry is a 3×3 matrix on homogeneous coordinates (x, y, 1) in pixels, with the origin at the picture's
centre and y downwards. Matrices here are inverses ``[n, 3, 3]``: from a place in the result to the place in the
picture that it shows. The first step's inverse stands leftmost in a product.

Each step is a pure function of its random numbers: u is uniform in [0, 1), z is standard normal, both ``[n]`` or,
for two axes, ``[n, 2]`` (x, y).
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.augment.transformation import on_chosen
from stylegans.ops.resample import downsample, fir_filter, upsample

Size = tuple[int, int]
Margin = tuple[int, int, int, int]
"""Pixels (left, right, top, bottom)."""

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""The low-pass filter of Daubechies' least asymmetric wavelet with 6 vanishing moments.

Its even shifts are orthogonal, so a picture enlarged with it and shrunk with its mirror image is the picture again.
"""

REACH = len(SYM6) // 4
"""Pixels that the filter needs on each side at twice the resolution, counted at the picture's own."""


# --- single steps ---------------------------------------------------------------------------------------------------


def x_flip(u: Tensor) -> Tensor:
    """Mirror left and right with probability ½."""
    return scaling(1 - 2 * (2 * u).floor(), torch.ones_like(u))


def quarter_turns(u: Tensor) -> Tensor:
    """Turn by 0, 1, 2 or 3 quarters. On a rectangle the centre stays, and reflections fill the new corners."""
    quarters = (4 * u).floor()
    angle = quarters * (math.pi / 2)
    return _turn(angle.cos().round(), angle.sin().round())


def integer_translation(u: Tensor, size: Size) -> Tensor:
    """Move by whole pixels, up to ⅛ of each side."""
    return translation(-((2 * u - 1) * 0.125 * _sides(u, size)).round())


def isotropic_scale(z: Tensor) -> Tensor:
    """Scale by s = 2^(0.2 z)."""
    shrink = (-0.2 * z).exp2()
    return scaling(shrink, shrink)


def rotation(u: Tensor) -> Tensor:
    """Turn by an angle in ± π."""
    angle = (2 * u - 1) * math.pi
    return _turn(angle.cos(), angle.sin())


def anisotropic_scale(z: Tensor) -> Tensor:
    """Scale by s = 2^(0.2 z) in x and 1/s in y."""
    return scaling((-0.2 * z).exp2(), (0.2 * z).exp2())


def fractional_translation(z: Tensor, size: Size) -> Tensor:
    """Move by 0.125 z of each side."""
    return translation(-0.125 * z * _sides(z, size))


# --- matrices -------------------------------------------------------------------------------------------------------


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """diag(x, y, 1) for x, y ``[n]``."""
    return torch.stack([x, y, torch.ones_like(x)], dim=-1).diag_embed()


def translation(shift: Tensor) -> Tensor:
    """(x, y) → (x, y) + ``shift`` ``[n, 2]``."""
    matrix = torch.eye(3, device=shift.device, dtype=shift.dtype).repeat(len(shift), 1, 1)
    matrix[:, :2, 2] = shift
    return matrix


def _turn(cosine: Tensor, sine: Tensor) -> Tensor:
    zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
    entries = [cosine, -sine, zero, sine, cosine, zero, zero, zero, one]
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))


def _sides(like: Tensor, size: Size) -> Tensor:
    height, width = size
    return like.new_tensor([width, height])


def is_identity(matrix: Tensor) -> Tensor:
    """Which of ``[n, k, k]`` are the identity, exactly: bool ``[n]``."""
    return (matrix == torch.eye(matrix.shape[-1], device=matrix.device, dtype=matrix.dtype)).flatten(1).all(dim=1)


# --- the resampling -------------------------------------------------------------------------------------------------


def margin(inverse: Tensor, size: Size) -> Margin:
    """How far the results of all ``inverse`` ``[n, 3, 3]`` together look beyond a picture of ``size`` (height, width).

    The filters' reach included; at most the side less one, all that a reflection can give.
    """
    height, width = size
    x, y = (width - 1) / 2, (height - 1) / 2
    corners = inverse.new_tensor([[-x, x, x, -x], [-y, -y, y, y], [1, 1, 1, 1]])
    seen = (inverse @ corners)[:, :2]  # [n, 2, 4]
    low, high = (-seen).amax(dim=(0, 2)), seen.amax(dim=(0, 2))
    reach = torch.stack([low[0], high[0], low[1], high[1]])
    beyond = (reach + reach.new_tensor([2 * REACH - x] * 2 + [2 * REACH - y] * 2)).ceil().clamp(min=0)
    left, right, top, bottom = (int(pixels) for pixels in beyond.tolist())
    return min(left, width - 1), min(right, width - 1), min(top, height - 1), min(bottom, height - 1)


def warp(images: Tensor, inverse: Tensor, around: Margin) -> Tensor:
    """Pictures ``[n, C, H, W]`` moved by ``inverse`` ``[n, 3, 3]``, with the borders reflected.

    Bilinear sampling of the picture at twice its resolution, between a sharp low-pass filter on the way up and the same
    on the way down: no aliases, little blur. Pictures with the identity are handed through. ``around`` is the margin of
    the whole batch, also where ``images`` are only a part of it: what a filter sees at the reflection's end depends on
    it.
    """
    inverse = inverse.to(images)
    return on_chosen(images, ~is_identity(inverse), lambda some, index: _resample(some, inverse[index], around))


def _resample(images: Tensor, inverse: Tensor, around: Margin) -> Tensor:
    (height, width), (left, right, top, bottom) = images.shape[2:], around
    x = enlarging(height, top, bottom, like=images).T @ (images @ enlarging(width, left, right, like=images))
    # Pixel i of a picture stands at 2i in the enlarged one, half a pixel before the middle of its pair.
    to_input = inverse.new_tensor([[2, 0, left - right - 0.5], [0, 2, top - bottom - 0.5], [0, 0, 1]])
    from_output = inverse.new_tensor([[0.5, 0, 0.25], [0, 0.5, 0.25], [0, 0, 1]])
    out_size = (2 * (height + 2 * REACH), 2 * (width + 2 * REACH))
    x = bilinear(x, _grid(to_input @ inverse @ from_output, out_size, (x.shape[2], x.shape[3])))
    return shrinking(height, like=images).T @ (x @ shrinking(width, like=images))


def enlarging(side: int, before: int, after: int, *, like: Tensor) -> Tensor:
    """Reflecting ends and doubling resolution along one axis, as a matrix ``[side, 2 (before + side + after)]``.

    Rows of pixels are multiplied from the left. For 12 taps and depthwise convolutions as slow as they are, a dense
    product is the fast form: on a CPU 8 to 18 times at 32² and 64², still 4 times at 256².
    """
    one = torch.eye(side, device=like.device, dtype=like.dtype)[None]
    reflected = F.pad(one, [before, after], mode="reflect")[:, None]
    return upsample(reflected, _filter(like), up=(2, 1))[0, 0]


def shrinking(side: int, *, like: Tensor) -> Tensor:
    """Halving resolution along one axis and cropping ``REACH``, as a matrix ``[2 (side + 2 REACH), side]``."""
    one = torch.eye(2 * (side + 2 * REACH), device=like.device, dtype=like.dtype)[None, None]
    return downsample(one, _filter(like), down=(2, 1), padding=(-2 * REACH, -2 * REACH, 0, 0), flip=True)[0, 0]


def _filter(like: Tensor) -> Tensor:
    """The taps along x."""
    return fir_filter(SYM6)[None, :].to(like)


def _grid(matrix: Tensor, size: Size, input_size: Size) -> Tensor:
    """Where the pixels of a result of ``size`` lie in a picture of ``input_size``: ``[n, H, W, 2]`` for ``bilinear``.

    ``matrix`` ``[n, 3, 3]`` leads from the one to the other, in pixels from their centres.
    """
    y, x = (torch.arange(side, device=matrix.device, dtype=matrix.dtype) - (side - 1) / 2 for side in size)
    along_x, along_y, shift = (matrix[:, :2] / (_sides(matrix, input_size) / 2)[:, None]).unbind(dim=2)
    columns = (x[:, None] * along_x[:, None] + shift[:, None])[:, None]  # [n, 1, W, 2]
    return columns + (y[:, None] * along_y[:, None])[:, :, None]


class _Bilinear(torch.autograd.Function):
    """Sampling is linear in the picture; with its adjoint it is closed under differentiation.

    PyTorch's own is differentiable twice only in its later versions.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.size = images.shape
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _BilinearAdjoint.apply(gradients[0], grid, ctx.size), None  # type: ignore[no-untyped-call]


class _BilinearAdjoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, samples: Tensor, grid: Tensor, size: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        unused = samples.new_empty(size)  # the pictures' values matter only to the grid's gradient
        adjoint = torch.ops.aten.grid_sampler_2d_backward  # 0, 0: bilinear, zeros
        images, _ = adjoint(samples.contiguous(), unused, grid, 0, 0, False, [True, False])
        return images

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return bilinear(gradients[0], grid), None, None


def bilinear(images: Tensor, grid: Tensor) -> Tensor:
    """Sample ``[n, C, H, W]`` at ``grid`` ``[n, h, w, 2]``, (x, y) from -1 to 1 between the outer edges; 0 beyond."""
    result: Tensor = _Bilinear.apply(images, grid)  # type: ignore[no-untyped-call]
    return result
