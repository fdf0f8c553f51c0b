"""The growing discriminator of Progressive GAN (arXiv 1710.10196, table 2) and StyleGAN (arXiv 1812.04948).

Every layer: equalised weights with He's gain √2 in them (Progressive GAN, section 4.1), leaky rectifier. StyleGAN's
blurs before it halves the size (its section 2). A conditional network has one score per class; the label selects.
"""

import math
from itertools import pairwise
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from stylegans.config import GrowingDiscriminator
from stylegans.config.sizes import channels, group_size, levels, nominal_resolution
from stylegans.networks.base import DiscriminatorNetwork
from stylegans.networks.precision import NEVER, Reducible
from stylegans.networks.pyramid import fade, lod_of, register_lod, shrink
from stylegans.nn.equalized import EqualizedConv2d, EqualizedLinear
from stylegans.nn.minibatch_stddev import minibatch_stddev
from stylegans.ops.activation import LEAK
from stylegans.ops.resample import filter2d, fir_filter

GAIN = math.sqrt(2)
"""He's, for the rectifier that follows; the weights carry it."""

AVERAGE = (1.0, 1.0)
"""The taps that average two by two pixels."""


class Level(Reducible):
    """What every level has: a 1×1 convolution that reads the picture, for when it is the finest one there."""

    def __init__(self, config: GrowingDiscriminator, in_channels: int, *, rate: int) -> None:
        super().__init__(rate=rate)
        self.from_rgb = EqualizedConv2d(config.img_channels, in_channels, 1, gain=GAIN)

    def read(self, images: Tensor) -> Tensor:
        """A picture of this level's size ``[N, img_channels, H, W]`` → features ``[N, in_channels, H, W]``."""
        return rectify(self.from_rgb(images.to(self.dtype)))


class DiscriminatorBlock(Level):
    """One level: two convolutions, the second of which halves the size by averaging, after a blur or without."""

    f: Tensor | None

    def __init__(self, config: GrowingDiscriminator, *, level: int, in_channels: int, out_channels: int) -> None:
        super().__init__(config, in_channels, rate=nominal_resolution(config.base, level))
        self.conv0 = EqualizedConv2d(in_channels, in_channels, 3, gain=GAIN)
        self.average_after = config.average == "after"
        down = 1 if self.average_after else 2
        self.conv1 = EqualizedConv2d(in_channels, out_channels, 3, gain=GAIN, down=down, resample_filter=AVERAGE)
        blur = config.blur_filter
        self.register_buffer("f", None if blur is None else fir_filter(blur), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = rectify(self.conv0(x.to(self.dtype)))
        if self.f is not None:
            x = filter2d(x, self.f)
        x = rectify(self.conv1(x))
        return shrink(x, 2) if self.average_after else x


class DiscriminatorEpilogue(Level):
    """The base grid: minibatch standard deviation, a convolution, two dense layers; ``[N, C, h, w]`` → ``[N, out]``."""

    def __init__(self, config: GrowingDiscriminator, *, in_channels: int, hidden: int, out_features: int) -> None:
        super().__init__(config, in_channels, rate=NEVER)
        self.mbstd_group, self.mbstd_channels = config.mbstd_group, config.mbstd_channels
        self.conv = EqualizedConv2d(in_channels + config.mbstd_channels, in_channels, 3, gain=GAIN)
        self.fc = EqualizedLinear(in_channels * config.base[0] * config.base[1], hidden, gain=GAIN)
        self.out = EqualizedLinear(hidden, out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        if self.mbstd_channels:
            x = minibatch_stddev(x, group=self.mbstd_group, channels=self.mbstd_channels)
        x = rectify(self.conv(x))
        return self.out(rectify(self.fc(x.flatten(1))))


def rectify(x: Tensor) -> Tensor:
    """What follows every layer but the last."""
    return F.leaky_relu(x, LEAK)


class GrowingDiscriminatorNetwork(DiscriminatorNetwork):
    """images ``[N, C, H, W]``, labels ``[N, c_dim]`` → scores ``[N, 1]``; larger is more real.

    Pictures are of full size at every stage of growth.
    """

    config: GrowingDiscriminator

    def __init__(self, config: GrowingDiscriminator) -> None:
        super().__init__(config, c_dim=config.c_dim)
        widths = [
            channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
            for level in range(levels(config.base, config.resolution))
        ]
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(config, level=level, in_channels=widths[level], out_channels=widths[level - 1])
            for level in range(len(widths) - 1, 0, -1)
        )
        # As published, the first dense layer is as wide as a level below the base grid would be.
        hidden = channels(config.base, 0, channel_base=2 * config.channel_base, channel_max=config.channel_max)
        self.epilogue = DiscriminatorEpilogue(
            config,
            in_channels=widths[0],
            hidden=hidden,
            out_features=max(config.c_dim, 1),
        )
        register_lod(self)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        self.check(images, c)
        lod = min(lod_of(self), len(self.blocks))
        finest = math.floor(lod)
        images = shrink(images, 2**finest)
        there = cast(list[Level], [*self.blocks, self.epilogue][finest:])
        x = there[0].read(images)
        for level_lod, (level, below) in enumerate(pairwise(there), start=finest):
            x = level(x)
            coming = fade(lod, level_lod)
            if coming > 0:
                images = shrink(images, 2)
                read = below.read(images)
                x = x.to(read.dtype).lerp(read, coming)
        scores = self.epilogue(x)
        return (scores * c).sum(dim=1, keepdim=True) if self.c_dim else scores

    def group(self, n: int) -> int:
        return group_size(n, self.config.mbstd_group) if self.config.mbstd_channels else 1
