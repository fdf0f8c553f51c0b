# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""The filtered leaky ReLU (StyleGAN3, section 3.2) without the upsampled signal ever reaching memory.

A program computes one tile of one channel. Along an axis, filtering is a product with a banded matrix of taps, so that
a tile costs four small matrix products: U = A_y · X · A_xᵀ, Z = clamp(gain · max(U, slope · U)), Y = D_y · Z · D_xᵀ.
A filter that does not separate is a sum of ones that do, one for each of its rows.

What backward needs is the piece of the rectifier on which each upsampled sample lay: two bits, four samples to a byte.
With the pieces given the operation is linear, and its adjoint is the same with the filters exchanged and reversed; so
first and second derivatives are this kernel again.
"""

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from stylegans.ops.kernels.bias_act import Pieces
from stylegans.ops.kernels.launch import device_of, is_channels_last, like, power_of_two

TILE = 64
"""Upsampled samples along each side of a program's tile."""
WIDEST = 128
"""Input samples along a side, at most."""

SIZES = [
    "channels", "across_tiles", "along_tiles", "in_h", "in_w", "middle_h", "middle_w", "height", "width",
    "left", "top", "after_left", "after_top", "skip_x", "skip_y", "x_n", "x_c", "x_y", "y_n", "y_c", "y_y",
]  # fmt: skip
"""One kernel for all of them; of ``x_x`` and ``y_x`` it must know whether neighbours lie side by side."""


class Geometry(NamedTuple):
    """Which samples meet which taps. The middle signal is the upsampled one; ``left`` and ``top`` pad its zeros."""

    up: int
    down: int
    left: int
    top: int
    after_left: int
    """Pads the middle signal before the second filter."""
    after_top: int
    size_in: tuple[int, int]
    size_middle: tuple[int, int]
    size_out: tuple[int, int]
    flip: bool

    def adjoint(self, first: tuple[int, int], second: tuple[int, int]) -> "Geometry":
        """Of the transposed map; ``first`` and ``second`` are this one's filters, (kw, kh)."""
        return Geometry(
            up=self.down,
            down=self.up,
            left=second[0] - 1 - self.after_left,
            top=second[1] - 1 - self.after_top,
            after_left=first[0] - 1 - self.left,
            after_top=first[1] - 1 - self.top,
            size_in=self.size_out,
            size_middle=self.size_middle,
            size_out=self.size_in,
            flip=not self.flip,
        )


def fits(up_filter: Tensor, down_filter: Tensor, *, up: int, down: int) -> bool:
    """Whether the tiles can hold the filters, there and back."""
    first, second = _taps(up_filter), _taps(down_filter)
    there = all(_tile(up, down, *k) is not None for k in zip(first, second, strict=True))
    return there and all(_tile(down, up, *k) is not None for k in zip(second, first, strict=True))


def filtered_lrelu(
    x: Tensor,
    b: Tensor | None,
    *,
    up_filter: Tensor,
    down_filter: Tensor,
    up: int,
    down: int,
    padding: tuple[int, int, int, int],
    gain: float,
    slope: float,
    clamp: float | None,
    flip: bool,
) -> Tensor:
    """Bias, upsampling, leaky ReLU, gain, clamp, downsampling.

    Args:
        x: ``[N, C, H, W]``.
        b: ``[C]``, or None.
        up_filter, down_filter: taps ``[k]`` or ``[kh, kw]``, which ``fits`` accepts.
        padding: (left, right, top, bottom) after upsampling.
    """
    (h, w), (left, right, top, bottom) = x.shape[2:], padding
    (up_w, up_h), (down_w, down_h) = _taps(up_filter), _taps(down_filter)
    height = (h * up + top + bottom - up_h + 1 - down_h) // down + 1
    width = (w * up + left + right - up_w + 1 - down_w) // down + 1
    middle = ((height - 1) * down + down_h, (width - 1) * down + down_w)  # what the output sees of it
    geometry = Geometry(up, down, left, top, 0, 0, (h, w), middle, (height, width), flip)
    pieces = Pieces(slope, gain * up**2, clamp)
    if torch.is_grad_enabled() and (x.requires_grad or (b is not None and b.requires_grad)):
        result: Tensor = _FilteredLeakyReLU.apply(x, b, up_filter, down_filter, geometry, pieces)
        return result
    return _launch(x, b, None, up_filter, down_filter, geometry, pieces, write=False)


