"""Normalisations: pixel norm (Progressive GAN, section 4.2)."""

from torch import Tensor


def pixel_norm(x: Tensor, *, epsilon: float = 1e-8) -> Tensor:
    """Scale each vector along dimension 1 to mean square 1. Of a latent: a point on the sphere of radius √dim."""
    return x * (x.square().mean(dim=1, keepdim=True) + epsilon).rsqrt()
