"""Minibatch standard deviation (Progressive GAN, section 3).

The discriminator sees, as extra channels, how much the samples of a group differ from one another, and so
notices a generator that makes the same picture again and again.
"""

import torch
from torch import Tensor


def minibatch_stddev(x: Tensor, *, group: int | None = 4, channels: int = 1) -> Tensor:
    """Append the standard deviation over groups of samples, averaged over pixels and channels.

    Args:
        x: ``[N, C, H, W]``.
        group: samples per group; None: the whole batch. Sample i belongs to group i mod (N / group). A batch
            it does not divide uses the next smaller size that does.
        channels: how many statistics, each over C / channels channels.

    Returns:
        ``[N, C + channels, H, W]``.
    """
    n, c, h, w = x.shape
    size = n if group is None else min(group, n)
    while n % size:
        size -= 1
    y = x.float().reshape(size, n // size, channels, c // channels, h, w)
    y = y - y.mean(dim=0)
    y = (y.square().mean(dim=0) + 1e-8).sqrt()
    y = y.mean(dim=[2, 3, 4])  # [N / size, channels]
    y = y.reshape(-1, channels, 1, 1).repeat(size, 1, h, w).to(x.dtype)
    return torch.cat([x, y], dim=1)
