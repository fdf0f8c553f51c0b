"""A convolution between two scales, that of its inputs and that of its outputs: modulation and demodulation, without
gradients, fast on a CPU.

Without gradients to keep, the passes over large feature maps are what is left to save beside the convolution itself.
Where maps are larger than weights, the scales go into each sample's weights, and the bias into the convolution. Where
weights are the larger, they stay as they are, packed once for all pictures, and the small maps are scaled.
"""

import torch
from torch import Tensor

from stylegans.ops.convolution_gradients import conv2d, conv_transpose2d
from stylegans.ops.packed import Packed
from stylegans.ops.resample import depthwise, extent, oriented, pad


def scaled_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    scales: Tensor,
    *,
    bias: Tensor,
    padding: int,
    f: Tensor | None = None,
    up: int = 1,
    packed: Packed | None = None,
) -> Tensor:
    """scales · conv(styles · x) + bias, a tensor that no one else has seen.

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, kh, kw]``; correlates where ``up`` is 1, else convolves.
        styles: ``[N, I]``.
        scales: ``[N, O]``.
        bias: ``[O]``.
        padding: relative to the upsampled map; 1 where ``up`` is 2.
        f: the filter of an upsampling layer, ``[k, k]``.
        up: 1 or 2, of which the latter takes 3×3 weights.
        packed: what is known of ``weight`` from earlier calls.
    """
    height, width = x.shape[2:]
    maps = height * width * (x.shape[1] + weight.shape[0] * up**2)
    if maps < weight.numel():  # one weight for all samples, whose small maps are scaled before and after
        packed, x = packed or Packed(), x * styles.to(x.dtype)[:, :, None, None]
        if up == 1:
            y = packed.conv2d(x, weight, padding=padding)
        else:
            y = _filtered(packed.conv_transpose2d(x, weight, stride=2), f)
        return y.mul_(scales.to(y.dtype)[:, :, None, None]).add_(bias.to(y.dtype)[:, None, None])

    def drawn(i: int) -> Tensor:
        w = (weight * (scales[i, :, None] * styles[i])[:, :, None, None]).to(x.dtype)
        one, b = x[i : i + 1], bias.to(x.dtype)
        if up == 1:
            return conv2d(one, w, b, padding=(padding, padding))
        return _filtered(conv_transpose2d(one, w.transpose(0, 1), stride=2), f, b)

    first = drawn(0)
    if len(x) == 1:
        return first
    every = torch.empty([len(x), *first.shape[1:]], dtype=first.dtype, memory_format=torch.channels_last)
    every[0] = first[0]
    del first  # so that besides all only one is held
    for i in range(1, len(x)):
        every[i : i + 1] = drawn(i)
    return every


def _filtered(t: Tensor, f: Tensor | None, bias: Tensor | None = None) -> Tensor:
    """The filter that follows a transposed convolution, times 4 for the zeros between the pixels, and the bias in the
    same pass: ``[N, O, 2H + 1, 2W + 1]`` → ``[N, O, 2H, 2W]``."""
    kw, kh = extent(f)
    left, right, top, bottom = (kw - 1) // 2, (kw - 2) // 2, (kh - 1) // 2, (kh - 2) // 2
    taps = torch.ones([1, 1]) if f is None else f
    taps = oriented((taps * 2**taps.ndim).to(t.dtype), flip=False)
    if left == right and top == bottom:  # the convolution pads without a copy
        return depthwise(t, taps, bias, padding=(top, left))
    return depthwise(pad(t, left, right, top, bottom), taps, bias)
