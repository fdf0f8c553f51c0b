"""Minibatch standard deviation (Progressive GAN, section 3).

The discriminator sees, as extra channels, how much the samples of a group differ from one another, and so
notices a generator that makes the same picture again and again.
"""

import torch
from torch import Tensor

from stylegans.config.sizes import group_size


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
    size = group_size(n, group)
    y = x.float().reshape(size, n // size, channels, c // channels, h, w)
    y = y - y.mean(dim=0)
    y = (y.square().mean(dim=0) + 1e-8).sqrt()
    y = y.mean(dim=[2, 3, 4])  # [N / size, channels]
    y = y.reshape(-1, channels, 1, 1).repeat(size, 1, h, w).to(x.dtype)
    return torch.cat([x, y], dim=1)


def side_by_side(a: Tensor, b: Tensor, *, group: int) -> Tensor:
    """Two batches ``[N, …]`` as one ``[2N, …]`` in which every group of ``group`` samples stays as it was."""
    n, rest = a.shape[0], a.shape[1:]
    pair = torch.stack([a.reshape(group, n // group, *rest), b.reshape(group, n // group, *rest)], dim=1)
    return pair.reshape(2 * n, *rest)


def apart(x: Tensor, *, group: int) -> tuple[Tensor, Tensor]:
    """The two batches again."""
    n, rest = x.shape[0] // 2, x.shape[1:]
    pair = x.reshape(group, 2, n // group, *rest)
    return pair[:, 0].reshape(n, *rest), pair[:, 1].reshape(n, *rest)
