"""The StyleGAN2 discriminator (arXiv 1912.04958, figure 7) in three wirings, or growing.

orig: features flow down one path. skip: every level also reads the shrunk picture. resnet: every level adds a
shrunk copy of its input. grow: configs B to D of table 1, the finest level that is there reads the picture, and the
next one too while it fades in. Conditional networks project the score on an embedding of the label (StyleGAN2-ADA),
or have a score per class and the label selects (StyleGAN2).
"""

import math
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from stylegans.config import Discriminator, Mapping
from stylegans.config.sizes import channels, group_size, levels, nominal_resolution
from stylegans.networks.base import DiscriminatorNetwork
from stylegans.networks.mapping import MappingNetwork
from stylegans.networks.precision import NEVER, Reducible
from stylegans.networks.pyramid import fade, register_lod, shrink
from stylegans.nn.equalized import EqualizedConv2d, EqualizedLinear
from stylegans.nn.minibatch_stddev import minibatch_stddev
from stylegans.ops.resample import downsample, fir_filter


class Level(Reducible):
    """What a level may have: a 1×1 convolution that reads the picture."""

    def __init__(self, config: Discriminator, *, in_channels: int, from_rgb: bool, rate: int) -> None:
        super().__init__(rate=rate)
        self.from_rgb = (
            EqualizedConv2d(config.img_channels, in_channels, 1, activation="lrelu", clamp=config.conv_clamp)
            if from_rgb
            else None
        )

    def read(self, images: Tensor) -> Tensor:
        """A picture of this level's size ``[N, img_channels, H, W]`` → features ``[N, in_channels, H, W]``."""
        assert self.from_rgb is not None  # only levels that have one are asked
        return self.from_rgb(images.to(self.dtype))


class DiscriminatorBlock(Level):
    """One level: two convolutions, the second of which halves the size."""

    def __init__(
        self, config: Discriminator, *, level: int, in_channels: int, out_channels: int, from_rgb: bool
    ) -> None:
        rate = nominal_resolution(config.base, level)
        super().__init__(config, in_channels=in_channels, from_rgb=from_rgb, rate=rate)
        taps, clamp = config.resample_filter, config.conv_clamp
        self.conv0 = EqualizedConv2d(in_channels, in_channels, 3, activation="lrelu", clamp=clamp)
        self.conv1 = EqualizedConv2d(
            in_channels, out_channels, 3, activation="lrelu", down=2, resample_filter=taps, clamp=clamp
        )
        self.skip = (
            EqualizedConv2d(in_channels, out_channels, 1, bias=False, down=2, resample_filter=taps)
            if config.architecture == "resnet"
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        if self.skip is None:
            return self.conv1(self.conv0(x))
        half = math.sqrt(0.5)  # the sum of two branches keeps unit variance
        return self.skip(x, gain=half) + self.conv1(self.conv0(x), gain=half)


class DiscriminatorEpilogue(Level):
    """The base grid: minibatch standard deviation, a convolution, two dense layers; ``[N, C, h, w]`` → ``[N, out]``."""

    def __init__(self, config: Discriminator, *, in_channels: int, out_features: int, from_rgb: bool) -> None:
        super().__init__(config, in_channels=in_channels, from_rgb=from_rgb, rate=NEVER)
        self.mbstd_group, self.mbstd_channels = config.mbstd_group, config.mbstd_channels
        self.conv = EqualizedConv2d(
            in_channels + config.mbstd_channels, in_channels, 3, activation="lrelu", clamp=config.conv_clamp
        )
        self.fc = EqualizedLinear(in_channels * config.base[0] * config.base[1], in_channels, activation="lrelu")
        self.out = EqualizedLinear(in_channels, out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        if self.mbstd_channels:
            x = minibatch_stddev(x, group=self.mbstd_group, channels=self.mbstd_channels)
        return self.out(self.fc(self.conv(x).flatten(1)))


class StyleGAN2Discriminator(DiscriminatorNetwork):
    """images ``[N, C, H, W]``, labels ``[N, c_dim]`` → scores ``[N, 1]``; larger is more real.

    Pictures are of full size at every stage of growth.
    """

    config: Discriminator
    f: Tensor
    lod: Tensor

    def __init__(self, config: Discriminator) -> None:
        super().__init__(config, c_dim=config.c_dim)
        count = levels(config.base, config.resolution)
        widths = [
            channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
            for level in range(count)
        ]
        every_level_reads = config.architecture in ("skip", "grow")
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(
                config,
                level=level,
                in_channels=widths[level],
                out_channels=widths[level - 1],
                from_rgb=every_level_reads or level == count - 1,
            )
            for level in range(count - 1, 0, -1)
        )
        projects = config.c_dim > 0 and config.label_head == "projection"
        out_features = (config.cmap_dim or widths[0]) if projects else max(config.c_dim, 1)
        self.mapping = label_mapping(config, w_dim=out_features) if projects else None
        self.epilogue = DiscriminatorEpilogue(
            config, in_channels=widths[0], out_features=out_features, from_rgb=every_level_reads or count == 1
        )
        self.register_buffer("f", fir_filter(config.resample_filter), persistent=False)
        self.grow = config.architecture == "grow"
        if self.grow:
            register_lod(self)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        self.check(images, c)
        lod = min(float(self.lod), len(self.blocks)) if self.grow else 0.0
        finest = math.floor(lod)
        images = shrink(images, 2**finest)
        there = cast(list[Level], [*self.blocks, self.epilogue][finest:])
        x = there[0].read(images)
        for level_lod, (level, below) in enumerate(pairwise(there), start=finest):
            x = level(x)
            coming = fade(lod, level_lod)
            if self.grow and coming > 0:
                images = shrink(images, 2)
                read = below.read(images)
                x = x.to(read.dtype).lerp(read, coming)
            elif not self.grow and below.from_rgb is not None:
                images = downsample(images, self.f)
                x = x + below.read(images)
        return self.score(there[-1](x), c)

    def score(self, features: Tensor, c: Tensor | None) -> Tensor:
        """What the last layer gives ``[N, out]``, labels ``[N, c_dim]`` → scores ``[N, 1]``."""
        if c is None or not self.c_dim:
            return features
        if self.mapping is None:  # one score per class
            return (features * c.float()).sum(dim=1, keepdim=True)
        labels = self.mapping(None, c)[:, 0]
        return (features * labels).sum(dim=1, keepdim=True) / math.sqrt(labels.shape[1])

    def group(self, n: int) -> int:
        return group_size(n, self.config.mbstd_group) if self.config.mbstd_channels else 1


def label_mapping(config: Discriminator, *, w_dim: int) -> MappingNetwork:
    """Labels alone through a mapping network, to the vector that the score is projected on."""
    mapping = Mapping(
        z_dim=0,
        c_dim=config.c_dim,
        w_dim=w_dim,
        num_layers=config.mapping_layers,
        hidden_dim=config.mapping_hidden_dim,
        embed_dim=config.mapping_embed_dim,
        lr_multiplier=config.mapping_lr_multiplier,
        w_avg_beta=None,
    )
    return MappingNetwork(mapping, num_ws=1)
