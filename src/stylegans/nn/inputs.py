"""What a synthesis network starts from: a learned constant (StyleGAN, config D), or a dense layer."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from stylegans.config.sizes import Size


class ConstantInput(nn.Module):
    """The same learned ``[C, H, W]`` for every picture: all variation enters through styles and noise.

    ``init`` draws it: ``torch.ones`` in StyleGAN, ``torch.randn`` in StyleGAN2.
    """

    def __init__(self, channels: int, size: Size, *, init: Callable[..., Tensor] = torch.randn) -> None:
        super().__init__()
        self.const = nn.Parameter(init(channels, *size))

    def forward(self, n: int) -> Tensor:
        return self.const.expand(n, -1, -1, -1)


class DenseInput(nn.Module):
    """w ``[N, w_dim]`` → ``[N, C, h, w]``: Progressive GAN's first layer (table 2), and StyleGAN's up to config C.

    A convolution with a kernel as large as the base grid, of the vector as a 1×1 picture: every pixel has weights of
    its own, and the equalising fan-in counts the kernel. ``bias``: one per channel.
    """

    def __init__(self, w_dim: int, channels: int, size: Size, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, *size, w_dim))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        self.weight_gain = math.sqrt(2 / (w_dim * size[0] * size[1]))

    def forward(self, w: Tensor) -> Tensor:
        x = torch.einsum("nw,chvw->nchv", w, self.weight * self.weight_gain)
        return x if self.bias is None else x + self.bias[:, None, None]
