"""FID's Inception: the network behind the published Fréchet distances (Heusel et al. 2017), exactly.

It is the Inception-v3 of Szegedy et al. 2016 ("Rethinking the Inception Architecture for Computer Vision") as Google
published it for TensorFlow on 2015-12-05. It differs from the Inception-v3 of torchvision in its weights, in the
resize before it, in its average pools, which leave the padding out of the count, and in its last block, which pools
maxima. Weights come from a file (``load_file``), see ``inception_weights``; none travel with the package.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.metrics.features.inception_weights import CLASSES, Convolution, match
from stylegans.metrics.features.network import to_rgb
from stylegans.metrics.features.weight_files import read_state

INPUT_SIZE = 299
DIM = 2048


class Convolve(nn.Conv2d):
    """A convolution, its batch normalisation folded into it, and a ReLU.

    Those that halve the grid have no padding; others keep its size unless ``valid``.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], *, stride: int = 1, valid: bool = False
    ) -> None:
        padding = (0, 0) if valid or stride > 1 else (kernel[0] // 2, kernel[1] // 2)
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x), inplace=True)


class Branches(nn.ModuleList):
    """What several modules make of the same input, one beside the other in the channels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], dim=1)


def average_pool() -> nn.Module:
    """The mean of 3 × 3 places, at the border of those that are there."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def max_pool() -> nn.Module:
    """The largest of 3 × 3 places, at the size of its input."""
    return nn.MaxPool2d(3, stride=1, padding=1)


def halve() -> nn.Module:
    return nn.MaxPool2d(3, stride=2)


def chain(inputs: int, *steps: tuple[int, tuple[int, int]], stride: int = 1) -> nn.Sequential:
    """Convolutions (outputs, kernel) one after the other; ``stride`` is the last one's."""
    modules = []
    for i, (outputs, kernel) in enumerate(steps):
        modules.append(Convolve(inputs, outputs, kernel, stride=stride if i == len(steps) - 1 else 1))
        inputs = outputs
    return nn.Sequential(*modules)


ONE, THREE, FIVE, WIDE, TALL = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


def stem() -> nn.Sequential:
    """Table 1, the first rows: 299 → 35."""
    return nn.Sequential(
        Convolve(3, 32, THREE, stride=2),
        Convolve(32, 32, THREE, valid=True),
        Convolve(32, 64, THREE),
        halve(),
        Convolve(64, 80, ONE),
        Convolve(80, 192, THREE, valid=True),
        halve(),
    )


def mixed_35(inputs: int, *, pooled: int) -> Branches:
    """Figure 5, with a 5 × 5 kernel in one branch: 35 × 35 → 224 + ``pooled`` channels."""
    return Branches([
        chain(inputs, (64, ONE)),
        chain(inputs, (48, ONE), (64, FIVE)),
        chain(inputs, (64, ONE), (96, THREE), (96, THREE)),
        nn.Sequential(average_pool(), chain(inputs, (pooled, ONE))),
    ])  # fmt: skip


def reduce_35() -> Branches:
    """Figure 10: 35 × 35 × 288 → 17 × 17 × 768."""
    return Branches([
        chain(288, (384, THREE), stride=2),
        chain(288, (64, ONE), (96, THREE), (96, THREE), stride=2),
        halve(),
    ])  # fmt: skip


def mixed_17(width: int) -> Branches:
    """Figure 6, n = 7: 17 × 17 × 768."""
    return Branches([
        chain(768, (192, ONE)),
        chain(768, (width, ONE), (width, WIDE), (192, TALL)),
        chain(768, (width, ONE), (width, TALL), (width, WIDE), (width, TALL), (192, WIDE)),
        nn.Sequential(average_pool(), chain(768, (192, ONE))),
    ])  # fmt: skip


def reduce_17() -> Branches:
    """17 × 17 × 768 → 8 × 8 × 1280."""
    return Branches([
        chain(768, (192, ONE), (320, THREE), stride=2),
        chain(768, (192, ONE), (192, WIDE), (192, TALL), (192, THREE), stride=2),
        halve(),
    ])  # fmt: skip


