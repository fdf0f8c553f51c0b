"""Path length regularisation (StyleGAN2, section 3.2, equation 4).

A step of fixed length in W should change the picture by a fixed amount, whatever the direction: the length of
Jᵀy, for a random picture y, is drawn towards its own moving average a.
"""

import math

import torch
from torch import Tensor

from stylegans.ops.random import Source, randn


def path_lengths(images: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """‖Jᵀy‖, root mean square over the layers: ``[N]``, differentiable once more.

    Args:
        images: ``[N, C, H, W]``, computed from ``ws``.
        ws: ``[N, num_ws, w_dim]``, requiring gradients.
        y: ``[N, C, H, W]``, drawn by ``random_picture``.
    """
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def random_picture(images: Tensor, *, generator: Source = None) -> Tensor:
    """y ~ N(0, 1) / √(H·W), of the shape of ``images``: lengths then do not depend on the resolution."""
    y = randn(*images.shape, source=generator, device=images.device)
    return y / math.sqrt(images.shape[2] * images.shape[3])


def penalty(lengths: Tensor, average: Tensor) -> Tensor:
    """(‖Jᵀy‖ - a)², ``[N]``."""
    return (lengths - average).square()


def update_average(average: Tensor, lengths: Tensor, *, decay: float = 0.01) -> Tensor:
    """The moving average a, moved ``decay`` of the way to this batch's mean length."""
    return average.lerp(lengths.detach().mean(), decay)
