"""What a network is made of. A network's config travels with its weights and rebuilds it exactly.

One dataclass per network; ``family`` names it in files. Where a field is called ``base`` the network is a pyramid
that starts from that grid and doubles it, C(r) = min(channel_base / r, channel_max) feature maps wide at r².
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from stylegans.config.sizes import Size

Wiring = Literal["orig", "skip", "resnet", "grow"]
"""How the levels are wired to the picture: StyleGAN2's figure 7, and 'grow' as in its configs B to D."""

Taps = tuple[float, ...]


# --- the style-based generators -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mapping:
    """The mapping network f: Z × C → W (StyleGAN, figure 1b)."""

    z_dim: int = 512
    c_dim: int = 0
    """Length of the label vector; 0 for an unconditional network."""
    w_dim: int = 512
    num_layers: int = 8
    """0 (StyleGAN only): W is the normalised Z."""
    hidden_dim: int | None = None
    """Width of the hidden layers; None: w_dim."""
    embed_dim: int | None = None
    """Width of the label embedding; None: w_dim."""
    label_norm: Literal["apart", "together"] = "apart"
    """z and the label's embedding are normalised each on its own (StyleGAN2-ADA) or as one vector (before it)."""
    lr_multiplier: float = 0.01
    w_avg_beta: float | None = 0.995
    """Decay of the moving average of w that truncation pulls towards; None: no average is kept."""


@dataclass(frozen=True)
class StyleGAN2:
    """The StyleGAN2 generator."""

    family: ClassVar[str] = "stylegan2"

    mapping: Mapping = field(default_factory=Mapping)
    resolution: Size = (256, 256)
    base: Size = (4, 4)
    img_channels: int = 3
    architecture: Wiring = "skip"
    channel_base: int = 32768
    channel_max: int = 512
    resample_filter: Taps = (1, 3, 3, 1)
    use_noise: bool = True
    conv_clamp: float | None = None
    """Activations are clamped to ± this; the published mixed-precision networks use 256."""


@dataclass(frozen=True)
class StyleGAN3:
    """The StyleGAN3 generator: configuration T; with ``conv_kernel`` 1, radial filters and twice the channels, R.

    A layer's sampling rate counts pixels along the side of the nominal power of two that stands for ``resolution``.
    """

    family: ClassVar[str] = "stylegan3"

    mapping: Mapping = field(default_factory=lambda: Mapping(num_layers=2, w_avg_beta=0.998))
    resolution: Size = (256, 256)
    base: Size = (4, 4)
    """The shape of the picture; grids of all layers are multiples of it, with a margin."""
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    """Without the last, which makes the picture."""
    num_critical: int = 2
    """Layers at the end whose filters cut off at the Nyquist frequency."""
    first_cutoff: float = 2.0
    """Of the low-pass filter of the first layer, in cycles across the picture."""
    first_stopband: float = 2**2.1
    """Where that filter should have attenuated everything."""
    last_stopband_rel: float = 2**0.3
    """The same of the last layer, relative to its cutoff."""
    margin_size: int = 10
    """Pixels around the picture, so that what enters from outside is there."""
    output_scale: float = 0.25
    """Of the picture, which so starts with a small variance."""
    conv_kernel: int = 3
    filter_size: int = 6
    """Taps per factor of resampling."""
    lrelu_upsampling: int = 2
    """The rectifiers see so many times the sampling rate."""
    use_radial_filters: bool = False
    """Downsampling is the same in every direction, but for the critical layers."""
    conv_clamp: float | None = 256.0
    magnitude_ema_beta: float = 0.999
    """Decay of the moving average of every layer's input magnitude, by which the input is divided."""


@dataclass(frozen=True)
class StyleGAN:
    """The StyleGAN generator; the switches are the steps from config B to F of its table 1."""

    family: ClassVar[str] = "stylegan"

    mapping: Mapping = field(default_factory=Mapping)
    resolution: Size = (256, 256)
    base: Size = (4, 4)
    img_channels: int = 3
    channel_base: int = 16384
    channel_max: int = 512
    use_styles: bool = True
    """Styles enter every layer by AdaIN (from config C on); without, w enters at the input alone."""
    const_input: bool = True
    """A learned constant (from config D on) instead of a dense layer that w enters."""
    use_noise: bool = True
    """Noise inputs (from config E on)."""
    pixel_norm: bool = False
    """Pixel norm after every layer, as in Progressive GAN (config B)."""
    instance_norm: bool = True
    """Instance norm, the normalising half of AdaIN (from config C on)."""
    activation: Literal["lrelu", "relu"] = "lrelu"
    normalize_latents: bool = True
    blur_filter: Taps | None = (1, 2, 1)
    """After every upsampling by two: bilinear with [1, 2, 1]; None: nearest neighbours."""


# --- their ancestors ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProGAN:
    """The Progressive GAN generator (its table 2)."""

    family: ClassVar[str] = "progan"

    z_dim: int = 512
    c_dim: int = 0
    resolution: Size = (256, 256)
    base: Size = (4, 4)
    img_channels: int = 3
    channel_base: int = 16384
    channel_max: int = 512


