"""The Progressive GAN generator (arXiv 1710.10196, table 2): a pyramid of 3×3 convolutions that grows (section 2).

Every layer: equalised weights with He's gain √2 in them (section 4.1), leaky rectifier, pixel norm (section 4.2).
"""

import math
from collections.abc import Iterable
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from stylegans.config import ProGAN
from stylegans.config.sizes import channels, levels, nominal_resolution
from stylegans.networks.base import GeneratorNetwork, Synthesis
from stylegans.networks.mapping import NormalizedLatents
from stylegans.networks.precision import Reducible
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import blend, present, register_lod, to_size
from stylegans.nn.equalized import EqualizedConv2d
from stylegans.nn.inputs import DenseInput
from stylegans.nn.normalization import pixel_norm
from stylegans.ops.activation import LEAK
from stylegans.ops.random import Source

GAIN = math.sqrt(2)
"""He's, for the rectifier that follows; the weights carry it."""

NEAREST = (1.0, 1.0)
"""The taps that repeat every pixel."""


class SynthesisBlock(Reducible):
    """One level: two convolutions, the first of which doubles the size (on the base grid there is only the second)."""

    def __init__(self, config: ProGAN, *, level: int, in_channels: int, out_channels: int) -> None:
        super().__init__(rate=nominal_resolution(config.base, level))
        self.conv0 = (
            None
            if level == 0
            else EqualizedConv2d(in_channels, out_channels, 3, gain=GAIN, up=2, resample_filter=NEAREST)
        )
        self.conv1 = EqualizedConv2d(out_channels, out_channels, 3, gain=GAIN)
        self.to_rgb = EqualizedConv2d(out_channels, config.img_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        if self.conv0 is not None:
            x = rectify(self.conv0(x))
        return rectify(self.conv1(x))


def rectify(x: Tensor) -> Tensor:
    """What follows every layer but those that draw."""
    return pixel_norm(F.leaky_relu(x, LEAK))


class ProGANSynthesis(Synthesis):
    """ws ``[N, 1, w_dim]`` → images ``[N, C, H, W]``, of full size at every stage of growth."""

    lod: Tensor

    def __init__(self, config: ProGAN) -> None:
        super().__init__()
        self.num_ws = 1
        widths = [
            channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
            for level in range(levels(config.base, config.resolution))
        ]
        self.input = DenseInput(config.z_dim + config.c_dim, widths[0], config.base)
        self.blocks = nn.ModuleList(
            SynthesisBlock(config, level=level, in_channels=widths[max(level - 1, 0)], out_channels=width)
            for level, width in enumerate(widths)
        )
        self.resolution = config.resolution
        register_lod(self)

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        self.check(ws, noise)
        x = rectify(self.input(ws[:, 0]))
        image: Tensor | None = None
        for block, coming, draws in present(cast(Iterable[SynthesisBlock], self.blocks), float(self.lod)):
            x = block(x)
            if draws:
                image = blend(block.to_rgb(x).float(), image, coming)
        assert image is not None  # the finest level always draws
        return to_size(image, self.resolution)


class ProGANGenerator(GeneratorNetwork):
    """z ``[N, z_dim]``, labels ``[N, c_dim]`` → images ``[N, C, H, W]``, about [-1, 1]."""

    def __init__(self, config: ProGAN) -> None:
        synthesis = ProGANSynthesis(config)
        mapping = NormalizedLatents(z_dim=config.z_dim, c_dim=config.c_dim, num_ws=synthesis.num_ws)
        super().__init__(config, synthesis=synthesis, mapping=mapping)
