"""The endless stream of training batches. Its whole state is one integer: how many pictures it has given out.

The order is a pure function of (position, number of pictures, seed): epoch after epoch, each a permutation of its own.
A training that stops at picture k continues by starting its stream at k, with any number of workers.
"""

import atexit
import functools
import multiprocessing
import os
import signal
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from stylegans.data.images import ImageDataset
from stylegans.errors import UserError

HALF_RANGE = {torch.uint8: 127.5, torch.uint16: 32767.5}
"""Half of the highest number of each type."""


@dataclass(frozen=True)
class Batch:
    """Pictures and their labels."""

    images: torch.Tensor
    """uint8 or uint16 [N, C, H, W]"""
    labels: torch.Tensor
    """float32 [N, c_dim]"""


def to_float(images: torch.Tensor) -> torch.Tensor:
    """Pictures as networks take them: uint8 or uint16 of any shape → float32 in [-1, 1], on the same device.

    x / 127.5 - 1 of 8 bits, x / 32767.5 - 1 of 16.

    Raises:
        ValueError: they are of another type.
    """
    half = HALF_RANGE.get(images.dtype)
    if half is None:
        raise ValueError(f"images are uint8 or uint16, not {images.dtype}")
    return images.float().div_(half).sub_(1)


def indices(position: int, count: int, *, n: int, seed: int) -> np.ndarray:
    """Which pictures, of ``n``, stand at ``position`` to ``position + count - 1`` of the stream: int64 [count].

    Epoch e is the permutation that numpy's legacy generator, whose numbers never change between versions, draws from
    (seed, e).
    """
    if position < 0 or n < 1:
        raise ValueError(f"position {position} of a stream over {n} pictures")
    result = np.empty(count, dtype=np.int64)
    filled = 0
    while filled < count:
        epoch, offset = divmod(position + filled, n)
        run = _epoch(epoch, n, seed)[offset : offset + count - filled]
        result[filled : filled + len(run)] = run
        filled += len(run)
    return result


@functools.lru_cache(maxsize=2)  # a batch is no larger than the set, so it touches two epochs at most
def _epoch(epoch: int, n: int, seed: int) -> np.ndarray:
    words = [number >> shift & 0xFFFFFFFF for number in (seed, epoch) for shift in (0, 32)]
    order = np.random.RandomState(words).permutation(n)
    order.flags.writeable = False
    return order


def batches(
    dataset: ImageDataset,
    *,
    batch: int | Callable[[int], int],
    seed: int,
    position: int,
    workers: int = 0,
    pin: bool = False,
) -> Generator[Batch, None, None]:
    """The stream in batches, without end, from picture number ``position`` on. Closing it ends its workers.

    Args:
        batch: pictures per batch, or a function from the position a batch begins at to its size.
        seed: of the order.
        position: pictures already given out; a stream from k is the rest of the stream from 0.
        workers: processes that decode ahead; 0: none, decode here. The stream is the same for any number. Where there
            is room for all decoded pictures, each is decoded once, by whichever worker comes first. Workers ignore
            Ctrl-C and termination, so that the training can end in good order; they end with this process.
        pin: put the batches in page-locked memory, for copies to a GPU that overlap with its work.

    Raises:
        UserError: the set has fewer pictures than a batch; ``batch`` or ``workers`` make no sense. From the iterator: a
            picture cannot be decoded.
    """
    size = batch if callable(batch) else lambda position: batch
    check_batch(dataset, batch=size(position), workers=workers)
    stream = _stream(dataset, size, seed, position, workers, pin)
    if workers:
        # A program that ends with its stream open would wait for ever for workers that ignore termination.
        atexit.register(_close, weakref.ref(stream))
    return stream


def check_batch(dataset: ImageDataset, *, batch: int, workers: int) -> None:
    """
    Raises:
        UserError: the set has fewer pictures than a batch; ``batch`` or ``workers`` make no sense.
    """
    if batch < 1:
        raise UserError(f"--batch: {batch} should be at least 1")
    if workers < 0:
        raise UserError(f"--workers: {workers} should be 0 or more")
    if len(dataset) < batch:
        raise UserError(
            f"--batch: a batch of {batch} is more than the {len(dataset)} pictures of '{dataset.name}'; "
            f"lower it to {len(dataset)} or add pictures"
        )


def _stream(
    dataset: ImageDataset, size: Callable[[int], int], seed: int, position: int, workers: int, pin: bool
) -> Generator[Batch, None, None]:
    with ExitStack() as stack:
        if workers:
            cache = dataset.shared_cache()
            if cache is not None:
                stack.enter_context(closing(cache))
            dataset = dataset.sharing(cache)
        loader: DataLoader[_Item] = DataLoader(
            _Batches(dataset),
            sampler=_Order(size, len(dataset), seed, position),
            batch_size=None,  # an item of _Batches is a whole batch
            collate_fn=_as_it_is,
            num_workers=workers,
            pin_memory=pin,
            worker_init_fn=_live_with_the_training,
            generator=torch.Generator(),  # or the loader would draw from the training's own random numbers
        )
        for item in loader:
            if isinstance(item, UserError):
                raise item
            if isinstance(item, list):
                arrays = _arrays(dataset, item)
                item = arrays.pin_memory() if pin else arrays.batch()
            yield item if isinstance(item, Batch) else item.batch()


@dataclass(frozen=True)
class _Arrays:
    """A batch as plain arrays.

    Those that a worker sends go through a pipe; tensors would go through ``/dev/shm``, of which containers have 64 MB,
    and a worker that finds it full is killed.
    """

    images: np.ndarray
    labels: np.ndarray

    def batch(self) -> Batch:
        return Batch(torch.from_numpy(self.images), torch.from_numpy(self.labels))

    def pin_memory(self) -> Batch:
        """In page-locked memory: what a loader calls, in a thread of its own."""
        batch = self.batch()
        return Batch(batch.images.pin_memory(), batch.labels.pin_memory())


_Item = _Arrays | Batch | list[int] | UserError
"""What a loader hands over: pictures, pinned or not; or the numbers of pictures that the shared cache has."""


def _arrays(dataset: ImageDataset, numbers: list[int]) -> _Arrays:
    return _Arrays(dataset.images(numbers), np.stack([dataset.label(number) for number in numbers]))


class _Batches(Dataset[_Item]):
    """Batches by their pictures' numbers."""

    def __init__(self, dataset: ImageDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, numbers: list[int]) -> _Item:
        try:
            return numbers if self.dataset.decode_shared(numbers) else _arrays(self.dataset, numbers)
        except UserError as error:  # handed over, since a loader would wrap its one line in a traceback
            return UserError(str(error))


class _Order(Sampler[list[int]]):
    """The numbers of the pictures in each batch, without end."""

    def __init__(self, size: Callable[[int], int], n: int, seed: int, position: int) -> None:
        self.size, self.n, self.seed, self.position = size, n, seed, position

    def __iter__(self) -> Iterator[list[int]]:
        position = self.position
        while True:
            count = self.size(position)
            yield indices(position, count, n=self.n, seed=self.seed).tolist()
            position += count


def _close(reference: "weakref.ref[Generator[Batch, None, None]]") -> None:
    stream = reference()
    if stream is not None:
        stream.close()


def _as_it_is(item: Any) -> Any:
    return item


def _live_with_the_training(worker: int) -> None:
    """A worker leaves signals to the training, and ends when that is killed, whatever it is about: on its own it would
    wait for ever to hand over a batch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_training, daemon=True).start()


def _end_with_the_training() -> None:
    training = multiprocessing.parent_process()
    if training is not None:
        training.join()
        os._exit(1)