@dataclass(frozen=True)
class GAN:
    """The multilayer generator of 2014: fully connected, rectified, a sigmoid at the end."""

    family: ClassVar[str] = "gan"

    z_dim: int = 100
    resolution: Size = (32, 32)
    img_channels: int = 3
    num_layers: int = 2
    """Hidden layers."""
    channel_base: int = 1200
    channel_max: int = 1200
    """Units of a hidden layer: C(1), a dense layer being a 1×1 grid."""


@dataclass(frozen=True)
class DCGAN:
    """The DCGAN generator (its figure 1)."""

    family: ClassVar[str] = "dcgan"

    z_dim: int = 100
    resolution: Size = (64, 64)
    base: Size = (4, 4)
    img_channels: int = 3
    channel_base: int = 4096
    channel_max: int = 1024


@dataclass(frozen=True)
class ResNet:
    """The residual generator that WGAN-GP and SNGAN use on CIFAR-10."""

    family: ClassVar[str] = "resnet"

    z_dim: int = 128
    resolution: Size = (32, 32)
    base: Size = (4, 4)
    img_channels: int = 3
    channel_base: int = 8192
    channel_max: int = 128


# --- the discriminators ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Discriminator:
    """The StyleGAN2 discriminator."""

    family: ClassVar[str] = "stylegan2"

    resolution: Size = (256, 256)
    base: Size = (4, 4)
    img_channels: int = 3
    c_dim: int = 0
    architecture: Wiring = "resnet"
    channel_base: int = 32768
    channel_max: int = 512
    resample_filter: Taps = (1, 3, 3, 1)
    conv_clamp: float | None = None
    mbstd_group: int | None = 4
    """Samples per group of the minibatch standard deviation; None: the whole batch."""
    mbstd_channels: int = 1
    label_head: Literal["projection", "select"] = "projection"
    """The score is projected on an embedding of the label (StyleGAN2-ADA), or there is one per class and the
    label selects (StyleGAN2)."""
    cmap_dim: int | None = None
    """Width of the label projection; None: the channels of the base grid."""
    mapping_layers: int = 8
    """Layers of the label mapping (projection only)."""
    mapping_lr_multiplier: float = 0.01
    mapping_hidden_dim: int | None = None
    mapping_embed_dim: int | None = None


@dataclass(frozen=True)
class GrowingDiscriminator:
    """The discriminator of Progressive GAN and StyleGAN."""

    family: ClassVar[str] = "growing"

    resolution: Size = (256, 256)
    base: Size = (4, 4)
    img_channels: int = 3
    c_dim: int = 0
    channel_base: int = 16384
    channel_max: int = 512
    blur_filter: Taps | None = (1, 2, 1)
    """Before every downsampling by two (StyleGAN); None: none (Progressive GAN)."""
    average: Literal["before", "after"] = "before"
    """A level averages its pixels before the rectifier (StyleGAN, and Progressive GAN's fused layers) or after it
    (Progressive GAN's unfused ones)."""
    mbstd_group: int | None = 4
    mbstd_channels: int = 1
    """0: no minibatch standard deviation."""


@dataclass(frozen=True)
class GANDiscriminator:
    """The multilayer discriminator of 2014: maxout layers with dropout."""

    family: ClassVar[str] = "gan"

    resolution: Size = (32, 32)
    img_channels: int = 3
    num_layers: int = 2
    """Hidden layers."""
    channel_base: int = 240
    channel_max: int = 240
    """Units of a hidden layer: C(1)."""
    pieces: int = 5
    """Linear pieces of a maxout unit."""
    dropout_input: float = 0.2
    dropout_hidden: float = 0.5


@dataclass(frozen=True)
class DCGANDiscriminator:
    """The DCGAN discriminator, also the critic of WGAN."""

    family: ClassVar[str] = "dcgan"

    resolution: Size = (64, 64)
    base: Size = (4, 4)
    img_channels: int = 3
    channel_base: int = 4096
    channel_max: int = 1024


@dataclass(frozen=True)
class ResNetDiscriminator:
    """The residual discriminator that WGAN-GP and SNGAN use on CIFAR-10."""

    family: ClassVar[str] = "resnet"

    resolution: Size = (32, 32)
    base: Size = (4, 4)
    img_channels: int = 3
    channel_base: int = 8192
    channel_max: int = 128
    spectral_norm: bool = False
    """Every weight divided by its largest singular value (SNGAN)."""
    pooling: Literal["mean", "sum"] = "mean"
    """Over the last grid: mean (WGAN-GP) or sum (SNGAN)."""


GeneratorConfig = GAN | DCGAN | ResNet | ProGAN | StyleGAN | StyleGAN2 | StyleGAN3

MAPPED = (StyleGAN, StyleGAN2, StyleGAN3)
"""Generators with a mapping network."""

DiscriminatorConfig = GANDiscriminator | DCGANDiscriminator | ResNetDiscriminator | GrowingDiscriminator | Discriminator
