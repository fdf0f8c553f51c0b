"""The first GAN (arXiv 1406.2661, section 5): multilayer perceptrons.

The generator is rectified, with a sigmoid at the end; the discriminator is made of maxout units and trained with
dropout. Weights begin uniform in ±0.05 and ±0.005, as in the experiments published with the paper, and biases at 0.
"""

import math
from itertools import pairwise

from torch import Tensor, nn

from stylegans.config import GAN, GANDiscriminator
from stylegans.config.sizes import channels
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork, Synthesis
from stylegans.networks.mapping import NormalizedLatents
from stylegans.networks.protocol import Noise
from stylegans.nn.dropout import Dropout
from stylegans.nn.maxout import Maxout
from stylegans.ops.random import Source

GENERATOR_RANGE = 0.05
DISCRIMINATOR_RANGE = 0.005
"""Initial weights are uniform in ± this."""


def dense(in_features: int, out_features: int, *, irange: float) -> nn.Linear:
    """A fully connected layer, its weights uniform in ± ``irange``, its biases 0."""
    layer = nn.Linear(in_features, out_features)
    nn.init.uniform_(layer.weight, -irange, irange)
    nn.init.zeros_(layer.bias)
    return layer


class SynthesisNetwork(Synthesis):
    """ws ``[N, 1, z_dim]`` → images ``[N, C, H, W]``, in [-1, 1]: the paper's sigmoid σ, as 2σ - 1."""

    num_ws = 1

    def __init__(self, config: GAN) -> None:
        super().__init__()
        self.shape = (config.img_channels, *config.resolution)
        units = channels((1, 1), 0, channel_base=config.channel_base, channel_max=config.channel_max)
        widths = [config.z_dim] + [units] * config.num_layers
        self.layers = nn.ModuleList(dense(a, b, irange=GENERATOR_RANGE) for a, b in pairwise(widths))
        self.out = dense(widths[-1], math.prod(self.shape), irange=GENERATOR_RANGE)

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        self.check(ws, noise)
        x = ws[:, 0]
        for layer in self.layers:
            x = layer(x).relu()
        return (2 * self.out(x).sigmoid() - 1).unflatten(1, self.shape)


class GANGenerator(GeneratorNetwork):
    """z ``[N, z_dim]`` → images ``[N, C, H, W]``, in [-1, 1].

    The paper draws z uniformly; here it is normal and put on its sphere, like every latent of this package.
    """

    def __init__(self, config: GAN) -> None:
        super().__init__(config, synthesis=SynthesisNetwork(config), mapping=NormalizedLatents(z_dim=config.z_dim))


class GANDiscriminatorNetwork(DiscriminatorNetwork):
    """images ``[N, C, H, W]`` → scores ``[N, 1]``, before the paper's sigmoid; larger is more real.

    In training mode dropout acts on the picture and on every hidden layer.

    Raises:
        UserError: a dropout outside [0, 1), or maxout units without pieces.
    """

    def __init__(self, config: GANDiscriminator) -> None:
        super().__init__(config)
        units = channels((1, 1), 0, channel_base=config.channel_base, channel_max=config.channel_max)
        widths = [math.prod((config.img_channels, *config.resolution))] + [units] * config.num_layers
        self.dropout_input = Dropout(config.dropout_input)
        self.dropout_hidden = Dropout(config.dropout_hidden)
        self.layers = nn.ModuleList(
            Maxout(a, b, config.pieces, irange=DISCRIMINATOR_RANGE) for a, b in pairwise(widths)
        )
        self.out = dense(widths[-1], 1, irange=DISCRIMINATOR_RANGE)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        self.check(images, c)
        x = self.dropout_input(images.flatten(1))
        for layer in self.layers:
            x = self.dropout_hidden(layer(x))
        return self.out(x)
