"""The StyleGAN generator (arXiv 1812.04958, figure 1b), from config B to F of its table 1.

A mapping network takes the latent to w; every layer of the synthesis network takes its style from w by AdaIN and is
given noise. The pyramid grows while it learns, as in Progressive GAN.
"""

import math
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from stylegans.config import StyleGAN
from stylegans.config.sizes import Size, channels, levels, nominal_resolution
from stylegans.errors import UserError
from stylegans.networks.base import GeneratorNetwork, Synthesis
from stylegans.networks.mapping import LabelEmbedding, LatentMapping
from stylegans.networks.precision import Reducible
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import blend, present, register_lod, to_size
from stylegans.nn.equalized import EqualizedConv2d, EqualizedLinear
from stylegans.nn.inputs import ConstantInput, DenseInput
from stylegans.nn.noise import NoiseInput
from stylegans.nn.normalization import AdaIN, instance_norm, pixel_norm
from stylegans.ops.activation import bias_act
from stylegans.ops.random import Source
from stylegans.ops.resample import filter2d, fir_filter

HE = math.sqrt(2)
"""The gain for a rectifier. The weights carry it, so that it scales neither noise nor bias."""

NEAREST = (1.0, 1.0)
"""The taps that repeat every pixel."""


class StyleGANMapping(LatentMapping):
    """z, with an embedding of the label behind it, on the sphere and through rectified layers to w.

    Without layers w is that vector itself (table 4's depth 0), ``w_dim`` its length. z and the embedding are always
    normalised as one vector: ``label_norm`` is StyleGAN2's.
    """

    def __init__(self, config: StyleGAN, *, num_ws: int) -> None:
        mapping = config.mapping
        embed_dim = (mapping.embed_dim or mapping.w_dim) if mapping.c_dim else 0
        hidden = mapping.hidden_dim or mapping.w_dim
        widths = [mapping.z_dim + embed_dim]
        if mapping.num_layers:
            widths += [hidden] * (mapping.num_layers - 1) + [mapping.w_dim]
        super().__init__(
            z_dim=mapping.z_dim, c_dim=mapping.c_dim, w_dim=widths[-1], num_ws=num_ws, w_avg_beta=mapping.w_avg_beta
        )
        self.normalize, self.activation = config.normalize_latents, config.activation
        self.embed = LabelEmbedding(mapping.c_dim, embed_dim) if mapping.c_dim else None
        self.layers = nn.ModuleList(
            EqualizedLinear(widths[i], widths[i + 1], gain=HE, lr_multiplier=mapping.lr_multiplier)
            for i in range(mapping.num_layers)
        )

    def map(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        parts = [] if z is None else [z.float()]
        if self.embed is not None and c is not None:
            parts.append(self.embed(c.float()))
        w = torch.cat(parts, dim=1)
        if self.normalize:
            w = pixel_norm(w)
        for layer in self.layers:
            w = bias_act(layer(w), act=self.activation, gain=1)
        return w


class SynthesisLayer(nn.Module):
    """What one w styles: a 3×3 convolution, noise, bias, activation, normalisation, style (figure 1b).

    ``[N, in, H, W]`` and w ``[N, w_dim]`` → ``[N, out, H·up, W·up]``. The very first layer has no convolution: its x
    is the input.
    """

    f: Tensor | None

    def __init__(
        self, config: StyleGAN, *, in_channels: int | None, out_channels: int, size: Size, w_dim: int, up: int = 1
    ) -> None:
        super().__init__()
        self.conv = (
            EqualizedConv2d(in_channels, out_channels, 3, bias=False, gain=HE, up=up, resample_filter=NEAREST)
            if in_channels is not None
            else None
        )
        blur = fir_filter(config.blur_filter) if up > 1 and config.blur_filter is not None else None
        self.register_buffer("f", blur, persistent=False)
        self.noise = NoiseInput(size, out_channels) if config.use_noise else None
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.style = AdaIN(out_channels, w_dim, normalize=config.instance_norm) if config.use_styles else None
        self.activation = config.activation
        self.pixel_norm, self.instance_norm = config.pixel_norm, config.instance_norm

    def forward(self, x: Tensor, w: Tensor, *, noise: Noise, generator: Source) -> Tensor:
        if self.conv is not None:
            x = self.conv(x)
        if self.f is not None:
            x = filter2d(x, self.f)
        if self.noise is not None:
            x = self.noise(x, noise=noise, generator=generator)
        x = bias_act(x, self.bias, act=self.activation, gain=1)
        if self.pixel_norm:
            x = pixel_norm(x)
        if self.style is not None:
            return self.style(x, w)
        return instance_norm(x) if self.instance_norm else x


class SynthesisBlock(Reducible):
    """One level: two layers, the first of which doubles the size, and the picture it can draw.

    Without ``in_channels`` it is the base grid, whose first layer has the input alone.
    """

    def __init__(self, config: StyleGAN, *, level: int, in_channels: int | None, out_channels: int, w_dim: int) -> None:
        super().__init__(rate=nominal_resolution(config.base, level))
        size = (config.base[0] << level, config.base[1] << level)

        def layer(channels: int | None, *, up: int = 1) -> SynthesisLayer:
            return SynthesisLayer(
                config, in_channels=channels, out_channels=out_channels, size=size, w_dim=w_dim, up=up
            )

        self.layer0 = layer(None) if in_channels is None else layer(in_channels, up=2)
        self.layer1 = layer(out_channels)
        self.to_rgb = EqualizedConv2d(out_channels, config.img_channels, 1)

    def forward(self, x: Tensor, ws: Tensor, *, noise: Noise, generator: Source) -> Tensor:
        """x ``[N, in, H, W]``; ws ``[N, 2, w_dim]``, one per layer."""
        x = self.layer0(x.to(self.dtype), ws[:, 0], noise=noise, generator=generator)
        return self.layer1(x, ws[:, 1], noise=noise, generator=generator)


class StyleGANSynthesis(Synthesis):
    """ws ``[N, num_ws, w_dim]`` → images ``[N, C, H, W]``, of full size at every stage of growth (``pyramid.set_lod``).

    Raises:
        UserError: w would enter nowhere, neither as style nor at the input.
    """

    lod: Tensor

    def __init__(self, config: StyleGAN, *, w_dim: int) -> None:
        super().__init__()
        if config.const_input and not config.use_styles:
            raise UserError(
                "const_input: without styles w enters at a dense input only; switch it off or use_styles on"
            )
        self.num_levels = levels(config.base, config.resolution)
        self.num_ws = num_ws(config)
        self.has_noise = config.use_noise
        widths = [
            channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
            for level in range(self.num_levels)
        ]
        self.input = (
            ConstantInput(widths[0], config.base, init=torch.ones)
            if config.const_input
            else DenseInput(w_dim, widths[0], config.base, bias=False)
        )
        self.blocks = nn.ModuleList(
            SynthesisBlock(
                config,
                level=level,
                in_channels=widths[level - 1] if level else None,
                out_channels=widths[level],
                w_dim=w_dim,
            )
            for level in range(self.num_levels)
        )
        self.resolution = config.resolution
        register_lod(self)

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        self.check(ws, noise)
        x = self.input(ws.shape[0] if isinstance(self.input, ConstantInput) else ws[:, 0])
        styles = ws.expand(-1, 2 * self.num_levels, -1)  # the one w of a network without styles goes unread
        image: Tensor | None = None
        there = present(cast(Iterable[SynthesisBlock], self.blocks), float(self.lod))
        for level, (block, coming, draws) in enumerate(there):
            x = block(x, styles[:, 2 * level : 2 * level + 2], noise=noise, generator=generator)
            if draws:
                image = blend(block.to_rgb(x).float(), image, coming)
        assert image is not None  # the finest level always draws
        return to_size(image, self.resolution)


def num_ws(config: StyleGAN) -> int:
    """A w for each of the two layers of a level; without styles the one that enters at the input."""
    return 2 * levels(config.base, config.resolution) if config.use_styles else 1


class StyleGANGenerator(GeneratorNetwork):
    """z ``[N, z_dim]``, labels ``[N, c_dim]`` → images ``[N, C, H, W]``, about [-1, 1]."""

    def __init__(self, config: StyleGAN) -> None:
        mapping = StyleGANMapping(config, num_ws=num_ws(config))
        super().__init__(config, synthesis=StyleGANSynthesis(config, w_dim=mapping.w_dim), mapping=mapping)