class _FilteredLeakyReLU(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, b: Tensor | None, first: Tensor, second: Tensor, geometry: Geometry, pieces: Pieces
    ) -> Tensor:
        n, c, (height, width) = *x.shape[:2], geometry.size_middle
        mask = torch.empty([n, c, height, -(-width // 4)], dtype=torch.uint8, device=x.device)
        y = _launch(x, b, mask, first, second, geometry, pieces, write=True)
        ctx.save_for_backward(mask, first, second)
        ctx.geometry, ctx.pieces, ctx.bias = geometry, pieces, None if b is None else b.dtype
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        mask, first, second = ctx.saved_tensors
        adjoint = ctx.geometry.adjoint(_taps(first), _taps(second))
        dx: Tensor = _Masked.apply(gradients[0], mask, second, first, adjoint, ctx.pieces)
        db = dx.sum([0, 2, 3], dtype=torch.float32).to(ctx.bias) if ctx.needs_input_grad[1] else None
        return dx, db, None, None, None, None


class _Masked(torch.autograd.Function):
    """Upsampling, the slopes of given pieces, downsampling."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mask: Tensor, first: Tensor, second: Tensor, geometry: Geometry, pieces: Pieces
    ) -> Tensor:
        ctx.save_for_backward(mask, first, second)
        ctx.geometry, ctx.pieces = geometry, pieces
        return _launch(x, None, mask, first, second, geometry, pieces, write=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        mask, first, second = ctx.saved_tensors
        adjoint = ctx.geometry.adjoint(_taps(first), _taps(second))
        return _Masked.apply(gradients[0], mask, second, first, adjoint, ctx.pieces), None, None, None, None, None


def _taps(f: Tensor) -> tuple[int, int]:
    return f.shape[-1], f.shape[0]


def _tile(up: int, down: int, first: int, second: int) -> tuple[int, int] | None:
    """Input and output samples of a tile along an axis, for filters of so many taps; None: they need a larger one."""
    into = triton.cdiv(TILE + first - 1, up) + 1
    out = (TILE - second) // down + 1
    out -= out % (4 // math.gcd(4, down))  # tiles begin with a byte of the mask
    return (into, out) if into <= WIDEST and out > 0 else None


def _launch(
    x: Tensor,
    b: Tensor | None,
    mask: Tensor | None,
    first: Tensor,
    second: Tensor,
    geometry: Geometry,
    pieces: Pieces,
    *,
    write: bool,
) -> Tensor:
    """``mask``: where the pieces are written, or read from; None: neither."""
    g, (n, c) = geometry, x.shape[:2]
    (in_h, in_w), (middle_h, middle_w), (height, width) = g.size_in, g.size_middle, g.size_out
    y = like(x, n, c, height, width)
    if y.numel() == 0:
        return y
    across, along = (_tile(g.up, g.down, *k) for k in zip(_taps(first), _taps(second), strict=True))
    assert across is not None
    assert along is not None
    across_tiles, along_tiles = triton.cdiv(width, across[1]), triton.cdiv(height, along[1])
    skip_x, skip_y = (triton.cdiv(max(p + q, 0), g.up) + 1 for p, q in ((g.left, g.after_left), (g.top, g.after_top)))
    with device_of(x):
        _kernel[(n * c * across_tiles * along_tiles,)](
            x, x if b is None else b.contiguous(), x if mask is None else mask,
            first.contiguous(), second.contiguous(), y,
            c, across_tiles, along_tiles, in_h, in_w, middle_h, middle_w, height, width,
            g.left, g.top, g.after_left, g.after_top, skip_x, skip_y, *x.stride(), *y.stride(),
            float(pieces.slope), float(pieces.gain), float(pieces.clamp or 0),
            UP=g.up, DOWN=g.down, FLIP=g.flip,
            FIRST_W=_taps(first)[0], FIRST_H=_taps(first)[1], FIRST_FULL=first.ndim == 2,
            SECOND_W=_taps(second)[0], SECOND_H=_taps(second)[1], SECOND_FULL=second.ndim == 2,
            BIAS=b is not None, CLAMP=pieces.clamp is not None, READ=mask is not None and not write, WRITE=write,
            CHANNELS_LAST=is_channels_last(x),
            TILE=TILE, IN_X=_block(across[0]), IN_Y=_block(along[0]),
            OUT_X=across[1], OUT_Y=along[1], BLOCK_X=_block(across[1]), BLOCK_Y=_block(along[1]),
            PRECISION="ieee" if torch.version.hip else "tf32x3",
            INTERPRETED=not isinstance(_kernel, triton.JITFunction),
        )  # fmt: skip
    return y


def _block(n: int) -> int:
    """The side of a matrix that holds ``n``: a power of two that a matrix product can have."""
    return max(power_of_two(n), 16)


@triton.jit(do_not_specialize=SIZES)
def _kernel(
    x_ptr, b_ptr, mask_ptr, first_ptr, second_ptr, y_ptr,
    channels, across_tiles, along_tiles, in_h, in_w, middle_h, middle_w, height, width,
    left, top, after_left, after_top, skip_x, skip_y,
    x_n, x_c, x_y, x_x, y_n, y_c, y_y, y_x, slope, gain, clamp,
    UP: tl.constexpr, DOWN: tl.constexpr, FLIP: tl.constexpr,
    FIRST_W: tl.constexpr, FIRST_H: tl.constexpr, FIRST_FULL: tl.constexpr,
    SECOND_W: tl.constexpr, SECOND_H: tl.constexpr, SECOND_FULL: tl.constexpr,
    BIAS: tl.constexpr, CLAMP: tl.constexpr, READ: tl.constexpr, WRITE: tl.constexpr, CHANNELS_LAST: tl.constexpr,
    TILE: tl.constexpr, IN_X: tl.constexpr, IN_Y: tl.constexpr,
    OUT_X: tl.constexpr, OUT_Y: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_Y: tl.constexpr,
    PRECISION: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    program, tiles = tl.program_id(0), across_tiles * along_tiles
    if CHANNELS_LAST:  # neighbours in memory at the same time
        plane, tile = program // (channels * tiles) * channels + program % channels, program // channels % tiles
    else:
        plane, tile = program // tiles, program % tiles
    sample, channel = (plane // channels).to(tl.int64), plane % channels
    tile_x, tile_y = tile % across_tiles, tile // across_tiles
    dtype = x_ptr.dtype.element_ty

    # places in the middle signal, and the first input sample that the tile's first one meets
    middle_x0, middle_y0 = tile_x * OUT_X * DOWN - after_left, tile_y * OUT_Y * DOWN - after_top
    in_x0 = (middle_x0 - left + skip_x * UP) // UP - skip_x
    in_y0 = (middle_y0 - top + skip_y * UP) // UP - skip_y

    in_x, in_y = in_x0 + tl.arange(0, IN_X)[None, :], in_y0 + tl.arange(0, IN_Y)[:, None]
    inside = (in_x >= 0) & (in_x < in_w) & (in_y >= 0) & (in_y < in_h)
    x = tl.load(x_ptr + sample * x_n + channel.to(tl.int64) * x_c + in_y * x_y + in_x * x_x, mask=inside, other=0.0)
    if BIAS:
        x = tl.where(inside, x.to(tl.float32) + tl.load(b_ptr + channel).to(tl.float32), 0.0)

    tap_x = (in_x0 + tl.arange(0, IN_X)[:, None]) * UP + left - (middle_x0 + tl.arange(0, TILE)[None, :])
    tap_y = (in_y0 + tl.arange(0, IN_Y)[None, :]) * UP + top - (middle_y0 + tl.arange(0, TILE)[:, None])
    z = _both_axes(x, first_ptr, tap_y, tap_x, TILE, TILE, FIRST_W, FIRST_H, FIRST_FULL, FLIP,
                   dtype, PRECISION, INTERPRETED)  # fmt: skip

    middle_x, middle_y = middle_x0 + tl.arange(0, TILE)[None, :], middle_y0 + tl.arange(0, TILE)[:, None]
    within = (middle_x >= 0) & (middle_x < middle_w) & (middle_y >= 0) & (middle_y < middle_h)
    pitch = (middle_w + 3) // 4
    mask_ptr += plane.to(tl.int64) * middle_h * pitch
    if READ:
        packed = tl.load(mask_ptr + middle_y * pitch + middle_x // 4, mask=within, other=0).to(tl.int32)
        piece = (packed >> (middle_x % 4 * 2)) & 3
        z *= tl.where(piece == 0, gain * slope, tl.where(piece == 1, gain, 0.0))
    else:
        piece = (z > 0).to(tl.int32)
        z = tl.where(z > 0, z, z * slope) * gain
        if CLAMP:  # written so that what is not a number stays so
            piece = tl.where((z > clamp) | (z < -clamp), 2, piece)
            z = tl.where(z > clamp, clamp, tl.where(z < -clamp, -clamp, z))
        if WRITE:
            packed = _packed(piece, TILE)
            byte = middle_x0 // 4 + tl.arange(0, TILE // 4)[None, :]
            # tiles overlap: each writes what is its own, the last ones all
            own_x = (byte * 4 < middle_x0 + OUT_X * DOWN) | (tile_x == across_tiles - 1)
            own_y = (middle_y < middle_y0 + OUT_Y * DOWN) | (tile_y == along_tiles - 1)
            own = own_x & own_y & (byte < pitch) & (middle_y < middle_h)
            tl.store(mask_ptr + middle_y * pitch + byte, packed.to(tl.uint8), mask=own)
    z = tl.where(within, z, 0.0)

    tap_x = tl.arange(0, TILE)[:, None] - tl.arange(0, BLOCK_X)[None, :] * DOWN
    tap_y = tl.arange(0, TILE)[None, :] - tl.arange(0, BLOCK_Y)[:, None] * DOWN
    y = _both_axes(z, second_ptr, tap_y, tap_x, BLOCK_Y, BLOCK_X, SECOND_W, SECOND_H, SECOND_FULL, FLIP,
                   dtype, PRECISION, INTERPRETED)  # fmt: skip

    in_tile_x, in_tile_y = tl.arange(0, BLOCK_X)[None, :], tl.arange(0, BLOCK_Y)[:, None]
    out_x, out_y = tile_x * OUT_X + in_tile_x, tile_y * OUT_Y + in_tile_y
    inside = (in_tile_x < OUT_X) & (out_x < width) & (in_tile_y < OUT_Y) & (out_y < height)
    y_ptr += sample * y_n + channel.to(tl.int64) * y_c
    tl.store(y_ptr + out_y * y_y + out_x * y_x, y.to(dtype), mask=inside)


@triton.jit
def _both_axes(
    x, f_ptr, tap_y, tap_x, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    W: tl.constexpr, H: tl.constexpr, FULL: tl.constexpr, FLIP: tl.constexpr,
    dtype: tl.constexpr, PRECISION: tl.constexpr, INTERPRETED: tl.constexpr,
):  # fmt: skip
    """Filter rows and columns of ``x``; ``tap``: which tap joins a sample of the one side to one of the other."""
    if FULL:
        total = tl.full([ROWS, COLUMNS], 0.0, tl.float32)
        for row in range(H):
            moved = _product((tap_y == row).to(dtype), x, dtype, PRECISION, INTERPRETED)
            start = row * W if FLIP else (H - 1 - row) * W
            total += _product(moved, _band(f_ptr + start, tap_x, W, FLIP), dtype, PRECISION, INTERPRETED)
    else:
        rows = _product(_band(f_ptr, tap_y, H, FLIP), x, dtype, PRECISION, INTERPRETED)
        total = _product(rows, _band(f_ptr, tap_x, W, FLIP), dtype, PRECISION, INTERPRETED)
    return total


@triton.jit
def _band(f_ptr, tap, TAPS: tl.constexpr, FLIP: tl.constexpr):
    place = tap if FLIP else TAPS - 1 - tap
    return tl.load(f_ptr + place, mask=(tap >= 0) & (tap < TAPS), other=0.0)


@triton.jit
def _product(a, b, dtype: tl.constexpr, PRECISION: tl.constexpr, INTERPRETED: tl.constexpr):
    """Of factors rounded to ``dtype``, summed in float32."""
    a, b = a.to(dtype), b.to(dtype)
    if INTERPRETED:  # in numpy, which has no bfloat16
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, input_precision=PRECISION)


@triton.jit
def _packed(piece, TILE: tl.constexpr):
    """Four pieces to a byte, the first in its lowest bits."""
    even, odd = tl.split(tl.reshape(piece, [TILE, TILE // 2, 2]))
    low, high = tl.split(tl.reshape(even | odd << 2, [TILE, TILE // 4, 2]))
    return low | high << 4
