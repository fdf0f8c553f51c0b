"""MobileNetV2 as a feature network (Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks").

Small enough to travel inside the package (4.6 MB), so that a model can be measured offline from the first minute.
A Fréchet distance in these features is called ``fd_mobilenet``, never FID, which means one particular Inception.

The weights are torchvision's ImageNet classifier without its last layer, each batch normalisation folded into the
convolution before it, the 1×1 convolutions stored as int16 with a scale per channel: ``weights/NOTICE.md``. The
features are within 3e-4 of the original's.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.metrics.features import packed
from stylegans.metrics.features.network import to_rgb

WEIGHTS = packed.FOLDER / "mobilenet_v2.safetensors"
SHA256 = "348040bbfeb21cd0686702a8cd84a8baa6f29aec03bcfc3bb83b0aec0caa1a90"

INPUT_SIZE = 224
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

STEM, HEAD = 32, 1280
BOTTLENECKS = (
    # table 2: expansion t, output channels c, repetitions n, stride s of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project: figure 4d. The projection is linear; the input is added where it fits."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = nn.Conv2d(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride=stride, padding=1, groups=hidden)
        self.project = nn.Conv2d(hidden, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """The convolutional part of MobileNetV2: uint8 images [N, C, H, W] → features [N, 1280], float32.

    Images of one, three or four channels (``to_rgb``) are resized to 224 × 224 bilinearly, with antialiasing where
    they shrink and without keeping their aspect, and normalised by ImageNet's mean and standard deviation. The
    features are the last convolution's, averaged over the picture: what the classifier saw.
    """

    name = "mobilenet_v2"
    dim = HEAD

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, stride=2, padding=1)
        blocks: list[nn.Module] = []
        width = STEM
        for expansion, outputs, repetitions, stride in BOTTLENECKS:
            for i in range(repetitions):
                blocks.append(InvertedResidual(width, outputs, stride=stride if i == 0 else 1, expansion=expansion))
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(width, HEAD, 1)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def prepare(self, images: Tensor) -> Tensor:
        """Images uint8 [N, C, H, W] → the network's input [N, 3, 224, 224]."""
        x = to_rgb(images) / 255
        x = F.interpolate(x, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False, antialias=True)
        return (x - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu6(self.stem(self.prepare(images)))
        x = F.relu6(self.head(self.blocks(x)))
        return x.mean(dim=(2, 3))


def load(*, device: str | torch.device = "cpu") -> MobileNetV2:
    """The embedded network, ready to measure: float32, frozen.

    Raises:
        MissingFile: the weights are not in the installation.
        UserError: they are not the ones this version was published with, so numbers would not compare.
    """
    return load_file(WEIGHTS, device=device)


def load_file(path: Path, *, device: str | torch.device = "cpu") -> MobileNetV2:
    """As ``load``, from a copy of the weights at ``path``."""
    with torch.random.fork_rng(devices=[]):  # building draws random weights; the caller's numbers stay untouched
        network = MobileNetV2()
    network.load_state_dict(packed.read(path, sha256=SHA256))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.6 times faster on a CPU
    return network.eval().requires_grad_(False)
