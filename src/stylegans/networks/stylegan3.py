"""The StyleGAN3 generator (arXiv 2106.12423): details that stay on the surfaces they belong to, not on the pixel grid.

Every layer stands for a continuous signal of a known bandwidth: Fourier features at the start, rectifiers that do
not alias, a margin around the picture, and no noise inputs. T is equivariant to translation, R to rotation too.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from stylegans.config import StyleGAN3
from stylegans.config.sizes import Size, format_size, levels, nominal_resolution
from stylegans.errors import UserError
from stylegans.networks.base import GeneratorNetwork, Synthesis
from stylegans.networks.mapping import MappingNetwork
from stylegans.networks.precision import Reducible
from stylegans.networks.protocol import Noise
from stylegans.nn.equalized import EqualizedLinear
from stylegans.nn.fourier import FourierInput
from stylegans.nn.packing import Packing
from stylegans.ops.eager import freely
from stylegans.ops.filtered_lrelu import filtered_lrelu
from stylegans.ops.filters import lowpass
from stylegans.ops.modulation import demodulation, modulated_conv2d
from stylegans.ops.random import Source
from stylegans.ops.scaled_conv import scaled_conv2d

# --- the layers' bandwidths and sizes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signal:
    """What a layer hands on: a sampled band-limited signal."""

    channels: int
    cutoff: float
    """The largest frequency, in cycles per picture."""
    half_width: float
    """Of the transition band of the filter at the cutoff."""
    rate: int
    """Samples per picture."""
    size: Size
    """Samples, those of the margin included."""
    is_critical: bool
    """The cutoff is the Nyquist frequency."""


def signals(config: StyleGAN3) -> list[Signal]:
    """The output of every layer, the picture last (section 3.3 and appendix F).

    Cutoff and stopband grow geometrically from the first layer to the first critical one.

    Raises:
        UserError: the layers do not fit the size of the pictures.
    """
    nominal = nominal_resolution(config.base, levels(config.base, config.resolution) - 1)
    last_cutoff = nominal / 2
    last_stopband = last_cutoff * config.last_stopband_rel
    _check(config, last_cutoff)
    steps = config.num_layers - config.num_critical
    made = []
    for i in range(config.num_layers + 1):
        exponent = min(i / steps, 1)
        cutoff = config.first_cutoff * (last_cutoff / config.first_cutoff) ** exponent
        stopband = config.first_stopband * (last_stopband / config.first_stopband) ** exponent
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, nominal)))
        is_last, whole = i >= config.num_layers - 1, config.resolution
        made.append(
            Signal(
                channels=config.img_channels if i == config.num_layers else _width(config, cutoff),
                cutoff=cutoff,
                half_width=max(stopband, rate / 2) - cutoff,
                rate=rate,
                size=whole if is_last else _with_margin(config, rate, nominal),
                is_critical=i >= steps,
            )
        )
    return made


def _check(config: StyleGAN3, last_cutoff: float) -> None:
    for name in ("filter_size", "lrelu_upsampling", "conv_kernel", "num_critical"):
        if getattr(config, name) < 1:
            raise UserError(f"{name}: {getattr(config, name)} should be at least 1")
    if config.num_critical >= config.num_layers:
        raise UserError(f"num_critical: {config.num_critical} should be below num_layers, {config.num_layers}")
    if not 0 < config.first_cutoff < config.first_stopband or not config.first_cutoff <= last_cutoff:
        raise UserError(
            f"first_cutoff: {config.first_cutoff} should be above 0, below first_stopband, and at most {last_cutoff:g} "
            f"for pictures of {format_size(config.resolution)}"
        )
    if not config.last_stopband_rel > 1:
        raise UserError(f"last_stopband_rel: {config.last_stopband_rel} should be above 1")
    if config.margin_size < 0:
        raise UserError(f"margin_size: {config.margin_size} should be at least 0")


def _width(config: StyleGAN3, cutoff: float) -> int:
    return max(1, round(min(config.channel_base / 2 / cutoff, config.channel_max)))


def _with_margin(config: StyleGAN3, rate: int, nominal: int) -> Size:
    height, width = config.resolution
    if height * rate % nominal or width * rate % nominal:
        raise UserError(
            f"resolution: {format_size(config.resolution)} cannot be sampled at {rate} / {nominal} of its pixels; "
            f"use a larger first_stopband"
        )
    margin = 2 * config.margin_size
    return height * rate // nominal + margin, width * rate // nominal + margin


# --- the networks -----------------------------------------------------------------------------------------------------


class SynthesisLayer(Reducible, Packing):
    """Modulated convolution and filtered leaky ReLU; for the picture a modulated 1×1 convolution alone.

    The input is divided by a moving average of its magnitude, which training follows (``track_magnitude``).
    """

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, config: StyleGAN3, *, before: Signal, after: Signal, to_rgb: bool) -> None:
        super().__init__(rate=after.rate)
        self.to_rgb, self.clamp, self.beta = to_rgb, config.conv_clamp, config.magnitude_ema_beta
        kernel = 1 if to_rgb else config.conv_kernel
        self.affine = EqualizedLinear(config.mapping.w_dim, before.channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(after.channels, before.channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after.channels))
        self.register_buffer("magnitude_ema", torch.ones([]))

        rate = max(before.rate, after.rate) * (1 if to_rgb else config.lrelu_upsampling)
        self.up, self.down = rate // before.rate, rate // after.rate
        up_taps, down_taps = (1 if factor == 1 else config.filter_size * factor for factor in (self.up, self.down))
        up_filter = lowpass(up_taps, cutoff=before.cutoff, width=2 * before.half_width, rate=rate)
        radial = config.use_radial_filters and not after.is_critical
        down_filter = lowpass(down_taps, cutoff=after.cutoff, width=2 * after.half_width, rate=rate, radial=radial)
        self.register_buffer("up_filter", up_filter, persistent=False)
        self.register_buffer("down_filter", down_filter, persistent=False)
        top, bottom = _padding(before.size[0], after.size[0], kernel, self.up, self.down, up_taps, down_taps)
        left, right = _padding(before.size[1], after.size[1], kernel, self.up, self.down, up_taps, down_taps)
        self.padding = (left, right, top, bottom)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x ``[N, in, h, w]``, w ``[N, w_dim]`` → ``[N, out, h', w']``."""
        x = x.to(self.dtype)
        styles, weight = self.affine(w), self.weight
        input_gain = self.magnitude_ema.rsqrt()
        if self.to_rgb:
            styles = styles * (input_gain / math.sqrt(weight.shape[1]))
            x = modulated_conv2d(x, weight, styles, demodulate=False)
            return filtered_lrelu(x, self.bias, gain=1, slope=1, clamp=self.clamp)
        # demodulation takes both scales out again; these keep clear of its epsilon, and of float16's infinity
        free = x.dtype is not torch.float16 and freely(x, weight, styles, self.bias)
        squares = self.packed.squares(weight) if free else weight.square().sum(dim=[2, 3])
        norms = squares.sum(dim=1).rsqrt()
        styles = styles * styles.square().mean(dim=1, keepdim=True).rsqrt()
        scales = demodulation(weight, styles, squares=squares * norms.square()[:, None]) * input_gain
        padding, bias = weight.shape[2] - 1, cast(Tensor, self.bias)
        if free:
            scales = scales * norms
            x = scaled_conv2d(x, weight, styles, scales, bias=bias, padding=padding, packed=self.packed)
            return self._rectified(x, None)
        x = modulated_conv2d(x, weight * norms[:, None, None, None], styles, padding=padding, demodulate=False)
        return self._rectified(x * scales.to(x.dtype)[:, :, None, None], bias)

    def _rectified(self, x: Tensor, bias: Tensor | None) -> Tensor:
        return filtered_lrelu(
            x,
            bias,
            up_filter=self.up_filter,
            down_filter=self.down_filter,
            up=self.up,
            down=self.down,
            padding=self.padding,
            clamp=self.clamp,
        )

    @torch.no_grad()
    def track_magnitude(self, mean_square: Tensor) -> None:
        """Move the average towards the mean square of a batch's input."""
        self.magnitude_ema.copy_(mean_square.lerp(self.magnitude_ema, self.beta))


