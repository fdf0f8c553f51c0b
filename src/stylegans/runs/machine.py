"""The machine a run is on: its device, what it computes fast, its memory."""

import ctypes
import platform
import sys
import warnings
from typing import TYPE_CHECKING, Any

from stylegans.config.precision import why_not
from stylegans.data.limits import cores
from stylegans.errors import UserError

if TYPE_CHECKING:
    import torch

    from stylegans.config import Precision, Run


def choose_device(name: str, *, option: str = "--device") -> "torch.device":
    """'auto' takes the first of cuda, mps and cpu that is there.

    Raises:
        UserError: the device is unknown or absent.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    kind, _, index = name.partition(":")
    if kind not in available or (index and not index.isdigit()):
        raise UserError(f"{option}: '{name}' is not a device; use auto, cpu, cuda, cuda:1 or mps")
    if not available[kind] or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise UserError(f"{option}: there is no {name} here; use --device auto")
    return torch.device(name)


MOST_WORKERS = 8


def choose_workers(workers: int | None, device: "torch.device") -> int:
    """Processes that decode pictures ahead of a training. None given: no one on a CPU, whose cores the arithmetic
    needs; beside a GPU one for each core that this process may use but the training's own, 8 at most."""
    if workers is not None:
        return workers
    return 0 if device.type == "cpu" else min(cores() - 1, MOST_WORKERS)


def choose_precision(config: "Run", device: "torch.device") -> "Precision":
    """The run's precision. 'auto' takes bfloat16 where the machine is fast at it, for the networks that are published
    in mixed precision: those that float16 suits too."""
    if config.training.precision != "auto":
        return config.training.precision
    return "bfloat16" if why_not(config, "float16") is None and computes_bfloat16(device) else "float32"


def check_precision(precision: "Precision", device: "torch.device") -> None:
    """Warns of bfloat16 on a processor that must imitate it.

    Raises:
        UserError: the device has no such arithmetic.
    """
    if precision == "float16" and device.type != "cuda":
        raise UserError(f"--precision: float16 needs a GPU with CUDA, not {device.type}; use bfloat16 or float32")
    if precision == "bfloat16" and device.type == "cpu" and not computes_bfloat16(device):
        warnings.warn("--precision: this processor has no bfloat16 arithmetic; float32 is far faster", stacklevel=2)


def compute_in(precision: "Precision", network: Any, device: "torch.device") -> "Precision":
    """Let a network that draws or measures compute in ``precision``, and say which one 'auto' has come to.

    Raises:
        UserError: the network cannot, or the device.
    """
    from stylegans.networks.precision import DTYPES, is_reducible, set_precision

    if precision == "auto":
        precision = "bfloat16" if is_reducible(network) and computes_bfloat16(device) else "float32"
    check_precision(precision, device)
    set_precision(network, DTYPES[precision])
    return precision


def computes_bfloat16(device: "torch.device") -> bool:
    """Whether the device has bfloat16 arithmetic of its own."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and platform.machine() in ("x86_64", "AMD64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def tune_convolutions(device: "torch.device") -> None:
    """Let cuDNN find the fastest algorithm for each shape, as published: worth it where the same shapes come again and
    again. In float32 PyTorch lets it round the factors to TF32."""
    import torch

    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True


def peak_memory(device: "torch.device") -> int | None:
    """The most memory held so far, in bytes: on a GPU by our tensors, on a CPU by the process. None: not known."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def tune_allocator() -> bool:
    """Let the C allocator keep large blocks instead of returning them to the system after each operation.

    On Linux with glibc, tensors over 32 MB are otherwise mapped afresh each time, which can cost more than the
    arithmetic: networks at 256² and above run 1.3 to 2.7 times as fast with it. The process holds on to its
    memory in exchange. The command line calls this; a program that uses the library calls it once, first.

    Returns:
        Whether the setting was made.
    """
    if not _has_glibc():
        return False
    libc = ctypes.CDLL(None)
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 0))
    made = [libc.mallopt(name, value) == 1 for name, value in settings]
    return all(made)


def return_memory() -> None:
    """Give back to the system what the C allocator keeps and no one uses: once, after networks have been built."""
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _has_glibc() -> bool:
    return sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
