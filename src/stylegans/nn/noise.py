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
        scaled = self.scaled(x.shape[0], (x.shape[2], x.shape[3]), noise=noise, generator=generator)
        return x if scaled is None else x + scaled.to(x.dtype)

    def scaled(self, n: int, size: Size, *, noise: str, generator: Source = None) -> Tensor | None:
        """What is added to n samples: ``[1 or C, H, W]`` or ``[n, 1 or C, H, W]``; None: nothing."""
        if noise == "none":
            return None
        if noise == "const":
            picture = self.noise_const
        else:
            picture = randn(n, 1, *size, source=generator, device=self.noise_const.device)
        return picture * self.noise_strength.reshape(-1, 1, 1)


def stored_maps(synthesis: nn.Module) -> dict[str, Tensor]:
    """The maps ``[H, W]`` that ``noise="const"`` draws with, in the order in which they are added; none without any.

    Their names are those of the buffers, like ``blocks.2.conv0.noise.noise_const``.
    """
    modules = synthesis.named_modules()
    return {f"{name}.noise_const": module.noise_const for name, module in modules if isinstance(module, NoiseInput)}
