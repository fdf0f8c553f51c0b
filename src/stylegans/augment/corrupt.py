"""Spoiling pictures: frequency bands, noise, holes (StyleGAN2-ADA, appendix B, figure 5)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.augment.transformation import on_chosen
from stylegans.ops.resample import filter2d

SMOOTH = tuple(tap / 32 for tap in (-1, 0, 9, 16, 9, 0, -1))
"""Half the autocorrelation of the sym2 wavelet's low-pass filter, (1 - √3, 3 - √3, 3 + √3, 1 + √3)/√32."""

BANDS = 4
EXPECTED_POWER = (10, 1, 1, 1)
"""Of the bands of natural pictures, lowest first, relative to each other: a spectrum of 1/f."""

REACH = 3 * (2 ** (BANDS - 1) - 1)
"""Pixels that the bands' filters need on each side: 3, 6 and 12."""

HOLE = 0.5
"""Sides of a hole, of the picture's."""

NOWHERE = -1.0
"""A centre whose hole lies outside every picture."""


def band_gains(z: Tensor) -> Tensor:
    """Gains ``[n, 4]`` of the four bands, lowest first, from standard normal z ``[n, 4]``.

    Each band in turn is multiplied by 2^z, with a common factor after which a natural picture that only this band were
    changed in would keep its power.
    """
    power, total = z.new_tensor(EXPECTED_POWER), sum(EXPECTED_POWER)
    gains = torch.ones_like(z)
    for band in range(BANDS):
        gain = torch.ones_like(z)
        gain[:, band] = z[:, band].exp2()
        gains = gains * gain * (total / (power * gain.square()).sum(dim=1, keepdim=True)).sqrt()
    return gains


def amplify(images: Tensor, gains: Tensor) -> Tensor:
    """Pictures ``[n, C, H, W]`` with their frequency bands multiplied by ``gains`` ``[n, 4]``, along each axis.

    Borders are reflected. Pictures whose gains are all 1 are handed through.
    """
    return on_chosen(images, (gains != 1).any(dim=1), lambda some, index: _amplify(some, gains[index].to(some)))


def _amplify(images: Tensor, gains: Tensor) -> Tensor:
    height, width = images.shape[2:]
    along_x, along_y = (torch.einsum("nb, bij -> nij", gains, bands(side, like=images)) for side in (width, height))
    x = (images.flatten(1, 2) @ along_x).unflatten(1, (-1, height))
    return (x.transpose(2, 3).flatten(1, 2) @ along_y).unflatten(1, (-1, width)).transpose(2, 3)


def bands(side: int, *, like: Tensor) -> Tensor:
    """The bands of a row of ``side`` pixels with reflected ends, lowest first: matrices ``[4, side, side]``.

    Rows of pixels are multiplied from the left; the four add up to the identity. "À trous": each level smooths with the
    filter spread by 2, and the band is what that took.
    """
    x = _reflect(torch.eye(side, device=like.device, dtype=like.dtype)[None])[None]
    found = []
    for level in range(BANDS - 1):
        f = x.new_zeros(6 * 2**level + 1)
        f[:: 2**level] = x.new_tensor(SMOOTH)
        smooth = filter2d(x, f[None, :])
        found.append(x - smooth)
        x = smooth
    return torch.cat([x, *reversed(found)])[:, 0, :, REACH : REACH + side]


def _reflect(rows: Tensor) -> Tensor:
    """Pad the ends by ``REACH``. A reflection gives at most the side less one, so short rows take several."""
    missing = REACH
    while missing:
        some = min(missing, rows.shape[-1] - 1)
        rows, missing = F.pad(rows, [some, some], mode="reflect"), missing - some
    return rows


def cut_out(images: Tensor, centre: Tensor) -> Tensor:
    """Pictures ``[n, C, H, W]`` with a hole of half their sides, 0, at ``centre`` ``[n, 2]`` (x, y) from 0 to 1.

    What of the hole lies outside is not made up for inside.
    """
    height, width = images.shape[2:]
    centre = centre.to(images)
    x = (torch.arange(width, device=images.device, dtype=images.dtype) + 0.5) / width
    y = (torch.arange(height, device=images.device, dtype=images.dtype) + 0.5) / height
    outside_x = (x - centre[:, :1]).abs() >= HOLE / 2
    outside_y = (y - centre[:, 1:]).abs() >= HOLE / 2
    return images * (outside_y[:, None, :, None] | outside_x[:, None, None, :])
