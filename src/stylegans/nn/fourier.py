"""Fourier features: what StyleGAN3's synthesis starts from (section 3.2, configuration B, and appendix F)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegans.config.sizes import Size
from stylegans.nn.equalized import EqualizedLinear


class FourierInput(nn.Module):
    """Waves of fixed random frequencies on an infinite plane, moved by w, sampled: w ``[N, w_dim]`` → ``[N, C, H, W]``.

    A learned affine map turns w into a rotation and a translation of the plane. ``transform [3, 3]``, the user's, comes
    before it: it takes a place (x, y, 1) of the picture, whose middle is 0 and whose side is 1, with y downwards, to
    the place that is shown there. The picture so moves by its inverse.

    Args:
        size: of the grid, margins included.
        rate: samples per picture.
        bandwidth: the largest frequency; waves beyond it, which scaling down can make, fade out up to rate / 2.
    """

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, w_dim: int, channels: int, *, size: Size, rate: float, bandwidth: float) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = size, rate, bandwidth
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.weight_gain = 1 / math.sqrt(channels)
        self.affine = EqualizedLinear(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        with torch.no_grad():
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", within_disc(channels) * bandwidth)
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: Tensor) -> Tensor:
        motion = self.motion(w)
        phases = self.phases + (self.freqs @ motion[:, :2, 2:]).squeeze(2)  # [N, C]
        freqs = self.freqs @ motion[:, :2, :2]  # [N, C, 2]
        waves = torch.sin(2 * math.pi * (self.positions() @ freqs.transpose(1, 2) + phases[:, None]))  # [N, H·W, C]
        beyond = (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)
        x = (waves * (1 - beyond).clamp(0, 1)[:, None]) @ (self.weight.t() * self.weight_gain)
        return x.unflatten(1, self.size).permute(0, 3, 1, 2)

    def motion(self, w: Tensor) -> Tensor:
        """How the plane moves: ``[N, 3, 3]``, of homogeneous coordinates (x, y, 1)."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        cos, sin, x, y = t.unbind(1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        rotation = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1).unflatten(1, (3, 3))
        translation = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1).unflatten(1, (3, 3))
        return rotation @ translation @ self.transform

    def positions(self) -> Tensor:
        """(x, y) of the grid's samples, ``[H·W, 2]``: 0 in the middle, the picture's side is 1."""
        identity = torch.eye(2, 3, dtype=self.freqs.dtype, device=self.freqs.device)[None]
        grid = F.affine_grid(identity, [1, 1, *self.size], align_corners=False)
        height, width = self.size
        scale = torch.tensor([width, height], dtype=grid.dtype, device=grid.device) / (2 * self.rate)
        return (grid * scale).flatten(0, 2)


def within_disc(n: int) -> Tensor:
    """Points uniform within the unit disc, ``[n, 2]``."""
    radius, angle = torch.rand(n).sqrt(), 2 * math.pi * torch.rand(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)
