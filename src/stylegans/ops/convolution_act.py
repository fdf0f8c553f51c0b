"""A convolution with what follows it: bias, activation, gain, clamp, in as few passes over the maps as there can be.

A rectifier commutes with a positive factor, so the gains go into the weights and the bias, the bias into the
convolution; what is left is the rectifier, in place. Where the weights are large, and larger than the maps, as at the
low resolutions, the maps are scaled instead, and no copy of the weights is kept for the way back. The gradients of any
order are PyTorch's own.
"""

import torch.nn.functional as F
from torch import Tensor

from stylegans.ops.activation import ACTIVATIONS, RECTIFIERS, Activation, bias_act, slope_of
from stylegans.ops.convolution import conv2d_resample
from stylegans.ops.dispatch import use_kernels
from stylegans.ops.eager import eager
from stylegans.ops.resample import Pair

LARGE = 2**20
"""Weights of which a copy is worth avoiding."""


def conv2d_act(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    b: Tensor | None = None,
    *,
    weight_gain: float = 1.0,
    up: int = 1,
    down: int = 1,
    padding: Pair = 0,
    flip_weight: bool = True,
    act: Activation = "linear",
    gain: float | None = None,
    clamp: float | None = None,
    plain: bool = False,
) -> Tensor:
    """clamp(gain · act(``conv2d_resample`` of x with w · ``weight_gain`` + b), ±clamp).

    Args:
        x: ``[N, C, H, W]``.
        w: ``[O, C, kh, kw]``.
        f: taps of the filter around a change of resolution.
        b: ``[O]``, or None.
        gain: None takes the activation's own.
        plain: one step after the other.

    The rest as in ``conv2d_resample`` and ``bias_act``.
    """
    scale = ACTIVATIONS[act].gain if gain is None else gain
    if plain or act not in RECTIFIERS or scale <= 0 or use_kernels(x):
        w = (w * weight_gain).to(x.dtype)
        x = conv2d_resample(x, w, f, up=up, down=down, padding=padding, flip_weight=flip_weight, plain=plain)
        return bias_act(x, b, act=act, gain=scale, clamp=clamp)
    scale, b = weight_gain * scale, None if b is None else (b * scale).to(x.dtype)
    if eager(x) and w.numel() >= LARGE and len(x) * len(w) * x.shape[2] * x.shape[3] * up**2 // down**2 < w.numel():
        x = conv2d_resample(x, w.to(x.dtype), f, up=up, down=down, padding=padding, flip_weight=flip_weight)
        x = x.mul_(scale) if b is None else x.mul_(scale).add_(b[:, None, None])
    else:
        w = (w * scale).to(x.dtype)
        x = conv2d_resample(x, w, f, b, up=up, down=down, padding=padding, flip_weight=flip_weight)
    return rectified_(x, act, clamp)


def rectified_(x: Tensor, act: Activation, clamp: float | None) -> Tensor:
    """One of ``RECTIFIERS`` in place, and clamp."""
    if act != "linear":
        x = F.leaky_relu_(x, slope_of(act))
    return x if clamp is None else x.clamp(-clamp, clamp)
