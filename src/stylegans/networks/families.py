"""From a config to its network: every family of the package."""

from typing import Any

from stylegans.config import (
    DCGAN,
    GAN,
    DCGANDiscriminator,
    Discriminator,
    DiscriminatorConfig,
    GANDiscriminator,
    GeneratorConfig,
    GrowingDiscriminator,
    ProGAN,
    ResNet,
    ResNetDiscriminator,
    StyleGAN,
    StyleGAN2,
    StyleGAN3,
)
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork
from stylegans.networks.dcgan import DCGANDiscriminatorNetwork, DCGANGenerator
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.discriminator_growing import GrowingDiscriminatorNetwork
from stylegans.networks.gan import GANDiscriminatorNetwork, GANGenerator
from stylegans.networks.progan import ProGANGenerator
from stylegans.networks.resnet import ResNetDiscriminatorNetwork, ResNetGenerator
from stylegans.networks.stylegan import StyleGANGenerator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.networks.stylegan3 import StyleGAN3Generator

GENERATORS: dict[type[Any], type[GeneratorNetwork]] = {
    GAN: GANGenerator,
    DCGAN: DCGANGenerator,
    ResNet: ResNetGenerator,
    ProGAN: ProGANGenerator,
    StyleGAN: StyleGANGenerator,
    StyleGAN2: StyleGAN2Generator,
    StyleGAN3: StyleGAN3Generator,
}

DISCRIMINATORS: dict[type[Any], type[DiscriminatorNetwork]] = {
    GANDiscriminator: GANDiscriminatorNetwork,
    DCGANDiscriminator: DCGANDiscriminatorNetwork,
    ResNetDiscriminator: ResNetDiscriminatorNetwork,
    GrowingDiscriminator: GrowingDiscriminatorNetwork,
    Discriminator: StyleGAN2Discriminator,
}
"""Type of the config → network."""


def build_generator(config: GeneratorConfig) -> GeneratorNetwork:
    return GENERATORS[type(config)](config)  # type: ignore[call-arg]


def build_discriminator(config: DiscriminatorConfig) -> DiscriminatorNetwork:
    return DISCRIMINATORS[type(config)](config)
