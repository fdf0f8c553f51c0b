"""A quick start: most of the time for a single picture goes into importing PyTorch."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Thread


def load_ahead() -> None:
    """Begin to load PyTorch's library, in a thread: the interpreter, which reads the options meanwhile, need not wait.

    On Linux; elsewhere, and where it cannot be, importing PyTorch does it all.
    """
    if sys.platform == "linux":
        Thread(target=_load, daemon=True).start()


def _load() -> None:
    spec = find_spec("torch")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "lib"
        with suppress(OSError):  # libraries of CUDA that only PyTorch itself can find
            ctypes.CDLL(str(folder / "libtorch_global_deps.so"), mode=ctypes.RTLD_GLOBAL)  # first, as PyTorch does
            ctypes.CDLL(str(folder / "libtorch_cpu.so"))


@contextmanager
def importing() -> Iterator[None]:
    """Within, no garbage is looked for: what modules make stays, and to look through it time and again is a fifth of
    the imports' time. Later searches pass over it."""
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # once: what a program that calls several commands drops must not be kept
            gc.freeze()
        gc.enable()
