"""Which levels of a network compute in reduced precision.

Parameters, styles, the sum of pictures and the last layers stay in float32; the features and convolutions of
the chosen levels do not.
"""

import torch

from stylegans.config.networks import Discriminator, StyleGAN2
from stylegans.config.sizes import nominal_resolution
from stylegans.errors import UserError
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork
from stylegans.networks.discriminator import DiscriminatorBlock
from stylegans.networks.stylegan2 import SynthesisBlock

REDUCIBLE = (StyleGAN2, Discriminator)
"""Configs of the networks whose levels can."""

FROM_RESOLUTION = 8
"""The smallest grid that is ever reduced, as published."""


def set_precision(
    network: GeneratorNetwork | DiscriminatorNetwork, dtype: torch.dtype, *, from_resolution: int = FROM_RESOLUTION
) -> None:
    """Let the levels of ``network`` from ``from_resolution`` up compute in ``dtype``; the others in float32.

    Raises:
        UserError: the network computes in float32 only.
    """
    config = network.config
    if not isinstance(config, REDUCIBLE):
        if dtype is not torch.float32:
            raise UserError(f"--precision: {config.family} networks compute in float32 only")
        return
    blocks = [module for module in network.modules() if isinstance(module, (SynthesisBlock, DiscriminatorBlock))]
    if isinstance(config, Discriminator):
        blocks.reverse()  # stored from the picture down
    first = 0 if isinstance(config, StyleGAN2) else 1  # the discriminator's base grid is its epilogue
    for level, block in enumerate(blocks, start=first):
        reduced = nominal_resolution(config.base, level) >= from_resolution
        block.dtype = dtype if reduced else torch.float32
