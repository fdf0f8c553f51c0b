"""MobileNetV2 as a feature network (Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks").

Small enough to travel inside the package (7.2 MB), so that a model can be measured offline from the first minute.
A Fréchet distance in these features is called ``fd_mobilenet``, never FID, which means one particular Inception.

The weights are torchvision's ImageNet classifier, each batch normalisation folded into the convolution before it, the
1×1 convolutions and the last layer stored as int16 with a scale per channel: ``weights/NOTICE.md``. Features and
logits are within 3e-4 of the original's.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.metrics.features import imagenet, packed

WEIGHTS = packed.FOLDER / "mobilenet_v2.safetensors"
SHA256 = "5af81611468e8323b624cca37b2077d6e0299089e0afb6ed400ed57cfa2a6cd5"

STEM, HEAD, CLASSES = 32, 1280, 1000
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
    """MobileNetV2 up to its classifier: uint8 images [N, C, H, W] → features [N, 1280], float32.

    Images of one, three or four channels (``to_rgb``) are resized to 224 × 224 bilinearly, with antialiasing where
    they shrink and without keeping their aspect, and normalised by ImageNet's mean and standard deviation. The
    features are the last convolution's, averaged over the picture: what the classifier sees.
    """

    name = "mobilenet_v2"
    dim = HEAD

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
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu6(self.stem(imagenet.prepare(images, mode="bilinear")))
        x = F.relu6(self.head(self.blocks(x)))
        return x.mean(dim=(2, 3))

    def logits(self, features: Tensor) -> Tensor:
        """Features [N, 1280] → logits [N, 1000] of ImageNet's classes, in the order of their WordNet numbers."""
        logits: Tensor = self.classifier(features)
        return logits


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
