"""What the projector means by near: LPIPS of pictures of any number of channels (StyleGAN2, appendix D).

The published projector sees with VGG16 at no more than 256². Where VGG16's weights are not at hand it is AlexNet's
distance that falls, whose weights are in the package; distances of the two do not compare, so results bear its name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.files.cache import cache_folder
from stylegans.metrics.features import lpips, published
from stylegans.metrics.features.catalogue import identify
from stylegans.metrics.features.lpips import LPIPS
from stylegans.metrics.features.weight_files import read_state
from stylegans.metrics.perceptual_path_length import shrink


@dataclass(frozen=True)
class Perceptual:
    """A squared distance between pictures, through features that are computed once for each."""

    network: LPIPS

    @property
    def name(self) -> str:
        """``lpips_vgg16`` or ``lpips_alexnet``."""
        return self.network.name

    def features(self, images: Tensor) -> Tensor:
        """Images about [-1, 1], [N, C, H, W] → [N, dim].

        Those with a longer side of 512 and more are first reduced to means over squares, to at most 256 to 511 pixels;
        those too small for the network are enlarged bilinearly (``LPIPS``).
        """
        seen = views(shrink(images))
        return self.network.features(seen.flatten(0, 1)).reshape(len(images), -1) / math.sqrt(seen.shape[1])

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """The distances [N] of ``a[i]`` and ``b[i]``, images as ``features`` takes them."""
        return distances(self.features(a), self.features(b))


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Features [N, dim] twice → the squared distances [N]."""
    return (a - b).square().sum(dim=1)


def views(images: Tensor) -> Tensor:
    """Images [N, C, H, W] → the grey or RGB pictures that stand for them, [N, views, 1 or 3, H, W].

    Grey and RGB stand for themselves. RGBA is seen on white and on black, which together tell its colour and its alpha
    (their difference is 1 − alpha) but nothing of what is fully transparent. Of other channels each is a grey picture.
    The distance is the mean over the views.
    """
    channels = images.shape[1]
    if channels in (1, 3):
        return images[:, None]
    if channels == 4:
        colour, alpha = images[:, :3], (images[:, 3:] + 1) / 2
        return torch.stack([colour * alpha + (1 - alpha), colour * alpha - (1 - alpha)], dim=1)
    return images[:, :, None]


def open_perceptual(files: Sequence[str | Path] = (), *, device: str | torch.device = "cpu") -> Perceptual:
    """The published distance if VGG16's weights are in ``files``, or in the cache from an earlier measurement; else the
    embedded one. Nothing is downloaded.

    Raises:
        MissingFile: one of the files is not there.
        UserError: one of them holds another network.
    """
    for file in (Path(name).expanduser() for name in files):
        if not file.is_file():
            raise MissingFile(f"--features: {file}: no such file")
        if _held(file) == "vgg16":
            return Perceptual(lpips.load_vgg16(file, device=device))
        raise UserError(f"--features: {file} does not hold VGG16, which the published projector sees with")
    if (cache_folder("weights") / published.VGG16.file).is_file():
        path = published.find(published.VGG16, needed_by="project")
        return Perceptual(lpips.load_vgg16(path, device=device))
    return Perceptual(lpips.load(device=device))


def _held(file: Path) -> str:
    try:
        return identify(read_state(file))
    except UserError as error:
        raise UserError(f"--features: {error}") from None
