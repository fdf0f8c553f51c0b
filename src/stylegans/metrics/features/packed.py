"""Weights that travel inside the package: what a file must be, and how its numbers are stored.

A weight stored as int16 has beside it, as ``NAME.scale`` [out, 1, …], a scale per output channel. At the size of
float16 this keeps four to five digits more of each channel's largest weight than float16's three.
"""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from stylegans.errors import MissingFile, UserError

FOLDER = Path(__file__).parent / "weights"
SCALE = ".scale"


def pack(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight [out, …] of a convolution or a dense layer → (int16 of the same shape, scale [out, 1, …])."""
    others = tuple(range(1, weight.ndim))
    scale = weight.abs().amax(dim=others, keepdim=True) / torch.iinfo(torch.int16).max
    return (weight / scale).round().to(torch.int16), scale


def unpack(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors → a network's, float32: an int16 weight times its scale."""
    return {
        name: tensor * stored[name + SCALE] if tensor.dtype == torch.int16 else tensor
        for name, tensor in stored.items()
        if not name.endswith(SCALE)
    }


def read(path: Path, *, sha256: str) -> dict[str, Tensor]:
    """The weights in ``path``, unpacked.

    Raises:
        MissingFile: they are not in the installation.
        UserError: they are not the ones this version was published with, so numbers would not compare.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"{path}: the feature network's weights are missing; install stylegans again") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"{path}: not the feature network that was published; install stylegans again")
    return unpack(load(content))
