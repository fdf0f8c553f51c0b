"""Bias, activation, gain, clamp: what follows every convolution, in this order.

The gain restores the variance that the activation takes away: √2 for the rectifiers, 1 for the rest.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops.dispatch import use_kernels

Activation = Literal["linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish"]

LEAK = 0.2
"""Slope of the leaky rectifier for negative inputs, in every paper of the family."""


RECTIFIERS: tuple[Activation, ...] = ("linear", "relu", "lrelu")
"""Activations that commute with a positive factor."""


class _Kind(NamedTuple):
    function: Callable[..., Tensor]
    gain: float


ACTIVATIONS: dict[Activation, _Kind] = {
    "linear": _Kind(lambda x: x, 1.0),
    "relu": _Kind(F.relu, math.sqrt(2)),
    "lrelu": _Kind(F.leaky_relu, math.sqrt(2)),
    "tanh": _Kind(torch.tanh, 1.0),
    "sigmoid": _Kind(torch.sigmoid, 1.0),
    "elu": _Kind(F.elu, 1.0),
    "selu": _Kind(F.selu, 1.0),
    "softplus": _Kind(F.softplus, 1.0),
    "swish": _Kind(F.silu, math.sqrt(2)),
}


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    *,
    noise: Tensor | None = None,
    act: Activation = "linear",
    dim: int = 1,
    alpha: float = LEAK,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """clamp(gain · act(x + noise + b), ±clamp).

    Args:
        x: any shape.
        b: ``[x.shape[dim]]``, or None.
        noise: what broadcasts to x, like ``[H, W]`` or ``[N, 1, H, W]``; or None.
        alpha: the leaky rectifier's slope for negative inputs; other activations have none.
        gain: None takes the activation's own (√2 for relu, lrelu and swish).
        clamp: bound on the magnitude of the result; None: none.
    """
    scale = ACTIVATIONS[act].gain if gain is None else gain
    if _is_one_pass(x, b, noise, act=act, dim=dim, alpha=alpha, scale=scale, clamp=clamp):
        from stylegans.ops.kernels.bias_act import bias_act as kernel  # only where there is Triton

        return kernel(x, b, noise, dim=dim, slope=slope_of(act, alpha), gain=scale, clamp=clamp)
    if noise is not None:
        x = x + noise.to(x.dtype)
    if b is not None:
        x = x + b.to(x.dtype).reshape([-1 if d == dim % x.ndim else 1 for d in range(x.ndim)])
    kind = ACTIVATIONS[act]
    x = kind.function(x, alpha) if act == "lrelu" else kind.function(x)
    if scale != 1:
        x = x * scale
    return x if clamp is None else x.clamp(-clamp, clamp)


def _is_one_pass(
    x: Tensor,
    b: Tensor | None,
    noise: Tensor | None,
    *,
    act: Activation,
    dim: int,
    alpha: float,
    scale: float,
    clamp: float | None,
) -> bool:
    """Whether there is a kernel for it: for what is linear in pieces, which its result tells apart."""
    if act not in RECTIFIERS or not use_kernels(x) or x.ndim < 2 or x.numel() == 0:
        return False
    if act == "linear" and b is None and noise is None and clamp is None:
        return False  # nothing to do, or one product
    if b is not None and b.shape != (x.shape[dim],):
        return False
    if noise is not None and not _is_one_for_all_channels(noise, x):
        return False
    return scale > 0 and slope_of(act, alpha) >= 0 and (clamp is None or clamp > 0)


def _is_one_for_all_channels(noise: Tensor, x: Tensor) -> bool:
    channels, samples = noise.shape[-3:-2], noise.shape[:-3]
    return (
        x.ndim == 4 and noise.shape[-2:] == x.shape[2:] and channels in ((), (1,)) and samples in ((), (1,), (len(x),))
    )


def slope_of(act: Activation, alpha: float = LEAK) -> float:
    """Of one of ``RECTIFIERS``, for negative inputs."""
    return {"linear": 1.0, "relu": 0.0}.get(act, alpha)
