"""Somebody else's checkpoint, read: what every reader of ``interop/`` gives."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from stylegans.config.networks import DiscriminatorConfig, GeneratorConfig

NON_COMMERCIAL = "non-commercial"
"""In every licence note that says so."""

NVIDIA = f"NVIDIA Source Code License: for {NON_COMMERCIAL} use only"
"""What NVIDIA's published checkpoints, and what is made of them, are under."""

CREATIVE_COMMONS = f"Creative Commons BY-NC 4.0: for {NON_COMMERCIAL} use only"
"""What Progressive GAN's are under."""


@dataclass(frozen=True)
class Part:
    """One network: our config and our state dict."""

    config: GeneratorConfig | DiscriminatorConfig
    state: Mapping[str, Tensor]


@dataclass(frozen=True)
class Foreign:
    """A checkpoint that another program wrote, as ours."""

    source: str
    """Which program, in words: 'stylegan2-ada-pytorch'."""
    family: str
    """Of the generator, or of the discriminator where there is none."""
    parts: Mapping[str, Part]
    """'generator_ema', 'generator', 'discriminator': those it holds."""
    licence: str = ""
    """A note on what it may be used for; it travels with whatever the checkpoint is converted to."""
    data: str = ""
    """What it was trained on, where the file says."""
