"""Convolution with fast gradients of any order on a CPU.

⟨g, conv(x, w)⟩ is linear in each of g, x and w, so the gradient with respect to one of them is a map of the other two:
the convolution, its transpose and the weight gradient, whose own gradients are these three again. Written out, each
takes the form that is fast: Winograd's for wide convolutions, four convolutions for a large transposed one, and for
the weights another than oneDNN's in channels_last, which takes two to three times as long as a convolution.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops import winograd
from stylegans.ops.eager import eager
from stylegans.ops.resample import pad

Pair = tuple[int, int]

PHASES_FROM = 128 * 128
"""Pixels from which a transposed convolution of stride 2 is computed as four without zeros: oneDNN's own, of many
pixels in channels_last, reaches half of a convolution's speed on a CPU with AVX2, or less."""

PHASES_CHANNELS = 64
"""The fewest outputs for which that holds with AVX-512 too."""


class Geometry(NamedTuple):
    """Of a convolution: (y, x) each."""

    stride: Pair
    padding: Pair


def conv2d(x: Tensor, w: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: Pair = (0, 0)) -> Tensor:
    """``F.conv2d`` of ``[N, I, H, W]`` with ``[O, I, kh, kw]``; ``padding`` is (y, x)."""
    geometry = Geometry((stride, stride), padding)
    if not _ours(x, w):
        return _direct(x, w, bias, geometry)
    y: Tensor = _Convolution.apply(x, w.view_as(w), bias, geometry)  # type: ignore[no-untyped-call]
    return y


def conv_transpose2d(x: Tensor, w: Tensor, *, stride: int = 1) -> Tensor:
    """``F.conv_transpose2d`` of ``[N, I, H, W]`` with ``[I, O, kh, kw]``, without padding."""
    geometry = Geometry((stride, stride), (0, 0))
    size = (x.shape[2] - 1) * stride + w.shape[2], (x.shape[3] - 1) * stride + w.shape[3]
    if not _ours(x, w):
        return _spread(x, w, geometry, size)
    return _transpose(x, w.view_as(w), geometry, size)


def _ours(x: Tensor, w: Tensor) -> bool:
    """Where gradients are asked for, in full precision, on a CPU."""
    wanted = torch.is_grad_enabled() and (x.requires_grad or w.requires_grad)
    return wanted and x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64) and eager(x)


