"""Normalisations: pixel norm (Progressive GAN, section 4.2), instance norm and AdaIN (StyleGAN, section 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegans.nn.equalized import EqualizedLinear

EPSILON = 1e-8
"""Added to every variance, so that a flat channel stays finite."""


def pixel_norm(x: Tensor, *, epsilon: float = EPSILON) -> Tensor:
    """Scale each vector along dimension 1 to mean square 1. Of a latent: a point on the sphere of radius √dim."""
    return x * (x.square().mean(dim=1, keepdim=True) + epsilon).rsqrt()


def instance_norm(x: Tensor) -> Tensor:
    """``[N, C, H, W]`` → the same with mean 0 and variance 1 in each channel of each sample."""
    # PyTorch's gradients of one sample are wrong where they come as a picture in channels_last, but not as a line.
    return F.instance_norm(x.flatten(2), eps=EPSILON).unflatten(2, x.shape[2:])


def adain(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Adaptive instance normalisation: each channel takes its deviation and its mean from the style.

    StyleGAN, equation 1, in which ``scale`` and ``shift`` are y_s and y_b.

    Args:
        x: ``[N, C, H, W]``.
        scale, shift: ``[N, C]``.
    """
    n, c, h, w = x.shape
    scale, shift = scale.to(x.dtype), shift.to(x.dtype)
    # As channels of one sample every map has a weight and a bias of its own: one pass instead of one for each step.
    maps = x.reshape(1, n * c, h * w)
    return F.instance_norm(maps, weight=scale.flatten(), bias=shift.flatten(), eps=EPSILON).reshape(n, c, h, w)


class AdaIN(nn.Module):
    """The learned affine map A from w ``[N, w_dim]`` to the style of ``x [N, C, H, W]`` (StyleGAN, figure 1b).

    ``normalize=False`` leaves out the normalising half: x·scale + shift.
    """

    def __init__(self, channels: int, w_dim: int, *, normalize: bool = True) -> None:
        super().__init__()
        self.affine = EqualizedLinear(w_dim, 2 * channels)
        self.normalize = normalize

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        scale, shift = self.affine(w).chunk(2, dim=1)
        scale = scale + 1  # so that the bias starts at 0: no style yet
        if self.normalize:
            return adain(x, scale, shift)
        return torch.addcmul(shift.to(x.dtype)[:, :, None, None], x, scale.to(x.dtype)[:, :, None, None])
