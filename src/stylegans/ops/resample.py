"""FIR resampling: insert zeros, pad, filter, keep every n-th sample ("upfirdn").

The low-pass filters around every change of resolution in StyleGAN2 (binomial [1, 3, 3, 1]), and any other.
A filter is a tensor of taps: ``[kh, kw]``, or ``[k]`` for a separable one applied along both axes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops.dispatch import use_kernels

Pair = int | Sequence[int]

SEPARABLE_FROM = 8
"""Filters of this many taps or more stay one-dimensional: two passes of k taps cost less than one of k²."""


def fir_filter(
    taps: Sequence[float] | Sequence[Sequence[float]] | Tensor,
    *,
    normalize: bool = True,
    flip: bool = False,
    gain: float = 1.0,
    separable: bool | None = None,
) -> Tensor:
    """Prepare a filter. One-dimensional taps become their outer product unless they stay separable.

    Args:
        normalize: scale the taps to sum 1.
        flip: reverse the taps.
        gain: scale of the signal's magnitude in two dimensions.
        separable: keep one-dimensional taps so; by default from 8 taps on.
    """
    f = torch.as_tensor(taps, dtype=torch.float32)
    if separable is None:
        separable = f.ndim == 1 and f.numel() >= SEPARABLE_FROM
    if f.ndim == 1 and not separable:
        f = torch.outer(f, f)
    if normalize:
        f = f / f.sum()
    if flip:
        f = f.flip(list(range(f.ndim)))
    return f * gain ** (f.ndim / 2)


def upfirdn(
    x: Tensor,
    f: Tensor | None,
    *,
    up: Pair = 1,
    down: Pair = 1,
    padding: Pair = 0,
    flip: bool = False,
    gain: float = 1.0,
    plain: bool = False,
) -> Tensor:
    """Upsample with zeros, pad or crop, convolve, downsample.

    Args:
        x: ``[N, C, H, W]``.
        f: taps ``[kh, kw]`` or ``[k]``; None: the identity.
        up, down: factors, one number or (x, y).
        padding: pixels after upsampling: one number, (x, y) or (left, right, top, bottom); negative crops.
        flip: correlate instead of convolve.
        gain: scale of the result.
        plain: write out the zeros (the definition) instead of the strided forms (fast).
    """
    if f is None:
        f = torch.ones([1, 1], device=x.device)
    resampling = Resampling(*_pair(up), *_pair(down), *sides(padding), flip=flip, gain=gain)
    return _definition(x, f, resampling) if plain else _fast(x, f, resampling)


class Resampling(NamedTuple):
    """The geometry and scale of an upfirdn."""

    up_x: int
    up_y: int
    down_x: int
    down_y: int
    left: int
    right: int
    top: int
    bottom: int
    flip: bool
    gain: float = 1.0

    def adjoint(self, taps: tuple[int, int], size_in: tuple[int, int], size_out: tuple[int, int]) -> "Resampling":
        """The geometry of the transposed map, from pictures of ``size_out`` (height, width) to ``size_in``."""
        (kw, kh), (in_h, in_w), (out_h, out_w) = taps, size_in, size_out
        return Resampling(
            up_x=self.down_x,
            up_y=self.down_y,
            down_x=self.up_x,
            down_y=self.up_y,
            left=kw - self.left - 1,
            right=in_w * self.up_x - out_w * self.down_x + self.left - self.up_x + 1,
            top=kh - self.top - 1,
            bottom=in_h * self.up_y - out_h * self.down_y + self.top - self.up_y + 1,
            flip=not self.flip,
            gain=self.gain,
        )


class _Upfirdn(torch.autograd.Function):
    """The fast form. It is linear in x and its adjoint is another upfirdn, so derivatives of any order are one too.

    Left to itself, PyTorch would differentiate the depthwise convolution, whose backward is far slower.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor, resampling: Resampling) -> Tensor:
        y = _kernel(x, f, resampling) if use_kernels(x) else _strided(x, f, resampling)
        ctx.save_for_backward(f)
        ctx.adjoint = resampling.adjoint(extent(f), (x.shape[2], x.shape[3]), (y.shape[2], y.shape[3]))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (f,) = ctx.saved_tensors
        return _fast(gradients[0], f, ctx.adjoint), None, None


def _fast(x: Tensor, f: Tensor, resampling: Resampling) -> Tensor:
    result: Tensor = _Upfirdn.apply(x, f, resampling)  # type: ignore[no-untyped-call]
    return result


def _strided(x: Tensor, f: Tensor, r: Resampling) -> Tensor:
    x, padding = _insert_zeros(x, r.up_x, r.up_y), (0, 0)
    if r.left == r.right >= 0 and r.top == r.bottom >= 0:
        padding = (r.top, r.left)  # the convolution pads without a copy
    else:
        x = pad(x, r.left, r.right, r.top, r.bottom)
    return depthwise(x, _scaled(f, r, x), stride=(r.down_y, r.down_x), padding=padding)


