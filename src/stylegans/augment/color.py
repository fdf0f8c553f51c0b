"""Changing colours (StyleGAN2-ADA, appendix B, figure 5).

A change of colour is a 4×4 matrix on (r, g, b, 1), ``[n, 4, 4]``; a later step stands further left in a product. Each
step is a pure function of its random numbers: u is uniform in [0, 1), z is standard normal, both ``[n]``.
"""

import math

import torch
from torch import Tensor

CHANNELS = (1, 3, 4)
"""Pictures that have colours: grey, RGB, and RGBA, whose alpha stays as it is."""


def brightness(z: Tensor) -> Tensor:
    """Add 0.2 z to every channel."""
    shift = (0.2 * z)[:, None].expand(-1, 3)
    return _affine(torch.eye(3).to(z).expand(len(z), 3, 3), shift)


def contrast(z: Tensor) -> Tensor:
    """Multiply by 2^(0.5 z), about the middle grey 0."""
    return _linear((0.5 * z).exp2()[:, None, None] * torch.eye(3).to(z))


def luma_flip(u: Tensor) -> Tensor:
    """Mirror brightness and keep the colour, with probability ½: a reflection across the plane of no luma."""
    return _linear(torch.eye(3).to(u) - 2 * (2 * u).floor()[:, None, None] * _luma(u))


def hue(u: Tensor) -> Tensor:
    """Turn the colours by an angle in ± π about the axis of greys (Rodrigues' formula)."""
    angle, luma = ((2 * u - 1) * math.pi)[:, None, None], _luma(u)
    cross = u.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)  # the cross product with that axis
    return _linear(luma + angle.cos() * (torch.eye(3).to(u) - luma) + angle.sin() * cross)


def saturation(z: Tensor) -> Tensor:
    """Multiply the distance from grey by 2^z."""
    scale, luma = z.exp2()[:, None, None], _luma(z)
    return _linear(luma + scale * (torch.eye(3).to(z) - luma))


def recolor(images: Tensor, matrix: Tensor) -> Tensor:
    """Pictures ``[n, C, H, W]`` of 1, 3 or 4 channels through ``matrix`` ``[n, 4, 4]``.

    A grey picture is an RGB one of equal channels, and the mean of what becomes of these. Alpha is left alone.
    """
    matrix = matrix.to(images)
    scale, shift = matrix[:, :3, :3], matrix[:, :3, 3:]
    if images.shape[1] == 1:
        scale, shift = scale.sum(dim=2, keepdim=True).mean(dim=1, keepdim=True), shift.mean(dim=1, keepdim=True)
    colors = images[:, :3].flatten(2)
    changed = torch.baddbmm(shift, scale, colors).unflatten(2, images.shape[2:])
    return changed if images.shape[1] != 4 else torch.cat([changed, images[:, 3:]], dim=1)


def _luma(like: Tensor) -> Tensor:
    """The projection onto the axis of greys, (1, 1, 1)/√3."""
    return like.new_full([3, 3], 1 / 3)


def _linear(scale: Tensor) -> Tensor:
    return _affine(scale, scale.new_zeros(len(scale), 3))


def _affine(scale: Tensor, shift: Tensor) -> Tensor:
    """[n, 3, 3] and [n, 3] → [n, 4, 4]."""
    last = scale.new_tensor([0, 0, 0, 1]).expand(len(scale), 1, 4)
    return torch.cat([torch.cat([scale, shift[:, :, None]], dim=2), last], dim=1)
