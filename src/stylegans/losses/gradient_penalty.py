"""Penalties on the discriminator's gradient with respect to the picture."""

import torch
from torch import Tensor


def r1(scores: Tensor, images: Tensor) -> Tensor:
    """R1: ‖∇ₓD(x)‖² at real pictures (Mescheder et al. 2018, equation 9). The loss is γ/2 times this.

    Args:
        scores: ``[N, 1]``, computed from ``images``.
        images: ``[N, C, H, W]``, requiring gradients.

    Returns:
        ``[N]``, differentiable once more.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient.square().sum(dim=[1, 2, 3])
