"""Maxout (Goodfellow et al. 2013, "Maxout Networks", section 3): a unit is the largest of several linear functions."""

import torch
from torch import Tensor, nn

from stylegans.errors import UserError


class Maxout(nn.Module):
    """hᵢ(x) = maxⱼ x · Wᵢⱼ + bᵢⱼ: ``[N, in]`` → ``[N, units]``, a convex function of ``pieces`` linear pieces each.

    Weights are drawn uniformly from ± ``irange``, biases are 0.

    Raises:
        UserError: fewer than one piece.
    """

    def __init__(self, in_features: int, units: int, pieces: int, *, irange: float) -> None:
        super().__init__()
        if pieces < 1:
            raise UserError(f"pieces: {pieces} linear pieces in a maxout unit are too few; use 1 or more")
        self.weight = nn.Parameter(torch.empty(units, pieces, in_features).uniform_(-irange, irange))
        self.bias = nn.Parameter(torch.zeros(units, pieces))

    def forward(self, x: Tensor) -> Tensor:
        linear = torch.addmm(self.bias.flatten(), x, self.weight.flatten(0, 1).t())
        return linear.unflatten(1, self.bias.shape).amax(dim=2)
