# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""Noise, bias, (leaky) rectifier, gain and clamp in one pass over memory, with derivatives of any order.

The result is piecewise linear in the input, and its own sign and size tell the piece: backward reads it instead of the
input, multiplies by the slope of the piece, and is its own derivative but for the sums over broadcast axes.
"""

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from stylegans.ops.kernels.launch import ELEMENTS, blocks, dense, device_of, is_channels_last, like


class Pieces(NamedTuple):
    """clamp(gain · max(x, slope · x), ±clamp)."""

    slope: float
    gain: float
    clamp: float | None

    @property
    def linear(self) -> bool:
        return self.slope == 1 and self.clamp is None


def bias_act(
    x: Tensor, b: Tensor | None, noise: Tensor | None, *, dim: int, slope: float, gain: float, clamp: float | None
) -> Tensor:
    """clamp(gain · rectified(x + noise + b), ±clamp), summed in float32.

    Args:
        x: any shape; ``[N, C, H, W]`` where there is noise.
        b: ``[x.shape[dim]]``, or None.
        noise: ``[H, W]`` or ``[N or 1, 1, H, W]``, or None.
        slope: of the rectifier for negative values, at least 0; 1 is none.
        gain, clamp: above 0; no clamp: None.
    """
    pieces, dim = Pieces(slope, gain, clamp), dim % x.ndim
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, b, noise)):
        result: Tensor = _BiasAct.apply(x, b, noise, dim, pieces)
        return result
    return _forward(x, b, noise, dim, pieces)


class _BiasAct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, b: Tensor | None, noise: Tensor | None, dim: int, pieces: Pieces) -> Tensor:
        y = _forward(x, b, noise, dim, pieces)
        ctx.save_for_backward(None if pieces.linear else y)
        ctx.bias, ctx.noise = (None if t is None else (t.shape, t.dtype) for t in (b, noise))
        ctx.dim, ctx.pieces = dim, pieces
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (y,) = ctx.saved_tensors
        dx, db, dnoise = _slope(gradients[0], y, ctx.pieces), None, None
        if ctx.needs_input_grad[1]:
            others = [axis for axis in range(dx.ndim) if axis != ctx.dim]
            db = dx.sum(others, dtype=torch.float32).to(ctx.bias[1]) if others else dx.to(ctx.bias[1])
        if ctx.needs_input_grad[2]:
            shape, dtype = ctx.noise
            dnoise = dx.sum(1, keepdim=True, dtype=torch.float32).sum_to_size(shape).to(dtype)
        return dx, db, dnoise, None, None


class _Slope(torch.autograd.Function):
    """The gradient times the slope of the piece on which ``y`` lies: linear, and its own adjoint."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, y: Tensor, pieces: Pieces) -> Tensor:
        ctx.save_for_backward(y)
        ctx.pieces = pieces
        y = dense(y)
        memory = torch.channels_last if is_channels_last(y) else torch.contiguous_format
        gradient = gradient.contiguous(memory_format=memory)
        result = torch.empty_like(gradient)
        with device_of(y):
            _slope_kernel[(triton.cdiv(y.numel(), ELEMENTS),)](
                gradient, y, result, y.numel(), float(pieces.slope), float(pieces.gain), float(pieces.clamp or 0),
                CLAMP=pieces.clamp is not None, BLOCK=ELEMENTS,
            )  # fmt: skip
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (y,) = ctx.saved_tensors
        return _slope(gradients[0], y, ctx.pieces), None, None


def _slope(gradient: Tensor, y: Tensor | None, pieces: Pieces) -> Tensor:
    if y is None:
        return gradient if pieces.gain == 1 else gradient * pieces.gain
    result: Tensor = _Slope.apply(gradient, y.detach(), pieces)
    return result


def _forward(x: Tensor, b: Tensor | None, noise: Tensor | None, dim: int, pieces: Pieces) -> Tensor:
    x = dense(x) if dim == 1 else x.contiguous()
    y = like(x, *x.shape)
    channels, inner = x.shape[dim], x.shape[dim + 1 :].numel()
    channels_last = is_channels_last(x) or inner == 1
    rows, columns = (x.numel() // channels, channels) if channels_last else (x.numel() // inner, inner)
    tall, wide = blocks(columns)
    with device_of(x):
        _kernel[(triton.cdiv(rows, tall) * triton.cdiv(columns, wide),)](
            x, x if b is None else b.contiguous(), x if noise is None else noise.contiguous(), y,
            rows, columns, channels, 1 if noise is None else noise.numel(),
            float(pieces.slope), float(pieces.gain), float(pieces.clamp or 0),
            BIAS=b is not None, NOISE=noise is not None, CLAMP=pieces.clamp is not None,
            CHANNELS_LAST=channels_last, TALL=tall, WIDE=wide,
        )  # fmt: skip
    return y


@triton.jit(do_not_specialize=["rows", "channels"])
def _kernel(
    x_ptr, b_ptr, noise_ptr, y_ptr, rows, columns, channels, noises, slope, gain, clamp,
    BIAS: tl.constexpr, NOISE: tl.constexpr, CLAMP: tl.constexpr,
    CHANNELS_LAST: tl.constexpr, TALL: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Columns of a block are neighbours in memory: channels of one pixel, or pixels of one channel."""
    across = (columns + WIDE - 1) // WIDE
    block = tl.program_id(0)
    row = block // across * TALL + tl.arange(0, TALL)[:, None]
    column = block % across * WIDE + tl.arange(0, WIDE)[None, :]
    inside = (row < rows) & (column < columns)
    place = row.to(tl.int64) * columns + column
    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.float32)
    if NOISE:
        if CHANNELS_LAST:
            x += tl.load(noise_ptr + row % noises, mask=row < rows, other=0.0).to(tl.float32)
        else:
            pixel = row // channels * columns % noises + column
            x += tl.load(noise_ptr + pixel, mask=inside, other=0.0).to(tl.float32)
    if BIAS:
        if CHANNELS_LAST:
            x += tl.load(b_ptr + column, mask=column < columns, other=0.0).to(tl.float32)
        else:
            x += tl.load(b_ptr + row % channels, mask=row < rows, other=0.0).to(tl.float32)
    y = tl.where(x > 0, x, x * slope) * gain
    if CLAMP:  # written so that what is not a number stays so
        y = tl.where(y > clamp, clamp, tl.where(y < -clamp, -clamp, y))
    tl.store(y_ptr + place, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["elements"])
def _slope_kernel(
    gradient_ptr, y_ptr, result_ptr, elements, slope, gain, clamp, CLAMP: tl.constexpr, BLOCK: tl.constexpr
):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < elements
    gradient = tl.load(gradient_ptr + place, mask=inside, other=0.0).to(tl.float32)
    y = tl.load(y_ptr + place, mask=inside, other=0.0).to(tl.float32)
    result = gradient * tl.where(y > 0, gain, gain * slope)
    if CLAMP:
        result = tl.where((y < clamp) & (y > -clamp), result, 0.0)
    tl.store(result_ptr + place, result.to(result_ptr.dtype.element_ty), mask=inside)
