"""DCGAN (arXiv 1511.06434, section 3 and figure 1): convolutions all the way, with strides in place of pooling.

Batch normalisation everywhere but at the generator's last and the discriminator's first and last layer; ReLU and a
final tanh in the generator, leaky ReLU of slope 0.2 in the discriminator. Weights begin as N(0, 0.02²), those of batch
norms as N(1, 0.02²). Kernels are 4×4, which the stride divides, so that every pixel is made of as many taps as its
neighbour; figure 1 draws 5×5. Layers before a batch norm have no bias: it would be subtracted again.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from stylegans.config import DCGAN, DCGANDiscriminator
from stylegans.config.sizes import channels, levels
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork, Synthesis
from stylegans.networks.mapping import NormalizedLatents
from stylegans.networks.protocol import Noise
from stylegans.ops.random import Source

SLOPE = 0.2
"""Of the leaky ReLU."""


def feature_widths(config: DCGAN | DCGANDiscriminator) -> list[int]:
    """Feature maps of each grid from the base up. The last level is the picture; a single level is both."""
    count = max(levels(config.base, config.resolution) - 1, 1)
    return [
        channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
        for level in range(count)
    ]


def initialize(module: nn.Module) -> None:
    """Draw the weights of one layer (section 4)."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, mean=1, std=0.02)


class UpBlock(nn.Module):
    """Fractionally strided convolution, batch norm, ReLU: ``[N, in, H, W]`` → ``[N, out, 2H, 2W]``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu()


class SynthesisNetwork(Synthesis):
    """ws ``[N, 1, z_dim]`` → images ``[N, C, H, W]``, in [-1, 1]."""

    num_ws = 1

    def __init__(self, config: DCGAN) -> None:
        super().__init__()
        widths = feature_widths(config)
        self.grid = (widths[0], *config.base)
        self.project = nn.Linear(config.z_dim, widths[0] * config.base[0] * config.base[1], bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList(UpBlock(a, b) for a, b in pairwise(widths))
        self.out = (
            nn.Conv2d(widths[0], config.img_channels, 3, padding=1)
            if config.base == config.resolution
            else nn.ConvTranspose2d(widths[-1], config.img_channels, 4, stride=2, padding=1)
        )
        self.apply(initialize)

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        self.check(ws, noise)
        x = self.norm(self.project(ws[:, 0]).unflatten(1, self.grid)).relu()
        for block in self.blocks:
            x = block(x)
        return self.out(x).tanh()


class DCGANGenerator(GeneratorNetwork):
    """z ``[N, z_dim]`` → images ``[N, C, H, W]``, in [-1, 1].

    The paper draws z uniformly; here it is normal and put on its sphere, like every latent of this package.
    """

    def __init__(self, config: DCGAN) -> None:
        super().__init__(config, synthesis=SynthesisNetwork(config), mapping=NormalizedLatents(z_dim=config.z_dim))


class DownBlock(nn.Module):
    """Strided convolution, batch norm, leaky ReLU: ``[N, in, H, W]`` → ``[N, out, H/2, W/2]``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), SLOPE)


class DCGANDiscriminatorNetwork(DiscriminatorNetwork):
    """images ``[N, C, H, W]`` → scores ``[N, 1]``; larger is more real. Also the critic of WGAN (arXiv 1701.07875)."""

    def __init__(self, config: DCGANDiscriminator) -> None:
        super().__init__(config)
        widths = feature_widths(config)
        self.read = (
            nn.Conv2d(config.img_channels, widths[0], 3, padding=1)
            if config.base == config.resolution
            else nn.Conv2d(config.img_channels, widths[-1], 4, stride=2, padding=1)
        )
        self.blocks = nn.ModuleList(DownBlock(a, b) for a, b in pairwise(reversed(widths)))
        self.out = nn.Conv2d(widths[0], 1, config.base)
        self.apply(initialize)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        self.check(images, c)
        x = F.leaky_relu(self.read(images), SLOPE)
        for block in self.blocks:
            x = block(x)
        return self.out(x).flatten(1)

    def group(self, n: int) -> int:
        """All of them: batch normalisation makes every score depend on the whole batch."""
        return n