def _direct(x: Tensor, w: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Whichever form is fast, where no one asks for gradients."""
    if geometry.stride == (1, 1) and winograd.suits(x, w):
        return winograd.convolved(x, winograd.transformed(w), bias, padding=geometry.padding)
    return F.conv2d(x, w, bias, stride=geometry.stride, padding=geometry.padding)


def _spread(g: Tensor, w: Tensor, geometry: Geometry, size: Pair) -> Tensor:
    """The transpose, in whichever form is fast, where no one asks for gradients."""
    stride, padding = geometry
    if stride == (1, 1):  # a convolution with the weights turned
        around = w.shape[2] - 1 - padding[0], w.shape[3] - 1 - padding[1]
        if min(around) >= 0 and winograd.suits(g, w.transpose(0, 1)):
            turned = w.flip([2, 3]).transpose(0, 1)
            return winograd.convolved(g, winograd.transformed(turned), padding=around)
    beyond = [
        full - ((had - 1) * step - 2 * around + taps)  # rows that no output reached
        for full, had, step, around, taps in zip(size, g.shape[2:], stride, padding, w.shape[2:], strict=True)
    ]
    doubles = stride == (2, 2) and padding == (0, 0) and tuple(w.shape[2:]) == (3, 3) and not any(beyond)
    if doubles and _phases_suit(g, w):
        return _by_phases(g, w)
    return F.conv_transpose2d(g, w, stride=stride, padding=padding, output_padding=beyond)


def _phases_suit(g: Tensor, w: Tensor) -> bool:
    """With bfloat16 arithmetic, oneDNN's own form is the faster."""
    if not eager(g) or g.device.type != "cpu" or g.shape[2] * g.shape[3] < PHASES_FROM:
        return False
    return not _has_avx512() or (g.dtype is not torch.bfloat16 and w.shape[1] >= PHASES_CHANNELS)


def _by_phases(g: Tensor, w: Tensor) -> Tensor:
    """``[N, I, H, W]`` and ``[I, O, 3, 3]`` → ``[N, O, 2H + 1, 2W + 1]``: by four convolutions that see no zeros."""
    height, width = g.shape[2:]
    shape = [len(g), w.shape[1], 2 * height + 1, 2 * width + 1]
    t = torch.empty(shape, dtype=g.dtype, memory_format=torch.channels_last)
    taps = (slice(None, None, 2), slice(1, 2))  # an even row sees two pixels, by the outer taps; an odd one one
    for row in (0, 1):
        for column in (0, 1):
            phase = w[:, :, taps[row], taps[column]].flip([2, 3]).transpose(0, 1)
            phase = phase.contiguous(memory_format=torch.channels_last)
            t[:, :, row::2, column::2].copy_(F.conv2d(g, phase, padding=(1 - row, 1 - column)))
    return t


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.geometry = geometry
        return _direct(x, w, bias, geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        (g,), (x, w) = gradients, ctx.saved_tensors
        for_x, for_w, for_bias = (_wanted(ctx, index) for index in range(3))
        return (
            _transpose(g, w, ctx.geometry, (x.shape[2], x.shape[3])) if for_x else None,
            _weight_gradient(x, g, ctx.geometry, (w.shape[2], w.shape[3])) if for_w else None,
            g.sum(dim=[0, 2, 3]) if for_bias else None,
            None,
        )


class _Transpose(torch.autograd.Function):
    """The gradient with respect to a convolution's input, of ``size``."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, w: Tensor, geometry: Geometry, size: Pair) -> Tensor:
        ctx.save_for_backward(g, w)
        ctx.geometry = geometry
        return _spread(g, w, geometry, size)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (h,), (g, w) = gradients, ctx.saved_tensors
        for_g, for_w = (_wanted(ctx, index) for index in range(2))
        return (
            _convolution(h, w, ctx.geometry) if for_g else None,
            _weight_gradient(h, g, ctx.geometry, (w.shape[2], w.shape[3])) if for_w else None,
            None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """The gradient with respect to a convolution's weights, of ``taps`` (kh, kw)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor, geometry: Geometry, taps: Pair) -> Tensor:
        ctx.save_for_backward(x, g)
        ctx.geometry = geometry
        return _by_convolution(x, g, geometry, taps) if _has_avx512() else _by_products(x, g, geometry, taps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (v,), (x, g) = gradients, ctx.saved_tensors
        for_x, for_g = (_wanted(ctx, index) for index in range(2))
        return (
            _transpose(g, v, ctx.geometry, (x.shape[2], x.shape[3])) if for_x else None,
            _convolution(x, v, ctx.geometry) if for_g else None,
            None,
            None,
        )


def _wanted(ctx: Any, index: int) -> bool:
    """Whether this pass of backward has a use for the gradient of a function's input.

    A penalty asks for the gradient of the picture alone: the weights could have one too, which would be computed in
    vain. Of leaves it cannot be known; the weights are handed on as views, which are none.
    """
    if not ctx.needs_input_grad[index]:
        return False
    node = ctx.next_functions[index][0]
    is_leaf = node is None or node.name() == "torch::autograd::AccumulateGrad"
    return is_leaf or bool(torch._C._will_engine_execute_node(node))


def _convolution(x: Tensor, w: Tensor, geometry: Geometry) -> Tensor:
    y: Tensor = _Convolution.apply(x, w, None, geometry)  # type: ignore[no-untyped-call]
    return y


def _transpose(g: Tensor, w: Tensor, geometry: Geometry, size: Pair) -> Tensor:
    x: Tensor = _Transpose.apply(g, w, geometry, size)  # type: ignore[no-untyped-call]
    return x


def _weight_gradient(x: Tensor, g: Tensor, geometry: Geometry, taps: Pair) -> Tensor:
    w: Tensor = _WeightGradient.apply(x, g, geometry, taps)  # type: ignore[no-untyped-call]
    return w


def _has_avx512() -> bool:
    """There oneDNN's weight gradient in contiguous layout is the faster, with AVX2 the matrix products are."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


def _by_convolution(x: Tensor, g: Tensor, geometry: Geometry, taps: Pair) -> Tensor:
    """oneDNN's, in contiguous layout."""
    like = x.new_empty([g.shape[1], x.shape[1], *taps])
    _, w, _ = torch.ops.aten.convolution_backward(
        g.contiguous(),
        x.contiguous(),
        like,
        None,
        geometry.stride,
        geometry.padding,
        [1, 1],
        False,
        [0, 0],
        1,
        [False, True, False],
    )
    return w


def _by_products(x: Tensor, g: Tensor, geometry: Geometry, taps: Pair) -> Tensor:
    """For each tap one product of all the output's gradients with all the pixels that the tap saw."""
    (down, right), (top, left) = geometry
    outer, inner, (height, width) = g.shape[1], x.shape[1], g.shape[2:]
    x = pad(x, left, left, top, top)
    gradients = g.permute(0, 2, 3, 1).reshape(-1, outer).t()
    w = torch.empty([outer, inner, *taps], dtype=x.dtype, memory_format=torch.channels_last)
    for i in range(taps[0]):
        for j in range(taps[1]):
            seen = x[:, :, i : i + (height - 1) * down + 1 : down, j : j + (width - 1) * right + 1 : right]
            torch.mm(gradients, seen.permute(0, 2, 3, 1).reshape(-1, inner), out=w[:, :, i, j])
    return w
