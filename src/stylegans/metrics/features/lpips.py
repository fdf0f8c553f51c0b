"""LPIPS, the learned perceptual distance of two pictures (Zhang et al. 2018, arXiv 1801.03924), version 0.1.

AlexNet's five convolutions with the published linear heads: equation 1. The distance is a squared Euclidean one,
``|features(a) − features(b)|²``, so that all pairs of n pictures need n passes, and the mean over them only sums
(``Spread``). It is differentiable with respect to the pictures.

The weights are torchvision's AlexNet and the authors' heads, the convolutions stored as int16 with a scale per output
channel: ``weights/NOTICE.md``. Distances are within 1e-4 of the original's.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.metrics.features import packed

WEIGHTS = packed.FOLDER / "lpips_alexnet.safetensors"
SHA256 = "037883ba5c74cf10c32702422ea291299ff7d91fd32b9601384429ca4503a83d"

SMALLEST = 64
"""Pictures with a shorter side below this are enlarged: at 32 pixels AlexNet's last grids would be 1 × 1."""

CHANNEL_MEAN = (-0.030, -0.088, -0.188)
CHANNEL_STD = (0.458, 0.448, 0.450)
"""ImageNet's, for pictures in [-1, 1], as the authors rounded them."""

CONVOLUTIONS = (
    # inputs, outputs, kernel, stride, padding, max pooling before it (Krizhevsky 2014, as in torchvision)
    (3, 64, 11, 4, 2, False),
    (64, 192, 5, 1, 2, True),
    (192, 384, 3, 1, 1, True),
    (384, 256, 3, 1, 1, False),
    (256, 256, 3, 1, 1, False),
)


class LPIPS(nn.Module):
    """The distance network: images float [N, C, H, W] in [-1, 1] twice → distances [N].

    Grey is repeated, RGBA laid on white. Pictures whose shorter side is below 64 pixels are enlarged to it bilinearly,
    keeping their aspect; others are taken as they are.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)
            for inputs, outputs, kernel, stride, padding, _ in CONVOLUTIONS
        )
        self.heads = nn.ParameterList(nn.Parameter(torch.ones(outputs)) for _, outputs, *_ in CONVOLUTIONS)
        self.register_buffer("mean", torch.tensor(CHANNEL_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(CHANNEL_STD).view(3, 1, 1), persistent=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Equation 1: the distances of ``a[i]`` and ``b[i]``; a batch of one is compared with each of the other."""
        return (self.features(a) - self.features(b)).square().sum(dim=1)

    def features(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] → [N, dim]: every layer's activations, of unit length at each place, weighted.

        The weights are the roots of the heads' and of one over the number of places. ``dim`` grows with the picture:
        31,872 at 64 × 64.

        Raises:
            UserError: another number of channels than 1, 3 or 4.
        """
        return self.weighted(self.activations(images))

    def activations(self, images: Tensor) -> list[Tensor]:
        """Images [N, C, H, W] → the five layers' activations [N, C_l, H_l, W_l], after their ReLUs."""
        x = (enlarge(to_rgb(images)) - self.mean) / self.std
        layers = []
        for convolution, (*_, pooled) in zip(self.convolutions, CONVOLUTIONS, strict=True):
            x = F.relu(convolution(F.max_pool2d(x, 3, stride=2) if pooled else x))
            layers.append(x)
        return layers

    def weighted(self, layers: Sequence[Tensor]) -> Tensor:
        """The activations of the layers → the features."""
        parts = []
        for x, head in zip(layers, self.heads, strict=True):
            weight = (head / (x.shape[2] * x.shape[3])).sqrt()
            parts.append((F.normalize(x, dim=1, eps=1e-10) * weight.view(-1, 1, 1)).flatten(1))
        return torch.cat(parts, dim=1)


class Spread:
    """The mean squared distance between all pairs of vectors that come in batches, in memory that does not grow.

    Σ_{i<j} |f_i − f_j|² = n Σ|f_i|² − |Σ f_i|², so sums do, in float64. Of LPIPS features it is the mean LPIPS
    between pairs of pictures.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def update(self, vectors: Tensor) -> None:
        """Take in vectors [N, dim]."""
        x = vectors.cpu().double()  # not every device has float64
        self._sum = self._sum + x.sum(dim=0)
        self._squares = self._squares + x.square().sum()
        self.count += len(x)

    def mean(self) -> float:
        """Over the pairs of everything taken in so far.

        Raises:
            ValueError: that is less than one pair.
        """
        if self.count < 2:
            raise ValueError(f"a pair needs two vectors, not {self.count}")
        total = self.count * torch.as_tensor(self._squares) - torch.as_tensor(self._sum).square().sum()
        return max(float(total) * 2 / (self.count * (self.count - 1)), 0.0)


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


def enlarge(images: Tensor) -> Tensor:
    """Images [N, C, H, W] with a shorter side of at least ``SMALLEST`` pixels."""
    height, width = images.shape[2:]
    factor = SMALLEST / min(height, width)
    if factor <= 1:
        return images
    size = (round(height * factor), round(width * factor))
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False)


def load(*, device: str | torch.device = "cpu") -> LPIPS:
    """The embedded network, float32, its parameters frozen.

    Raises:
        MissingFile: the weights are not in the installation.
        UserError: they are not the ones this version was published with, so numbers would not compare.
    """
    return load_file(WEIGHTS, device=device)


def load_file(path: Path, *, device: str | torch.device = "cpu") -> LPIPS:
    """As ``load``, from a copy of the weights at ``path``."""
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, to be thrown away: not at the caller's expense
        network = LPIPS()
    network.load_state_dict(packed.read(path, sha256=SHA256))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
