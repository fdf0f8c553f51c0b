"""Equalised learning rate (Progressive GAN, section 4.1).

Weights are drawn from N(0, 1) and scaled by He's constant 1/√fan_in each time they are used, so that Adam,
which ignores the scale of gradients, moves every layer at the same relative speed.
"""

import math

import torch
from torch import Tensor, nn

from stylegans.ops.activation import ACTIVATIONS, Activation, bias_act
from stylegans.ops.convolution_act import conv2d_act
from stylegans.ops.resample import fir_filter


class EqualizedLinear(nn.Module):
    """Fully connected layer: act(x · (W·gain·lr/√in)ᵀ + b·lr), ``[N, in]`` → ``[N, out]``.

    ``lr_multiplier`` slows the layer down: parameters are stored 1/lr times as large. ``gain`` is He's for the
    activation that follows, where the weights carry it (Progressive GAN, StyleGAN); ``activation`` has its own.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
        gain: float = 1.0,
        activation: Activation = "linear",
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init)))
        self.weight_gain = gain * lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier
        self.activation: Activation = activation

    def forward(self, x: Tensor) -> Tensor:
        # the products are scaled, not the weights: far fewer numbers, forward and backward
        x = torch.addmm(self.bias, x, self.weight.t(), alpha=self.weight_gain, beta=self.bias_gain)
        return bias_act(x, act=self.activation)


class EqualizedConv2d(nn.Module):
    """Convolution with resampling, bias and activation: ``[N, in, H, W]`` → ``[N, out, H·up/down, W·up/down]``.

    ``gain`` is He's for the activation that follows, where the weights carry it; ``activation`` has its own.
    """

    f: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        bias: bool = True,
        gain: float = 1.0,
        activation: Activation = "linear",
        up: int = 1,
        down: int = 1,
        resample_filter: tuple[float, ...] = (1, 3, 3, 1),
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.register_buffer("f", fir_filter(resample_filter), persistent=False)
        self.weight_gain = gain / math.sqrt(in_channels * kernel**2)
        self.activation: Activation = activation
        self.up, self.down, self.padding, self.clamp = up, down, kernel // 2, clamp

    def forward(self, x: Tensor, *, gain: float = 1.0) -> Tensor:
        """``gain`` scales the result and its clamp."""
        return conv2d_act(
            x,
            self.weight,
            self.f,
            self.bias,
            weight_gain=self.weight_gain,
            up=self.up,
            down=self.down,
            padding=self.padding,
            flip_weight=self.up == 1,  # a transposed convolution convolves
            act=self.activation,
            gain=ACTIVATIONS[self.activation].gain * gain,
            clamp=None if self.clamp is None else self.clamp * gain,
        )
