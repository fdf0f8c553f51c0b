"""StyleGAN2's layer in one piece: modulated convolution, noise, bias, leaky ReLU, gain (figure 2d), fast on a CPU.

Without gradients to keep, the passes over large feature maps are what is left to save beside the convolutions
themselves. Where maps are larger than weights, the style, the demodulation and the gain go into each sample's weights
(the leaky ReLU commutes with a positive factor), the bias into the convolution, and the maps are computed in bands of
rows that stay in the cache between the convolution, the noise and the activation. Where weights are the larger, they
stay as they are, packed once for all pictures, and the small maps are scaled.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops import winograd
from stylegans.ops.activation import LEAK, bias_act
from stylegans.ops.convolution_act import rectified_
from stylegans.ops.dispatch import use_kernels
from stylegans.ops.eager import eager
from stylegans.ops.modulation import demodulation, modulated_conv2d
from stylegans.ops.packed import Packed
from stylegans.ops.resample import extent, oriented, pad

BAND = 2 << 20
"""Bytes of a band of rows: a few of them fit in a processor's cache."""

PHASES_FROM = 32 * 32
"""Pixels from which an upsampling convolution is computed as four without zeros: oneDNN's own transposed convolution
of many pixels in channels_last reaches half of a convolution's speed on a CPU with AVX2, or less."""


