"""Decoded pictures, kept: by one process in its memory, by several in one place, so that each picture is decoded once.

What several processes share is a file without a name in the temporary directory: the system keeps it in memory as long
as there is room, and it ends with the last process that has it open, however that ends. (``/dev/shm`` would not do: a
container has 64 MB of it, and a process that writes more is killed.)
"""

import math
import mmap
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing import reduction
from typing import IO, Any

import numpy as np

from stylegans.data.limits import memory

LARGEST_SHARE = 4
"""Shared pictures take at most one part in so many of the memory, which should hold them beside the training and the
files that they are read from: what is read back from a disk is hardly faster than decoded again."""

LARGEST_DISK_SHARE = 2
"""And one part in so many of what is free on the disk, where the run may write its checkpoints too."""

Shape = tuple[int, int, int, int]


class Decoded:
    """Pictures ``[n, C, H, W]`` by number, and which of them are there."""

    def __init__(self, pictures: np.ndarray, there: np.ndarray) -> None:
        self._pictures, self._there = pictures, there
        self._fence = threading.Lock()

    def picture(self, number: int, decode: Callable[[int], np.ndarray]) -> np.ndarray:
        """Picture ``number`` ``[C, H, W]``, not to be changed: as it was kept, or by ``decode``."""
        if not self._there[number]:
            self._pictures[number] = decode(number)
            self._in_order()
            self._there[number] = True
        self._in_order()
        return np.asarray(self._pictures[number])

    def _in_order(self) -> None:
        """What comes after this comes after what came before it, for other processes too: some processors would show
        them the flag before the picture. Giving a lock back and taking it again is what Python has for it."""
        for _ in range(2):
            with self._fence:
                pass


class Shared(Decoded):
    """Pictures that several processes keep together: those forked from here, and those that this is sent to as they
    are started."""

    def __init__(self, file: IO[bytes], shape: Shape, dtype: np.dtype) -> None:
        """``file`` has room for the pictures and a byte for each."""
        self._file, self._shape, self._dtype = file, shape, dtype
        mapped = mmap.mmap(file.fileno(), room(shape, dtype) + shape[0])
        pictures = np.frombuffer(mapped, dtype, count=math.prod(shape)).reshape(shape)
        super().__init__(pictures, np.frombuffer(mapped, bool, offset=room(shape, dtype)))

    def close(self) -> None:
        """It can be sent no more. The room is free when no process has the pictures."""
        self._file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self._file.fileno()), self._shape, self._dtype)


def in_memory(shape: Shape, dtype: np.dtype) -> Decoded:
    """For one process. Memory is taken as pictures come."""
    return Decoded(np.empty(shape, dtype), np.zeros(shape[0], bool))


def shared(shape: Shape, dtype: np.dtype) -> Shared | None:
    """For several processes; :meth:`Shared.close` it. None: there is no room for so much, or (on Windows) no way.

    The room is taken at once: a process that found the disk full later, as it writes to memory, would be killed.
    """
    size = room(shape, dtype) + shape[0]
    most = memory()
    if not hasattr(reduction, "DupFd") or (most is not None and size * LARGEST_SHARE > most):
        return None
    try:
        if size * LARGEST_DISK_SHARE > shutil.disk_usage(tempfile.gettempdir()).free:
            return None
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile(buffering=0))
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS: the other half of the disk must do
                file.truncate(size)
            pictures = Shared(file, shape, dtype)
            stack.pop_all()
            return pictures
    except OSError:
        return None


def room(shape: Shape, dtype: np.dtype) -> int:
    """Bytes of so many pictures."""
    return math.prod(shape) * dtype.itemsize


def _received(descriptor: Any, shape: Shape, dtype: np.dtype) -> Shared:
    with os.fdopen(descriptor.detach(), "r+b", buffering=0) as file:
        return Shared(file, shape, dtype)
