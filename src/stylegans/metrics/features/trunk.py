"""The convolutions of the older classifiers: AlexNet's, VGG16's. Perceptual distances look at their activations."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Block:
    """Convolutions of one width, a ReLU after each. What the last one gives is a layer that a distance looks at."""

    outputs: int
    convolutions: int = 1
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 0
    """The side of a max pooling of stride 2 before the block; 0: there is none."""


class Trunk(nn.Module):
    """Blocks of convolutions: normalised pictures [N, 3, H, W] → the blocks' activations."""

    def __init__(self, name: str, blocks: Sequence[Block], *, smallest: int) -> None:
        """``smallest``: pictures with a shorter side below this are to be enlarged before they are shown."""
        super().__init__()
        self.name, self.blocks, self.smallest = name, tuple(blocks), smallest
        self.convolutions = nn.ModuleList()
        width = 3
        for block in self.blocks:
            for _ in range(block.convolutions):
                self.convolutions.append(
                    nn.Conv2d(width, block.outputs, block.kernel, stride=block.stride, padding=block.padding)
                )
                width = block.outputs

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the activations."""
        return tuple(block.outputs for block in self.blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[N, 3, H, W] → a tensor [N, C_l, H_l, W_l] per block, after its last ReLU."""
        convolutions, layers = iter(self.convolutions), []
        for block in self.blocks:
            if block.pool:
                x = F.max_pool2d(x, block.pool, stride=2)
            for _ in range(block.convolutions):
                x = F.relu(next(convolutions)(x))
            layers.append(x)
        return layers
