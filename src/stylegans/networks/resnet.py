"""The residual networks of WGAN-GP (arXiv 1704.00028, appendix) and SNGAN (arXiv 1802.05957, table 4) for CIFAR-10.

Blocks of two 3×3 convolutions, activated before each; nearest neighbours upsample, averages downsample. The generator
is batch-normalised, the discriminator is not: a gradient penalty is of each picture alone. Weights begin uniform with
the variance of Glorot and Bengio (2010), in the blocks' 3×3 convolutions twice that, which is the variance of He et al.
(2015) where a layer is as wide as the one before; biases begin at 0.
"""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from stylegans.config import ResNet, ResNetDiscriminator
from stylegans.config.sizes import channels, levels
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork, Synthesis
from stylegans.networks.mapping import NormalizedLatents
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import enlarge, shrink
from stylegans.ops.random import Source


def level_widths(config: ResNet | ResNetDiscriminator) -> list[int]:
    """Feature maps of each grid from the base up."""
    return [
        channels(config.base, level, channel_base=config.channel_base, channel_max=config.channel_max)
        for level in range(levels(config.base, config.resolution))
    ]


def dense(in_features: int, out_features: int) -> nn.Linear:
    """A fully connected layer, initialised."""
    layer = nn.Linear(in_features, out_features)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def conv(in_channels: int, out_channels: int, kernel: int, *, bias: bool = True, gain: float = 1.0) -> nn.Conv2d:
    """A convolution that keeps the size, initialised."""
    layer = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)
    nn.init.xavier_uniform_(layer.weight, gain=gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


# --- the generator --------------------------------------------------------------------------------------------------


class UpBlock(nn.Module):
    """BN, ReLU, upsampling, convolution, BN, ReLU, convolution: ``[N, in, H, W]`` → ``[N, out, 2H, 2W]``.

    Without biases: whatever is added to a whole feature map, the batch norms that follow subtract. The shortcut's 1×1
    convolution stands before its upsampling, which gives the same numbers for a quarter of the work.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm0 = nn.BatchNorm2d(in_channels)
        self.conv0 = conv(in_channels, out_channels, 3, bias=False, gain=math.sqrt(2))
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv1 = conv(out_channels, out_channels, 3, bias=False, gain=math.sqrt(2))
        self.skip = conv(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv0(enlarge(self.norm0(x).relu(), 2))
        return enlarge(self.skip(x), 2) + self.conv1(self.norm1(y).relu())


class SynthesisNetwork(Synthesis):
    """ws ``[N, 1, z_dim]`` → images ``[N, C, H, W]``, in [-1, 1]."""

    num_ws = 1

    def __init__(self, config: ResNet) -> None:
        super().__init__()
        widths = level_widths(config)
        self.grid = (widths[0], *config.base)
        self.project = dense(config.z_dim, math.prod(self.grid))
        self.blocks = nn.ModuleList(UpBlock(a, b) for a, b in pairwise(widths))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.out = conv(widths[-1], config.img_channels, 3)

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        self.check(ws, noise)
        x = self.project(ws[:, 0]).unflatten(1, self.grid)
        for block in self.blocks:
            x = block(x)
        return self.out(self.norm(x).relu()).tanh()


class ResNetGenerator(GeneratorNetwork):
    """z ``[N, z_dim]`` → images ``[N, C, H, W]``, in [-1, 1].

    The papers draw z normally; here it is also put on its sphere, like every latent of this package.
    """

    def __init__(self, config: ResNet) -> None:
        super().__init__(config, synthesis=SynthesisNetwork(config), mapping=NormalizedLatents(z_dim=config.z_dim))


# --- the discriminator ----------------------------------------------------------------------------------------------


class ReadingBlock(nn.Module):
    """The first block: no activation before the picture's first convolution; pooled by ``down``.

    The shortcut pools before its 1×1 convolution, which gives the same numbers for less work.
    """

    def __init__(self, in_channels: int, out_channels: int, *, down: int) -> None:
        super().__init__()
        self.conv0 = conv(in_channels, out_channels, 3, gain=math.sqrt(2))
        self.conv1 = conv(out_channels, out_channels, 3, gain=math.sqrt(2))
        self.skip = conv(in_channels, out_channels, 1)
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(shrink(x, self.down)) + shrink(self.conv1(self.conv0(x).relu()), self.down)


class ResidualBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution, pooling by ``down``: ``[N, in, H, W]`` → ``[N, out, H/down, W/down]``.

    The shortcut of a block that pools or widens has a 1×1 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, down: int) -> None:
        super().__init__()
        self.conv0 = conv(in_channels, out_channels, 3, gain=math.sqrt(2))
        self.conv1 = conv(out_channels, out_channels, 3, gain=math.sqrt(2))
        changes = down > 1 or in_channels != out_channels
        self.skip: nn.Module = conv(in_channels, out_channels, 1) if changes else nn.Identity()
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.conv0(x.relu()).relu())
        return self.skip(shrink(x, self.down)) + shrink(y, self.down)


class ResNetDiscriminatorNetwork(DiscriminatorNetwork):
    """images ``[N, C, H, W]`` → scores ``[N, 1]``; larger is more real.

    Blocks halve the picture down to the grid above the base (32² to 8², from a base of 4²), two more keep its size;
    then ReLU, a sum or mean over the grid, and a dense layer.

    With spectral normalisation every weight is divided by its largest singular value (SNGAN, equation 8). It comes
    from a power iteration that goes one step further with each pass in training mode (section 2.1 and appendix A); its
    vectors are buffers, so they are saved, and a pass in evaluation mode leaves them as they are.
    """

    config: ResNetDiscriminator

    def __init__(self, config: ResNetDiscriminator) -> None:
        super().__init__(config)
        widths = level_widths(config)
        count = len(widths)
        lowest = 1 if count > 2 else 0  # the level of the last grid: the base's where another would leave no halving
        path = widths[lowest : count - 1][::-1] or widths
        self.blocks = nn.ModuleList(
            [
                ReadingBlock(config.img_channels, path[0], down=2 if count > 1 else 1),
                *(ResidualBlock(a, b, down=2) for a, b in pairwise(path)),
                *(ResidualBlock(path[-1], path[-1], down=1) for _ in range(2)),
            ]
        )
        self.out = dense(path[-1], 1)
        if config.spectral_norm:
            normalize_weights(self)

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        self.check(images, c)
        x = images
        for block in self.blocks:
            x = block(x)
        x = x.relu().sum(dim=[2, 3]) if self.config.pooling == "sum" else x.relu().mean(dim=[2, 3])
        return self.out(x)


def normalize_weights(network: nn.Module) -> None:
    """Spectral normalisation of every layer of ``network``, one step of the power iteration a pass."""
    for module in list(network.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            spectral_norm(module)
