"""The styled layers of StyleGAN2 (figure 2d): modulate, convolve, demodulate, add noise and bias, activate."""

import math

import torch
from torch import Tensor, nn

from stylegans.config.sizes import Size
from stylegans.nn.equalized import EqualizedLinear
from stylegans.nn.noise import NoiseInput
from stylegans.nn.packing import Packing
from stylegans.ops.random import Source
from stylegans.ops.resample import fir_filter
from stylegans.ops.styled_conv import styled_conv2d, styled_rgb


class StyledConv(Packing):
    """One 3×3 layer of the synthesis network, ``[N, in, H, W]`` and w ``[N, w_dim]`` → ``[N, out, H·up, W·up]``.

    Its weights carry no equalising scale: demodulation takes any scale out.
    """

    f: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        w_dim: int,
        size: Size,
        up: int = 1,
        use_noise: bool = True,
        resample_filter: tuple[float, ...] = (1, 3, 3, 1),
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise = NoiseInput(size) if use_noise else None
        self.register_buffer("f", fir_filter(resample_filter), persistent=False)
        self.up, self.clamp = up, clamp

    def forward(self, x: Tensor, w: Tensor, *, noise: str, generator: Source = None, gain: float = 1.0) -> Tensor:
        size = x.shape[2] * self.up, x.shape[3] * self.up
        return styled_conv2d(
            x,
            self.weight,
            self.affine(w),
            bias=self.bias,
            noise=None if self.noise is None else self.noise.scaled(x.shape[0], size, noise=noise, generator=generator),
            f=self.f,
            up=self.up,
            gain=math.sqrt(2) * gain,
            clamp=None if self.clamp is None else self.clamp * gain,
            packed=self.packed,
        )


class ToRGB(nn.Module):
    """Features ``[N, in, H, W]``, w ``[N, w_dim]`` → picture ``[N, img_channels, H, W]``: styled, not demodulated."""

    def __init__(self, in_channels: int, img_channels: int, *, w_dim: int, clamp: float | None = None) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(img_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) * self.weight_gain
        return styled_rgb(x, self.weight, styles, bias=self.bias, clamp=self.clamp)
