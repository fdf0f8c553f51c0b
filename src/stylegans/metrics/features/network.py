"""What a metric sees of a picture. Everything downstream is features → statistics → value."""

from typing import Protocol

import torch
from torch import Tensor

from stylegans.errors import UserError


class FeatureNetwork(Protocol):
    """Pictures in, one vector per picture out."""

    @property
    def name(self) -> str:
        """Recorded beside each number: distances in different features do not compare."""
        ...

    @property
    def dim(self) -> int:
        """Length of the vector."""
        ...

    def __call__(self, images: Tensor, /) -> Tensor:
        """images uint8 [N, C, H, W], C of 1, 3 or 4 → features float32 [N, dim], on the images' device."""
        ...


class Classifier(FeatureNetwork, Protocol):
    """A feature network that ends in a linear classifier."""

    def logits(self, features: Tensor, /) -> Tensor:
        """features [N, dim], on the network's device → [N, classes]."""
        ...


def to_rgb(images: Tensor) -> Tensor:
    """Images uint8 [N, C, H, W] → float32 [N, 3, H, W] in [0, 255]: what a network for colour pictures takes.

    Grey is repeated three times; RGBA is laid on white by its alpha, as a browser's page would show it.

    Raises:
        UserError: another number of channels.
    """
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise ValueError(f"images are uint8 [N, C, H, W], not {images.dtype} {list(images.shape)}")
    channels = images.shape[1]
    x = images.float()
    if channels == 1:
        return x.expand(-1, 3, -1, -1)
    if channels == 3:
        return x
    if channels == 4:
        alpha = x[:, 3:] / 255
        return x[:, :3] * alpha + 255 * (1 - alpha)
    raise UserError(f"pictures of {channels} channels cannot be measured: feature networks see 1 (grey), 3 or 4 (RGBA)")
