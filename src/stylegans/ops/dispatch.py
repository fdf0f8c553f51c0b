"""Which form of an op runs: a Triton kernel where there is a GPU for it, plain PyTorch everywhere else.

Triton comes with PyTorch's CUDA builds. Where it is missing, or the GPU is older than Ampere (compute capability 8.0),
the plain form runs and nothing is said. With ``TRITON_INTERPRET=1`` in the environment tensors on a CPU go through the
kernels too, in Triton's interpreter: very slowly, for tests.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
LARGEST = 2**31
"""Kernels count the elements of a row of memory in 32 bits; larger tensors take the plain form."""

_wanted = True  # of the process, not of the thread: autograd runs backward in threads of its own


@contextmanager
def kernels(wanted: bool) -> Iterator[None]:
    """Allow or forbid kernels inside the ``with``: ``kernels(False)`` runs the plain twin of every op."""
    global _wanted
    before, _wanted = _wanted, wanted
    try:
        yield
    finally:
        _wanted = before


def use_kernels(x: Tensor) -> bool:
    """Whether ops on ``x`` run as kernels.

    Not while ``torch.compile`` traces: it fuses pointwise ops with their neighbours, which a kernel would prevent.
    """
    if torch.compiler.is_compiling() or not _wanted or x.dtype not in DTYPES or x.numel() >= LARGEST:
        return False
    if x.is_cuda:
        return _has_triton() and _is_ampere(x.device.index)
    return x.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1" and _has_triton()


@cache
def _has_triton() -> bool:
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def _is_ampere(device: int) -> bool:
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)
