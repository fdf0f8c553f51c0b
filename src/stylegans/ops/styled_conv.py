"""StyleGAN2's layer in one piece: modulated convolution, noise, bias, leaky ReLU, gain (figure 2d), fast on a CPU.

Without gradients to keep, the passes over large feature maps are what is left to save beside the convolutions
themselves. Where maps are larger than weights, the style, the demodulation and the gain go into each sample's weights
(the leaky ReLU commutes with a positive factor), the bias into the convolution; noise and activation follow in place.
Where weights are the larger, they stay as they are, packed once for all pictures, and the small maps are scaled.
"""

import math

import torch
from torch import Tensor

from stylegans.ops.activation import bias_act
from stylegans.ops.convolution import conv2d_resample
from stylegans.ops.convolution_act import rectified_
from stylegans.ops.dispatch import use_kernels
from stylegans.ops.eager import eager
from stylegans.ops.modulation import demodulation, modulated_conv2d
from stylegans.ops.packed import Packed
from stylegans.ops.resample import extent, upfirdn


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
    drawn = []
    for i in range(len(x)):
        w = (weight * (scales[i, :, None] * styles[i])[:, :, None, None]).to(x.dtype)
        own = noise[i] if noise is not None and noise.ndim == 4 and len(noise) > 1 else noise
        one = conv2d_resample(x[i : i + 1], w, f, bias.to(x.dtype), up=up, padding=1, flip_weight=up == 1)
        drawn.append(_finished(one, own, clamp))
    return drawn[0] if len(drawn) == 1 else torch.cat(drawn)


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
    y.mul_(scales.to(y.dtype)[:, :, None, None]).add_(bias.to(y.dtype)[:, None, None])
    return _finished(y, noise, clamp)


def _finished(y: Tensor, noise: Tensor | None, clamp: float | None) -> Tensor:
    """Noise and activation, in place."""
    if noise is not None:
        y.add_(noise.to(y.dtype))
    return rectified_(y, "lrelu", clamp)


def _filtered(t: Tensor, f: Tensor | None) -> Tensor:
    """The filter that follows a transposed convolution: ``[N, O, 2H + 1, 2W + 1]`` → ``[N, O, 2H, 2W]``."""
    kw, kh = extent(f)
    return upfirdn(t, f, padding=((kw - 1) // 2, (kw - 2) // 2, (kh - 1) // 2, (kh - 2) // 2), gain=4)
