"""The StyleGAN2 generator (arXiv 1912.04958): weight demodulation (figure 2d) in three wirings (figure 7), or growing.

orig: one picture, at the end. skip: every level adds its picture to the upsampled one below. resnet: every
level adds its features to the upsampled ones below, one picture at the end. grow: configs B to D of table 1, the
finest level that is there draws, blended with the enlarged picture of the one below while it fades in.
"""

import math
from collections.abc import Iterable
from typing import cast

from torch import Tensor, nn

from stylegans.config import StyleGAN2
from stylegans.config.sizes import channels, levels, nominal_resolution
from stylegans.networks.base import GeneratorNetwork, Synthesis
from stylegans.networks.mapping import MappingNetwork
from stylegans.networks.precision import Reducible
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import blend, present, register_lod, to_size
from stylegans.nn.equalized import EqualizedConv2d
from stylegans.nn.inputs import ConstantInput
from stylegans.nn.modulated import StyledConv, ToRGB
from stylegans.ops.polyphase import upsample
from stylegans.ops.random import Source
from stylegans.ops.resample import fir_filter


class SynthesisBlock(Reducible):
    """One level: two styled layers, the first of which doubles the size (on the base grid there is only the second)."""

    def __init__(self, config: StyleGAN2, *, level: int, in_channels: int, out_channels: int, to_rgb: bool) -> None:
        super().__init__(rate=nominal_resolution(config.base, level))
        size, is_base = (config.base[0] << level, config.base[1] << level), level == 0
        w_dim, clamp, taps = config.mapping.w_dim, config.conv_clamp, config.resample_filter

        def layer(channels: int, *, up: int = 1) -> StyledConv:
            return StyledConv(
                channels,
                out_channels,
                w_dim=w_dim,
                size=size,
                up=up,
                use_noise=config.use_noise,
                resample_filter=taps,
                clamp=clamp,
            )

        self.conv0 = None if is_base else layer(in_channels, up=2)
        self.conv1 = layer(out_channels)
        self.to_rgb = ToRGB(out_channels, config.img_channels, w_dim=w_dim, clamp=clamp) if to_rgb else None
        self.skip = (
            EqualizedConv2d(in_channels, out_channels, 1, bias=False, up=2, resample_filter=taps)
            if config.architecture == "resnet" and not is_base
            else None
        )

    def forward(self, x: Tensor, ws: Tensor, *, noise: Noise, generator: Source) -> Tensor:
        """x ``[N, in, H, W]``; ws ``[N, 2 or 3, w_dim]``, one per convolution and one for the picture."""
        x = x.to(self.dtype)
        if self.conv0 is None:
            return self.conv1(x, ws[:, 0], noise=noise, generator=generator)
        y = self.conv0(x, ws[:, 0], noise=noise, generator=generator)
        if self.skip is None:
            return self.conv1(y, ws[:, 1], noise=noise, generator=generator)
        half = math.sqrt(0.5)  # the sum of two branches keeps unit variance
        return self.skip(x, gain=half) + self.conv1(y, ws[:, 1], noise=noise, generator=generator, gain=half)


class SynthesisNetwork(Synthesis):
    """ws ``[N, num_ws, w_dim]`` → images ``[N, C, H, W]``, of full size at every stage of growth."""

    f: Tensor
    lod: Tensor

    def __init__(self, config: StyleGAN2) -> None:
        super().__init__()
        count = levels(config.base, config.resolution)
        self.num_ws = 2 * count
        self.has_noise = config.use_noise
        widths = [
            channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
            for level in range(count)
        ]
        self.input = ConstantInput(widths[0], config.base)
        self.blocks = nn.ModuleList(
            SynthesisBlock(
                config,
                level=level,
                in_channels=widths[max(level - 1, 0)],
                out_channels=widths[level],
                to_rgb=config.architecture in ("skip", "grow") or level == count - 1,
            )
            for level in range(count)
        )
        self.register_buffer("f", fir_filter(config.resample_filter), persistent=False)
        self.resolution = config.resolution
        self.grow = config.architecture == "grow"
        if self.grow:
            register_lod(self)

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        self.check(ws, noise)
        x = self.input(ws.shape[0])
        image: Tensor | None = None
        first = 0
        lod = float(self.lod) if self.grow else 0.0
        for block, coming, draws in present(cast(Iterable[SynthesisBlock], self.blocks), lod):
            count = 1 if first == 0 else 2
            styles = ws[:, first : first + count + 1]  # a level's picture shares the w of the next level's first layer
            x = block(x, styles, noise=noise, generator=generator)
            first += count
            if block.to_rgb is None or (self.grow and not draws):
                continue
            rgb = block.to_rgb(x, styles[:, -1])
            if self.grow:
                image = blend(rgb.float(), image, coming)
            elif image is None:
                image = rgb.float()
            else:
                image = upsample(image, self.f) + rgb
        assert image is not None  # the finest level always draws
        return to_size(image, self.resolution)


class StyleGAN2Generator(GeneratorNetwork):
    """z ``[N, z_dim]``, labels ``[N, c_dim]`` → images ``[N, C, H, W]``, about [-1, 1]."""

    def __init__(self, config: StyleGAN2) -> None:
        synthesis = SynthesisNetwork(config)
        super().__init__(config, synthesis=synthesis, mapping=MappingNetwork(config.mapping, num_ws=synthesis.num_ws))
