"""LPIPS, the learned perceptual distance of two pictures (Zhang et al. 2018, arXiv 1801.03924), version 0.1.

The convolutions of AlexNet or VGG16 with the published linear heads: equation 1. The distance is a squared Euclidean
one, ``|features(a) − features(b)|²``, so that all pairs of n pictures need n passes. It is differentiable with respect
to the pictures. Training is watched and pictures are compared with AlexNet, which is in the package; the StyleGAN
papers' path lengths and projections see with VGG16, whose convolutions come from a file (``vgg16.py``).

AlexNet's weights are torchvision's, stored as int16 with a scale per output channel, the heads the authors':
``weights/NOTICE.md``. Distances with AlexNet are within 1e-4 of the original's.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.metrics.features import packed, vgg16
from stylegans.metrics.features.trunk import Block, Trunk

WEIGHTS = packed.FOLDER / "lpips_alexnet.safetensors"
SHA256 = "037883ba5c74cf10c32702422ea291299ff7d91fd32b9601384429ca4503a83d"

VGG16_HEADS = packed.FOLDER / "lpips_vgg16_heads.safetensors"
VGG16_HEADS_SHA256 = "07dcddb22bb27d90fe7d7ea07835a2eb38559030b0f2d54b1cc2d4df505cccb7"

CHANNEL_MEAN = (-0.030, -0.088, -0.188)
CHANNEL_STD = (0.458, 0.448, 0.450)
"""ImageNet's, for pictures in [-1, 1], as the authors rounded them."""

ALEXNET = (
    # Krizhevsky 2014, as in torchvision
    Block(64, kernel=11, stride=4, padding=2),
    Block(192, kernel=5, padding=2, pool=3),
    Block(384, pool=3),
    Block(256),
    Block(256),
)
ALEXNET_SMALLEST = 64
"""At 32 pixels its last grids would be 1 × 1."""


class LPIPS(nn.Module):
    """The distance network: images float [N, C, H, W] in [-1, 1] twice → distances [N].

    Grey is repeated, RGBA laid on white. Pictures whose shorter side is below what the convolutions need (64 pixels
    with AlexNet, 16 with VGG16) are enlarged to it bilinearly, keeping their aspect; others are taken as they are.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: Trunk, heads: Sequence[Tensor]) -> None:
        """``heads``: for each layer of the trunk, weights [C_l], none of them negative."""
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ParameterList(nn.Parameter(head) for head in heads)
        self.register_buffer("mean", torch.tensor(CHANNEL_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(CHANNEL_STD).view(3, 1, 1), persistent=False)

    @property
    def name(self) -> str:
        """``lpips_alexnet`` or ``lpips_vgg16``: distances with different convolutions do not compare."""
        return f"lpips_{self.trunk.name}"

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Equation 1: the distances of ``a[i]`` and ``b[i]``; a batch of one is compared with each of the other."""
        return (self.features(a) - self.features(b)).square().sum(dim=1)

    def features(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] → [N, dim]: every layer's activations, of unit length at each place, weighted.

        The weights are the roots of the heads' and of one over the number of places. ``dim`` grows with the picture:
        with AlexNet it is 31,872 at 64 × 64.

        Raises:
            UserError: another number of channels than 1, 3 or 4.
        """
        return self.weighted(self.activations(images))

    def activations(self, images: Tensor) -> list[Tensor]:
        """Images [N, C, H, W] → the five layers' activations [N, C_l, H_l, W_l], after their ReLUs."""
        x = enlarge(to_rgb(images), self.trunk.smallest)
        layers: list[Tensor] = self.trunk((x - self.mean) / self.std)
        return layers

    def weighted(self, layers: Sequence[Tensor]) -> Tensor:
        """The activations of the layers → the features."""
        parts = []
        for x, head in zip(layers, self.heads, strict=True):
            weight = (head / (x.shape[2] * x.shape[3])).sqrt()
            parts.append((F.normalize(x, dim=1, eps=1e-10) * weight.view(-1, 1, 1)).flatten(1))
        return torch.cat(parts, dim=1)


def to_rgb(images: Tensor) -> Tensor:
    """Images float [N, C, H, W] in [-1, 1] → [N, 3, H, W] in [-1, 1]: as ``features.to_rgb``, with gradients."""
    channels = images.shape[1]
    if channels == 1:
        return images.expand(-1, 3, -1, -1)
    if channels == 3:
        return images
    if channels == 4:
        alpha = (images[:, 3:] + 1) / 2
        return images[:, :3] * alpha + (1 - alpha)
    raise UserError(f"pictures of {channels} channels cannot be compared: LPIPS sees 1 (grey), 3 or 4 (RGBA)")


def enlarge(images: Tensor, smallest: int) -> Tensor:
    """Images [N, C, H, W] with a shorter side of at least ``smallest`` pixels."""
    height, width = images.shape[2:]
    factor = smallest / min(height, width)
    if factor <= 1:
        return images
    size = (round(height * factor), round(width * factor))
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False)


def alexnet() -> Trunk:
    """AlexNet's five convolutions, with first weights."""
    return Trunk("alexnet", ALEXNET, smallest=ALEXNET_SMALLEST)


def load(*, device: str | torch.device = "cpu") -> LPIPS:
    """The embedded network, with AlexNet, float32, its parameters frozen.

    Raises:
        MissingFile: the weights are not in the installation.
        UserError: they are not the ones this version was published with, so numbers would not compare.
    """
    return load_file(WEIGHTS, device=device)


def load_file(path: Path, *, device: str | torch.device = "cpu") -> LPIPS:
    """As ``load``, from a copy of the weights at ``path``."""
    state = packed.read(path, sha256=SHA256)
    heads = [state.pop(f"heads.{i}") for i in range(len(ALEXNET))]
    with torch.device("meta"):
        trunk = alexnet()
    trunk.load_state_dict(state, assign=True)
    return ready(LPIPS(trunk, heads), device)


def load_vgg16(path: Path, *, device: str | torch.device = "cpu") -> LPIPS:
    """The network of the StyleGAN papers: VGG16's convolutions out of ``path``, the heads out of the package.

    Raises:
        MissingFile: there is no such file.
        UserError: it does not hold torchvision's VGG16, which the heads belong to.
    """
    heads = packed.read(VGG16_HEADS, sha256=VGG16_HEADS_SHA256)
    return ready(LPIPS(vgg16.load_trunk(path), [heads[f"heads.{i}"] for i in range(len(vgg16.BLOCKS))]), device)


def ready(network: LPIPS, device: str | torch.device) -> LPIPS:
    """The network on its device, its parameters frozen."""
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
