"""From a config to its network: every family of the package."""

from typing import Any

from stylegans.config import Discriminator, DiscriminatorConfig, GeneratorConfig, StyleGAN2
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.stylegan2 import StyleGAN2Generator

GENERATORS: dict[type[Any], type[GeneratorNetwork]] = {
    StyleGAN2: StyleGAN2Generator,
}

DISCRIMINATORS: dict[type[Any], type[DiscriminatorNetwork]] = {
    Discriminator: StyleGAN2Discriminator,
}
"""Type of the config → network."""


def build_generator(config: GeneratorConfig) -> GeneratorNetwork:
    return GENERATORS[type(config)](config)  # type: ignore[call-arg, arg-type]


def build_discriminator(config: DiscriminatorConfig) -> DiscriminatorNetwork:
    return DISCRIMINATORS[type(config)](config)
