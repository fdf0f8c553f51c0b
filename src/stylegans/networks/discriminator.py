"""The StyleGAN2 discriminator (arXiv 1912.04958, figure 7) in three wirings.

orig: features flow down one path. skip: every level also reads the shrunk picture. resnet: every level adds a
shrunk copy of its input. Conditional networks project the score on an embedding of the label (StyleGAN2-ADA).
"""

import math

import torch
from torch import Tensor, nn

from stylegans.config import Discriminator, Mapping
from stylegans.config.sizes import channels, levels
from stylegans.networks.base import DiscriminatorNetwork
from stylegans.networks.mapping import MappingNetwork
from stylegans.nn.equalized import EqualizedConv2d, EqualizedLinear
from stylegans.nn.minibatch_stddev import group_size, minibatch_stddev
from stylegans.ops.resample import downsample, fir_filter


class DiscriminatorBlock(nn.Module):
    """One level: two convolutions, the second of which halves the size."""

    def __init__(self, config: Discriminator, *, in_channels: int, out_channels: int, from_rgb: bool) -> None:
        super().__init__()
        taps, clamp = config.resample_filter, config.conv_clamp
        self.from_rgb = (
            EqualizedConv2d(config.img_channels, in_channels, 1, activation="lrelu", clamp=clamp) if from_rgb else None
        )
        self.conv0 = EqualizedConv2d(in_channels, in_channels, 3, activation="lrelu", clamp=clamp)
        self.conv1 = EqualizedConv2d(
            in_channels, out_channels, 3, activation="lrelu", down=2, resample_filter=taps, clamp=clamp
        )
        self.skip = (
            EqualizedConv2d(in_channels, out_channels, 1, bias=False, down=2, resample_filter=taps)
            if config.architecture == "resnet"
            else None
        )
        self.dtype = torch.float32

    def forward(self, x: Tensor | None, image: Tensor) -> Tensor:
        x = read_picture(x, image, self.from_rgb, self.dtype)
        if self.skip is None:
            return self.conv1(self.conv0(x))
        half = math.sqrt(0.5)  # the sum of two branches keeps unit variance
        return self.skip(x, gain=half) + self.conv1(self.conv0(x), gain=half)


class DiscriminatorEpilogue(nn.Module):
    """The base grid: minibatch standard deviation, a convolution, two dense layers; ``[N, C, h, w]`` → ``[N, out]``."""

    def __init__(self, config: Discriminator, *, in_channels: int, out_features: int) -> None:
        super().__init__()
        self.mbstd_group, self.mbstd_channels = config.mbstd_group, config.mbstd_channels
        clamp = config.conv_clamp
        self.from_rgb = (
            EqualizedConv2d(config.img_channels, in_channels, 1, activation="lrelu", clamp=clamp)
            if config.architecture == "skip" or config.base == config.resolution
            else None
        )
        self.conv = EqualizedConv2d(
            in_channels + config.mbstd_channels, in_channels, 3, activation="lrelu", clamp=clamp
        )
        self.fc = EqualizedLinear(in_channels * config.base[0] * config.base[1], in_channels, activation="lrelu")
        self.out = EqualizedLinear(in_channels, out_features)

    def forward(self, x: Tensor | None, image: Tensor) -> Tensor:
        x = read_picture(x, image, self.from_rgb, torch.float32)
        if self.mbstd_channels:
            x = minibatch_stddev(x, group=self.mbstd_group, channels=self.mbstd_channels)
        return self.out(self.fc(self.conv(x).flatten(1)))


def read_picture(x: Tensor | None, image: Tensor, from_rgb: EqualizedConv2d | None, dtype: torch.dtype) -> Tensor:
    """The features entering a level: those of the level above, what it reads from the picture, or their sum."""
    if from_rgb is None:
        assert x is not None  # the first level always reads
        return x.to(dtype)
    read = from_rgb(image.to(dtype))
    return read if x is None else x.to(dtype) + read


class StyleGAN2Discriminator(DiscriminatorNetwork):
    """images ``[N, C, H, W]``, labels ``[N, c_dim]`` → scores ``[N, 1]``; larger is more real."""

    config: Discriminator
    f: Tensor

    def __init__(self, config: Discriminator) -> None:
        super().__init__(config, c_dim=config.c_dim)
        count = levels(config.base, config.resolution)
        widths = [
            channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
            for level in range(count)
        ]
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(
                config,
                in_channels=widths[level],
                out_channels=widths[level - 1],
                from_rgb=level == count - 1 or config.architecture == "skip",
            )
            for level in range(count - 1, 0, -1)
        )
        cmap_dim = (config.cmap_dim or widths[0]) if config.c_dim else 0
        self.mapping = label_mapping(config, w_dim=cmap_dim) if config.c_dim else None
        self.epilogue = DiscriminatorEpilogue(config, in_channels=widths[0], out_features=cmap_dim or 1)
        self.register_buffer("f", fir_filter(config.resample_filter), persistent=False)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        self.check(images, c)
        x: Tensor | None = None
        for block in self.blocks:
            x = block(x, images)
            if self.config.architecture == "skip":
                images = downsample(images, self.f)
        scores = self.epilogue(x, images)
        if self.mapping is not None:
            labels = self.mapping(None, c)[:, 0]
            scores = (scores * labels).sum(dim=1, keepdim=True) / math.sqrt(labels.shape[1])
        return scores

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