def _kernel(x: Tensor, f: Tensor, r: Resampling) -> Tensor:
    from stylegans.ops.kernels.upfirdn import upfirdn as kernel  # only where there is Triton

    if f.ndim == 1:
        across = f[None, :], r._replace(up_y=1, down_y=1, top=0, bottom=0)
        along = f[:, None], r._replace(up_x=1, down_x=1, left=0, right=0)
        # the pass that makes the picture taller comes last, one that makes it shorter first
        (f1, first), (f2, last) = (along, across) if r.up_y <= r.down_y else (across, along)
        return _kernel(_kernel(x, f1, first._replace(gain=1)), f2, last)
    around = (r.left, r.right, r.top, r.bottom)
    return kernel(x, f, up=(r.up_x, r.up_y), down=(r.down_x, r.down_y), padding=around, flip=r.flip, gain=r.gain)


def _definition(x: Tensor, f: Tensor, r: Resampling) -> Tensor:
    """Every step written out."""
    x = pad(_insert_zeros(x, r.up_x, r.up_y), r.left, r.right, r.top, r.bottom)
    return depthwise(x, _scaled(f, r, x))[:, :, :: r.down_y, :: r.down_x]


def _scaled(f: Tensor, r: Resampling, x: Tensor) -> Tensor:
    return oriented((f if r.gain == 1 else f * r.gain ** (f.ndim / 2)).to(x.dtype), r.flip)


def oriented(f: Tensor, flip: bool) -> Tensor:
    """``f`` as PyTorch's convolution, which correlates, needs it."""
    return f if flip else f.flip(list(range(f.ndim)))


def filter2d(x: Tensor, f: Tensor, *, padding: Pair = 0, flip: bool = False, gain: float = 1.0) -> Tensor:
    """Filter without changing the size."""
    left, right, top, bottom = sides(padding)
    kw, kh = extent(f)
    around = (left + kw // 2, right + (kw - 1) // 2, top + kh // 2, bottom + (kh - 1) // 2)
    return upfirdn(x, f, padding=around, flip=flip, gain=gain)


def upsample(x: Tensor, f: Tensor, *, up: Pair = 2, padding: Pair = 0, flip: bool = False, gain: float = 1.0) -> Tensor:
    """Enlarge ``[N, C, H, W]`` by ``up`` with filter ``f``; a constant picture keeps its value."""
    up_x, up_y = _pair(up)
    around = up_padding(extent(f), (up_x, up_y), sides(padding))
    return upfirdn(x, f, up=(up_x, up_y), padding=around, flip=flip, gain=gain * up_x * up_y)


def downsample(
    x: Tensor, f: Tensor, *, down: Pair = 2, padding: Pair = 0, flip: bool = False, gain: float = 1.0
) -> Tensor:
    """Shrink ``[N, C, H, W]`` by ``down`` with filter ``f``."""
    factors = _pair(down)
    return upfirdn(x, f, down=factors, padding=down_padding(extent(f), factors, sides(padding)), flip=flip, gain=gain)


Four = tuple[int, int, int, int]


def up_padding(taps: tuple[int, int], up: tuple[int, int], extra: Four = (0, 0, 0, 0)) -> Four:
    """Padding that centres a filter of (kw, kh) taps on an upsampled picture: sizes grow by exactly ``up``."""
    (kw, kh), (up_x, up_y), (left, right, top, bottom) = taps, up, extra
    return (
        left + (kw + up_x - 1) // 2,
        right + (kw - up_x) // 2,
        top + (kh + up_y - 1) // 2,
        bottom + (kh - up_y) // 2,
    )


def down_padding(taps: tuple[int, int], down: tuple[int, int], extra: Four = (0, 0, 0, 0)) -> Four:
    """Padding that centres a filter of (kw, kh) taps before downsampling: sizes shrink by exactly ``down``."""
    (kw, kh), (down_x, down_y), (left, right, top, bottom) = taps, down, extra
    return (
        left + (kw - down_x + 1) // 2,
        right + (kw - down_x) // 2,
        top + (kh - down_y + 1) // 2,
        bottom + (kh - down_y) // 2,
    )


def extent(f: Tensor | None) -> tuple[int, int]:
    """(kw, kh) of a filter, separable or not."""
    return (1, 1) if f is None else (f.shape[-1], f.shape[0])


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    x, y = value
    return x, y


def sides(padding: Pair) -> Four:
    """Padding as (left, right, top, bottom)."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        x, y = padding
        return x, x, y, y
    left, right, top, bottom = padding
    return left, right, top, bottom


def _insert_zeros(x: Tensor, up_x: int, up_y: int) -> Tensor:
    if (up_x, up_y) == (1, 1):
        return x
    n, c, h, w = x.shape
    spread = x.new_zeros([n, c, h, up_y, w, up_x])
    spread[:, :, :, 0, :, 0] = x
    return spread.reshape(n, c, h * up_y, w * up_x)


def pad(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Pad with zeros; negative amounts crop."""
    return F.pad(x, [left, right, top, bottom]) if any((left, right, top, bottom)) else x


def depthwise(
    x: Tensor,
    f: Tensor,
    bias: Tensor | None = None,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Tensor:
    """Correlate every channel with ``f``; add ``bias [C]``."""
    c, (down_y, down_x), (pad_y, pad_x) = x.shape[1], stride, padding
    if f.ndim == 2:
        return F.conv2d(x, f.expand(c, 1, *f.shape), bias, stride=stride, padding=padding, groups=c)
    x = F.conv2d(x, f[:, None].expand(c, 1, -1, 1), stride=(down_y, 1), padding=(pad_y, 0), groups=c)
    return F.conv2d(x, f[None, :].expand(c, 1, 1, -1), bias, stride=(1, down_x), padding=(0, pad_x), groups=c)
