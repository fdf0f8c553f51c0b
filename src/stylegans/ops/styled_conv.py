"""StyleGAN2's layers in one piece: modulated convolution, noise, bias, leaky ReLU, gain (figure 2d), and the one that
makes a picture of features, both fast on a CPU.

Without gradients to keep, the style, the demodulation, the gain (the leaky ReLU commutes with a positive factor) and
the bias go into the convolution; noise and activation follow in place.
"""

import math

import torch
from torch import Tensor

from stylegans.ops.activation import bias_act
from stylegans.ops.convolution_act import rectified_
from stylegans.ops.dispatch import use_kernels
from stylegans.ops.eager import freely
from stylegans.ops.modulation import demodulation, modulated_conv2d
from stylegans.ops.packed import Packed
from stylegans.ops.scaled_conv import scaled_conv2d

ONE_BY_ONE = 64 * 64
"""Pixels from which each sample of a batch has its picture made by itself, bias included."""


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
    # float16's weights must first be normalised
    if x.dtype is torch.float16 or not freely(x, weight, styles, bias, noise):
        x = modulated_conv2d(x, weight, styles, f=f, up=up, padding=1, flip_weight=up == 1, gain=gain)
        if noise is not None:
            x = x.add_((noise * gain).to(x.dtype))
        return rectified_(x.add_((bias * gain).to(x.dtype)[:, None, None]), "lrelu", clamp)
    packed = packed or Packed()
    scales = demodulation(weight, styles, squares=packed.squares(weight)) * gain
    x = scaled_conv2d(x, weight, styles, scales, bias=bias * gain, padding=1, f=f, up=up, packed=packed)
    if noise is not None:
        x.add_((noise * gain).to(x.dtype))
    return rectified_(x, "lrelu", clamp)


def styled_rgb(x: Tensor, weight: Tensor, styles: Tensor, *, bias: Tensor, clamp: float | None = None) -> Tensor:
    """clamp(modulated convolution + bias, ±clamp), which is not demodulated.

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, 1, 1]``.
        styles: ``[N, I]``.
        bias: ``[O]``.
    """
    if use_kernels(x) or not freely(x, weight, styles, bias) or x.shape[2] * x.shape[3] < ONE_BY_ONE:
        x = modulated_conv2d(x, weight, styles, demodulate=False)
        return bias_act(x, bias, clamp=clamp)
    ones = styles.new_ones([len(x), len(weight)])
    x = scaled_conv2d(x, weight, styles, ones, bias=bias, padding=0)
    return rectified_(x, "linear", clamp)