def _padding(before: int, after: int, kernel: int, up: int, down: int, up_taps: int, down_taps: int) -> tuple[int, int]:
    """Around the upsampled signal, along one axis, so that the layer's output has ``after`` samples."""
    wanted = (after - 1) * down + 1
    total = wanted - (before + kernel - 1) * up + up_taps + down_taps - 2
    first = (total + up) // 2  # upsampling puts its zeros behind each sample
    return first, total - first


class SynthesisNetwork(Synthesis):
    """ws ``[N, num_layers + 2, w_dim]`` → images ``[N, C, H, W]``: a w for the input, one for each layer."""

    def __init__(self, config: StyleGAN3) -> None:
        super().__init__()
        outputs = signals(config)
        first = outputs[0]
        self.input = FourierInput(
            config.mapping.w_dim, first.channels, size=first.size, rate=first.rate, bandwidth=first.cutoff
        )
        self.layers = nn.ModuleList(
            SynthesisLayer(config, before=before, after=after, to_rgb=i == config.num_layers)
            for i, (before, after) in enumerate(zip([first, *outputs], outputs, strict=False))
        )
        self.num_ws = len(self.layers) + 1
        self.output_scale = config.output_scale
        self.units = outputs[-1].rate
        """Pixels of the picture to the unit of the input's coordinates."""

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        return self.observed(ws, noise=noise, generator=generator)[0]

    def observed(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> tuple[Tensor, Tensor]:
        """Images, and the mean square of every layer's input, ``[num_layers + 1]``; in training mode only."""
        self.check(ws, noise)
        x = self.input(ws[:, 0])
        magnitudes = []
        for i, layer in enumerate(self.layers, start=1):
            if self.training:
                magnitudes.append(x.detach().float().square().mean())
            x = layer(x, ws[:, i])
        return x.float() * self.output_scale, torch.stack(magnitudes) if magnitudes else x.new_zeros(0)

    def track(self, observations: Tensor) -> None:
        """Move the layers' averages.

        The published network moves each on the way, before its layer uses it. After the batch, the parts of a batch
        give what the whole does, and the gains are one batch older than they would be, of some hundred.
        """
        for layer, magnitude in zip(self.layers, observations, strict=True):
            cast(SynthesisLayer, layer).track_magnitude(magnitude)


class StyleGAN3Generator(GeneratorNetwork):
    """z ``[N, z_dim]``, labels ``[N, c_dim]`` → images ``[N, C, H, W]``, about [-1, 1]."""

    def __init__(self, config: StyleGAN3) -> None:
        synthesis = SynthesisNetwork(config)
        super().__init__(config, synthesis=synthesis, mapping=MappingNetwork(config.mapping, num_ws=synthesis.num_ws))
