"""Noise inputs (StyleGAN, section 3.2; StyleGAN2's single strength per layer).

A picture of Gaussian noise, the same for all channels, is added after the convolution with a learned
strength. It draws what is random about hair and skin, so that the latent need not.
"""

import torch
from torch import Tensor, nn

from stylegans.config.sizes import Size
from stylegans.ops.random import Source, randn


class NoiseInput(nn.Module):
    """``[N, C, H, W]`` → the same plus strength · noise.

    There is one strength for the layer (StyleGAN2), or with ``channels`` one for each of them (StyleGAN).
    ``noise`` is 'const' (the stored map), 'random' (a fresh map per sample, from ``generator``) or 'none'.
    """

    noise_const: Tensor

    def __init__(self, size: Size, channels: int | None = None) -> None:
        super().__init__()
        self.noise_strength = nn.Parameter(torch.zeros([] if channels is None else [channels]))
        self.register_buffer("noise_const", torch.randn(*size))

    def forward(self, x: Tensor, *, noise: str, generator: Source = None) -> Tensor:
        if noise == "none":
            return x
        if noise == "const":
            picture = self.noise_const
        else:
            picture = randn(x.shape[0], 1, *x.shape[2:], source=generator, device=x.device)
        return x + (picture * self.noise_strength.reshape(-1, 1, 1)).to(x.dtype)
