"""DiffAugment (Zhao et al. 2020, arXiv 2006.10738): three plain augmentations of every picture, real or generated.

Color: brightness, then saturation, then contrast. Translation: up to ⅛ of each side, zeros filling in. Cutout: a hole
of half the picture's sides. They act in this order, whatever the order in which they are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.augment import color, corrupt
from stylegans.augment.transformation import rows
from stylegans.config import Policy
from stylegans.errors import UserError


@dataclass(frozen=True)
class DiffAugment:
    """What happens to each picture of one batch; a step that happens to none is None."""

    color: Tensor | None = None
    """``[n, 3]``: what is added, the factors of saturation and of contrast."""
    shift: Tensor | None = None
    """Pixels to the right and down, int64 ``[n, 2]``."""
    cutout: Tensor | None = None
    """Centres of the holes ``[n, 2]`` (x, y), from 0 to 1."""

    def __call__(self, images: Tensor) -> Tensor:
        """``[n, C, H, W]``, about [-1, 1] → the same shape, dtype and device; twice differentiable in ``images``."""
        if self.color is not None:
            colors = recolor(images[:, :3], self.color)
            images = torch.cat([colors, images[:, 3:]], dim=1) if images.shape[1] > 3 else colors
        if self.shift is not None:
            images = translate(images, self.shift)
        if self.cutout is not None:
            images = corrupt.cut_out(images, self.cutout)
        return images

    def rows(self, index: Tensor) -> Self:
        """What happens to the pictures ``index`` (int64 ``[m]``) alone."""
        return replace(
            self, color=rows(self.color, index), shift=rows(self.shift, index), cutout=rows(self.cutout, index)
        )


def check(policy: Sequence[Policy], *, channels: int) -> None:
    """Refuse to change colours where there are none.

    Raises:
        UserError: the policy changes colours, and pictures of so many channels have none.
    """
    if "color" in policy and channels not in color.CHANNELS:
        raise UserError(
            f"--training.augment.policy: color is for pictures of 1, 3 or 4 channels, not {channels}; "
            f"leave translation and cutout"
        )


def draw(
    policy: Sequence[Policy], *, n: int, channels: int, size: tuple[int, int], generator: torch.Generator
) -> DiffAugment:
    """What happens to a batch of ``n`` pictures of ``size`` (height, width).

    Brightness in ± 0.5, saturation in [0, 2], contrast in [0.5, 1.5], all uniform.

    Raises:
        UserError: the policy cannot act on so many channels.
    """
    check(policy, channels=channels)

    def uniform(count: int) -> Tensor:
        return torch.rand([n, count], device=generator.device, generator=generator)

    colors = shift = None
    if "color" in policy:
        u = uniform(3)
        colors = u * u.new_tensor([1.0, 2.0, 1.0]) + u.new_tensor([-0.5, 0.0, 0.5])
    if "translation" in policy:
        u = uniform(2)
        most = u.new_tensor([round(size[1] / 8), round(size[0] / 8)])
        shift = (u * (2 * most + 1)).floor().long() - most.long()
    return DiffAugment(colors, shift, cutout=uniform(2) if "cutout" in policy else None)


def recolor(images: Tensor, amounts: Tensor) -> Tensor:
    """``[n, C, H, W]`` with ``amounts`` ``[n, 3]``: brightness added, saturation and contrast multiplied.

    Saturation is the distance from the mean of a pixel's channels, contrast that from the mean of the picture.
    """
    brightness, saturation, contrast = amounts.to(images)[:, :, None, None, None].unbind(dim=1)
    images = images + brightness
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * saturation
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * contrast


def translate(images: Tensor, shift: Tensor) -> Tensor:
    """``[n, C, H, W]`` moved by ``shift`` ``[n, 2]`` whole pixels to the right and down; zeros fill in."""
    n, c, height, width = images.shape
    x, y = shift.to(images.device).split(1, dim=1)
    # Around a frame of zeros: whatever comes from outside comes from there.
    from_x = (torch.arange(width, device=images.device) - x + 1).clamp(0, width + 1)
    from_y = (torch.arange(height, device=images.device) - y + 1).clamp(0, height + 1)
    images = F.pad(images, [1, 1, 1, 1])
    images = images.gather(2, from_y[:, None, :, None].expand(n, c, height, width + 2))
    return images.gather(3, from_x[:, None, None, :].expand(n, c, height, width))
