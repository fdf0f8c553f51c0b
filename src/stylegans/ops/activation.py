"""Bias, activation, gain, clamp: what follows every convolution, in this order.

The gain restores the variance that the activation takes away: √2 for the rectifiers, 1 for the rest.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Literal["linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish"]

LEAK = 0.2
"""Slope of the leaky rectifier for negative inputs, in every paper of the family."""


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
    act: Activation = "linear",
    dim: int = 1,
    alpha: float = LEAK,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """clamp(gain · act(x + b), ±clamp).

    Args:
        x: any shape.
        b: ``[x.shape[dim]]``, or None.
        alpha: the leaky rectifier's slope for negative inputs; other activations have none.
        gain: None takes the activation's own (√2 for relu, lrelu and swish).
        clamp: bound on the magnitude of the result; None: none.
    """
    if b is not None:
        x = x + b.to(x.dtype).reshape([-1 if d == dim % x.ndim else 1 for d in range(x.ndim)])
    kind = ACTIVATIONS[act]
    x = kind.function(x, alpha) if act == "lrelu" else kind.function(x)
    scale = kind.gain if gain is None else gain
    if scale != 1:
        x = x * scale
    return x if clamp is None else x.clamp(-clamp, clamp)