def mixed_8(inputs: int, pool: Callable[[], nn.Module]) -> Branches:
    """Figure 7: 8 × 8 → 2048 channels."""

    def fork(channels: int) -> Branches:
        return Branches([Convolve(channels, 384, (1, 3)), Convolve(channels, 384, (3, 1))])

    return Branches([
        chain(inputs, (320, ONE)),
        nn.Sequential(chain(inputs, (384, ONE)), fork(384)),
        nn.Sequential(chain(inputs, (448, ONE), (384, THREE)), fork(384)),
        nn.Sequential(pool(), chain(inputs, (192, ONE))),
    ])  # fmt: skip


class Inception(nn.Module):
    """uint8 images [N, C, H, W] → features [N, 2048], float32: the last grid's mean over its 8 × 8 places.

    Images of one, three or four channels (``to_rgb``) and of any size.
    """

    name = "inception"
    dim = DIM

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            stem(),
            mixed_35(192, pooled=32), mixed_35(256, pooled=64), mixed_35(288, pooled=64),
            reduce_35(),
            mixed_17(128), mixed_17(160), mixed_17(160), mixed_17(192),
            reduce_17(),
            mixed_8(1280, average_pool), mixed_8(2048, max_pool),
        )  # fmt: skip
        self.classifier = nn.Linear(DIM, CLASSES, bias=False)

    def convolutions(self) -> list[nn.Conv2d]:
        """In the network's order."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]

    def forward(self, images: Tensor) -> Tensor:
        return self.blocks(prepare(images)).mean(dim=(2, 3))

    def logits(self, features: Tensor) -> Tensor:
        """Features [N, 2048] → logits [N, 1008] without the classifier's bias: the published inception score's."""
        return self.classifier(features)


def prepare(images: Tensor) -> Tensor:
    """Images uint8 [N, C, H, W] → the network's input [N, 3, 299, 299], (x − 128) / 128."""
    return (resize(to_rgb(images)) - 128) / 128


def resize(images: Tensor) -> Tensor:
    """Images [N, C, H, W] → [N, C, 299, 299] by TensorFlow 1's bilinear rule.

    A pixel's place in the source is its index times source over destination: corners are not aligned, there are no
    half-pixel centres, nothing is smoothed where pictures shrink, and beyond the last row it repeats.
    """
    left, right, x = _places(images.shape[3], images.device)
    top, bottom, y = _places(images.shape[2], images.device)
    rows = torch.lerp(images[..., left], images[..., right], x)
    return torch.lerp(rows[..., top, :], rows[..., bottom, :], y[:, None])


def _places(size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of 299 places: the source's pixel at or before it, the next one, and how far it is to that."""
    place = torch.arange(INPUT_SIZE, device=device) * torch.tensor(size / INPUT_SIZE, device=device)  # in float32
    before = place.floor().clamp(max=size - 1)
    index = before.long()
    return index, (index + 1).clamp(max=size - 1), place - before


def load_file(path: Path, *, device: str | torch.device = "cpu") -> Inception:
    """The network with the weights in ``path``, ready to measure: float32, frozen.

    Raises:
        MissingFile: there is no such file.
        UserError: it cannot be read, or does not hold this network.
    """
    with torch.random.fork_rng(devices=[]):  # building draws random weights; the caller's numbers stay untouched
        network = Inception()
    convolutions = network.convolutions()
    folded, classifier = match(read_state(path), [tuple(c.weight.shape) for c in convolutions], where=str(path))
    for module, convolution in zip(convolutions, folded, strict=True):
        _set(module, convolution)
    network.classifier.weight.data = classifier
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _set(module: nn.Conv2d, convolution: Convolution) -> None:
    module.weight.data, bias = convolution.weight, module.bias
    assert bias is not None
    bias.data = convolution.bias
