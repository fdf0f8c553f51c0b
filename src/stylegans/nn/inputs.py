"""What a synthesis network starts from: the learned constant (StyleGAN, config D)."""

import torch
from torch import Tensor, nn

from stylegans.config.sizes import Size


class ConstantInput(nn.Module):
    """The same learned ``[C, H, W]`` for every picture: all variation enters through styles and noise."""

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.randn(channels, *size))

    def forward(self, n: int) -> Tensor:
        return self.const.expand(n, -1, -1, -1)
