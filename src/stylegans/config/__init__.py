"""The complete description of a run, as frozen dataclasses. Standard library only."""

from stylegans.config.networks import Discriminator, Mapping, StyleGAN2
from stylegans.config.run import Data, Optimizer, Outputs, Run, Training

__all__ = ["Data", "Discriminator", "Mapping", "Optimizer", "Outputs", "Run", "StyleGAN2", "Training"]
