"""The complete description of a run, as frozen dataclasses. Standard library only."""

from stylegans.config.networks import (
    DCGAN,
    GAN,
    DCGANDiscriminator,
    Discriminator,
    DiscriminatorConfig,
    GANDiscriminator,
    GeneratorConfig,
    GrowingDiscriminator,
    Mapping,
    ProGAN,
    ResNet,
    ResNetDiscriminator,
    StyleGAN,
    StyleGAN2,
)
from stylegans.config.run import Data, Growth, Loss, Optimizer, Outputs, Precision, Run, Training

__all__ = [
    "DCGAN",
    "DCGANDiscriminator",
    "Data",
    "Discriminator",
    "DiscriminatorConfig",
    "GAN",
    "GANDiscriminator",
    "GeneratorConfig",
    "Growth",
    "GrowingDiscriminator",
    "Loss",
    "Mapping",
    "Optimizer",
    "Outputs",
    "Precision",
    "ProGAN",
    "ResNet",
    "ResNetDiscriminator",
    "Run",
    "StyleGAN",
    "StyleGAN2",
    "Training",
]