def styled_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    bias: Tensor,
    noise: Tensor | None = None,
    f: Tensor | None = None,
    up: int = 1,
    gain: float = math.sqrt(2),
    clamp: float | None = None,
    packed: Packed | None = None,
    plain: bool = False,
) -> Tensor:
    """clamp(gain · lrelu(demodulated convolution + noise + bias), ±clamp).

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, 3, 3]``; correlates where ``up`` is 1, else convolves.
        styles: ``[N, I]``.
        bias: ``[O]``.
        noise: ``[H·up, W·up]`` or ``[N, 1, H·up, W·up]``, scaled by its strength.
        f: the filter of an upsampling layer, ``[k, k]``.
        up: 1 or 2.
        gain: above 0.
        packed: what is known of ``weight`` from earlier calls.
        plain: step by step, with the weights of each sample, as printed.
    """
    if plain or use_kernels(x):
        x = modulated_conv2d(x, weight, styles, f=f, up=up, padding=1, flip_weight=up == 1, plain=plain)
        return bias_act(x, bias, noise=noise, act="lrelu", gain=gain, clamp=clamp)
    if not _freely(x, weight, styles, bias, noise):
        x = modulated_conv2d(x, weight, styles, f=f, up=up, padding=1, flip_weight=up == 1, gain=gain)
        if noise is not None:
            x = x.add_((noise * gain).to(x.dtype))
        return rectified_(x.add_((bias * gain).to(x.dtype)[:, None, None]), "lrelu", clamp)
    packed = packed or Packed()
    height, width = x.shape[2:]
    maps = height * width * (x.shape[1] + weight.shape[0] * up**2)
    scales = demodulation(weight, styles, squares=packed.squares(weight)) * gain
    bias, noise = bias * gain, None if noise is None else noise * gain
    if maps < weight.numel():
        return _shared(x, weight, styles, scales, bias, noise, f, up, clamp, packed)
    y = torch.empty(
        [len(x), len(weight), height * up, width * up],
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    for i in range(len(x)):
        w = (weight * (scales[i, :, None] * styles[i])[:, :, None, None]).to(x.dtype)
        own = None if noise is None else (noise[i] if noise.ndim == 4 and len(noise) > 1 else noise).to(x.dtype)
        one, out = x[i : i + 1], y[i : i + 1]
        if up == 1 and winograd.suits(one, w):
            wide = winograd.convolved(one, winograd.transformed(w), bias.to(x.dtype), padding=(1, 1))
            _finish(wide, own, clamp, 0, height, out=out)
        elif up == 1:
            _banded(one, w.contiguous(memory_format=torch.channels_last), bias.to(x.dtype), own, clamp, out=out)
        else:
            _banded_up(one, w, bias.to(x.dtype), own, f, clamp, out=out)
    return y


def _freely(*tensors: Tensor | None) -> bool:
    """Whether results may be written in place: on a CPU, with no gradients to keep and no one tracing.

    Not in float16, whose weights must first be normalised.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    if any(tensor.device.type != "cpu" or tensor.dtype is torch.float16 or not eager(tensor) for tensor in given):
        return False
    return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given))


def _shared(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    scales: Tensor,
    bias: Tensor,
    noise: Tensor | None,
    f: Tensor | None,
    up: int,
    clamp: float | None,
    packed: Packed,
) -> Tensor:
    """One weight for all samples, whose small maps are scaled before and after."""
    x = x * styles.to(x.dtype)[:, :, None, None]
    y = packed.conv2d(x, weight, padding=1) if up == 1 else _filtered(packed.conv_transpose2d(x, weight, stride=2), f)
    y.mul_(scales.to(y.dtype)[:, :, None, None])
    if noise is not None:
        y.add_(noise.to(y.dtype))
    y.add_(bias.to(y.dtype)[:, None, None])
    return rectified_(y, "lrelu", clamp)


# --- one sample, its scales in the weights ----------------------------------------------------------------------------


def _banded(x: Tensor, w: Tensor, bias: Tensor, noise: Tensor | None, clamp: float | None, *, out: Tensor) -> None:
    """A 3×3 convolution of ``[1, I, H, W]``, band by band."""
    height = x.shape[2]
    for first, end in _bands(height, out):
        above, below = int(first == 0), int(end == height)
        rows = pad(x[:, :, first - 1 + above : end + 1 - below], 0, 0, above, below)
        y = F.conv2d(rows, w, bias, padding=(0, 1))
        _finish(y, noise, clamp, first, end, out=out)


def _banded_up(
    x: Tensor, w: Tensor, bias: Tensor, noise: Tensor | None, f: Tensor | None, clamp: float | None, *, out: Tensor
) -> None:
    """A transposed 3×3 convolution, then filter and activation band by band."""
    t = _transposed(x, w)
    kernel, height = _kernel(f, t), t.shape[2]
    left, right, top, bottom = _around(f)
    for first, end in _bands(height - 1, out):
        start, stop = first - top, end + 1 + bottom  # t has one row more than there are outputs, which see kh each
        rows = pad(t[:, :, max(start, 0) : min(stop, height)], 0, 0, max(-start, 0), max(stop - height, 0))
        y = _depthwise(rows, kernel, left, right, bias)
        _finish(y, noise, clamp, first, end, out=out)


def _transposed(x: Tensor, w: Tensor) -> Tensor:
    """Zeros between the pixels, convolved with ``w [O, I, 3, 3]``: ``[1, O, 2H + 1, 2W + 1]``."""
    height, width = x.shape[2:]
    if height * width < PHASES_FROM:
        return F.conv_transpose2d(x, w.transpose(0, 1), stride=2)
    t = torch.empty(
        [1, len(w), 2 * height + 1, 2 * width + 1], dtype=x.dtype, device=x.device, memory_format=torch.channels_last
    )
    taps = (slice(None, None, 2), slice(1, 2))  # an even row sees two pixels, by the outer taps; an odd one one
    for row in (0, 1):
        for column in (0, 1):
            phase = w[:, :, taps[row], taps[column]].flip([2, 3]).contiguous(memory_format=torch.channels_last)
            t[:, :, row::2, column::2].copy_(F.conv2d(x, phase, padding=(1 - row, 1 - column)))
    return t


def _filtered(t: Tensor, f: Tensor | None) -> Tensor:
    """The filter that follows a transposed convolution: ``[N, O, 2H + 1, 2W + 1]`` → ``[N, O, 2H, 2W]``."""
    left, right, top, bottom = _around(f)
    return _depthwise(pad(t, 0, 0, top, bottom), _kernel(f, t), left, right, None)


def _around(f: Tensor | None) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of what the filter sees beyond the result of a transposed 3×3 convolution."""
    kw, kh = extent(f)
    return (kw - 1) // 2, (kw - 2) // 2, (kh - 1) // 2, (kh - 2) // 2


def _depthwise(x: Tensor, kernel: Tensor, left: int, right: int, bias: Tensor | None) -> Tensor:
    if left == right:  # the convolution pads without a copy
        return F.conv2d(x, kernel, bias, padding=(0, left), groups=len(kernel))
    return F.conv2d(pad(x, left, right, 0, 0), kernel, bias, groups=len(kernel))


def _kernel(f: Tensor | None, t: Tensor) -> Tensor:
    """The filter ``[kh, kw]`` for each channel, times 4 for the zeros between the pixels."""
    taps = torch.ones([1, 1], device=t.device) if f is None else f
    return (oriented(taps, flip=False) * 4).to(t.dtype).expand(t.shape[1], 1, -1, -1)


def _finish(y: Tensor, noise: Tensor | None, clamp: float | None, first: int, end: int, *, out: Tensor) -> None:
    """Noise and activation of rows ``first`` to ``end``, written to their place."""
    if noise is not None:
        y.add_(noise[..., first:end, :])
    torch.ops.aten.leaky_relu.out(y, LEAK, out=out[:, :, first:end])
    _clamped_(out[:, :, first:end], clamp)


def _clamped_(y: Tensor, clamp: float | None) -> Tensor:
    return y if clamp is None else y.clamp_(-clamp, clamp)


def _bands(height: int, like: Tensor) -> Iterator[tuple[int, int]]:
    """First row and end of each band."""
    rows = max(BAND // (like.stride(2) * like.element_size()), 4)
    for first in range(0, height, rows):
        yield first, min(first + rows, height)
