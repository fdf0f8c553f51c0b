"""What a network is made of. A network's config travels with its weights and rebuilds it exactly."""

from dataclasses import dataclass, field
from typing import Literal

from stylegans.config.sizes import Size

Wiring = Literal["orig", "skip", "resnet"]
"""How the levels are wired to the picture (StyleGAN2, figure 7)."""

Taps = tuple[float, ...]


@dataclass(frozen=True)
class Mapping:
    """The mapping network f: Z × C → W (StyleGAN, figure 1b)."""

    z_dim: int = 512
    c_dim: int = 0
    """Length of the label vector; 0 for an unconditional network."""
    w_dim: int = 512
    num_layers: int = 8
    hidden_dim: int | None = None
    """Width of the hidden layers; None: w_dim."""
    embed_dim: int | None = None
    """Width of the label embedding; None: w_dim."""
    lr_multiplier: float = 0.01
    w_avg_beta: float | None = 0.995
    """Decay of the moving average of w that truncation pulls towards; None: no average is kept."""


@dataclass(frozen=True)
class StyleGAN2:
    """The StyleGAN2 generator."""

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
class Discriminator:
    """The StyleGAN2 discriminator."""

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
    cmap_dim: int | None = None
    """Width of the label projection; None: the channels of the base grid."""
    mapping_layers: int = 8
    """Layers of the label mapping (conditional networks only)."""
    mapping_lr_multiplier: float = 0.01
    mapping_hidden_dim: int | None = None
    mapping_embed_dim: int | None = None
