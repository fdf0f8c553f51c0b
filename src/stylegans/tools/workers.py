"""One process, the processes that ``torchrun`` started, or workers of our own: who draws the pictures.

On a CPU a small network keeps one core busy and no more; a worker per core keeps all. Workers talk through what is
marked as done, and end by themselves when the process that started them is killed.
"""

import multiprocessing
import signal
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from pathlib import Path

import torch

from stylegans import models
from stylegans.config import Precision
from stylegans.errors import RunFailed
from stylegans.metrics.processes import ALONE, Processes
from stylegans.networks.protocol import Generator, device_of
from stylegans.runs import machine
from stylegans.tools.bulk import Request, draw, progress
from stylegans.tools.layouts import Job, Layout
from stylegans.tools.unfinished import Unfinished, unfinished

LOOK = 0.25
"""Seconds between looks at how far they are."""


@dataclass(frozen=True)
class Order:
    """What is to be drawn, and where it goes."""

    request: Request
    layout: Layout
    work: Unfinished
    todo: Sequence[Job]


@contextmanager
def shared(folder: Path, options: Mapping[str, object], processes: Processes = ALONE) -> Iterator[Unfinished]:
    """``unfinished``, for all the processes at once."""
    if not processes.is_first:
        processes.agree(None)
        yield Unfinished(folder)
        return
    with unfinished(folder, options) as work:
        processes.agree(None)
        yield work


def by_one(G: Generator, order: Order) -> Iterator[int]:
    """All in this process; yields how many pictures are done."""
    drawn = draw(G, order.request, order.layout, order.work, todo=order.todo)
    yield from (done for done, _ in zip(count(progress(order.work, order.todo) + 1), drawn, strict=False))


def by_many(G: Generator, order: Order, processes: Processes) -> Iterator[int]:
    """This process's share, and then waiting for the others'; yields now and then how many pictures are done."""
    total, looked = sum(piece.count for job in order.todo for piece in job.pieces), 0.0
    for _ in draw(G, order.request, order.layout, order.work, todo=order.todo, processes=processes):
        if time.monotonic() - looked > LOOK:
            yield progress(order.work, order.todo)
            looked = time.monotonic()
    while (done := progress(order.work, order.todo)) < total or not _all_closed(order):
        yield done
        time.sleep(LOOK)
    processes.gather(None)  # from here on the first may remove what the others look at


def _all_closed(order: Order) -> bool:
    return {job.name for job in order.todo} <= order.work.done()


def by_workers(order: Order, *, model: str, device: str, precision: Precision, workers: int) -> Iterator[int]:
    """Worker processes do it all; yields now and then how many pictures are done. When the caller ends it, so do they.

    Raises:
        OSError: what a worker met, as a full disk.
        RunFailed: a worker was killed.
    """
    context = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA, nor OpenMP's threads
    stop = context.Event()
    threads = max(1, torch.get_num_threads() // workers)
    ears: list[Connection] = []
    processes = []
    try:
        for rank in range(workers):
            ear, mouth = context.Pipe(duplex=False)
            process = context.Process(
                target=_work,
                args=(order, model, device, precision, Processes(rank, workers), threads, stop, mouth),
                daemon=True,
            )
            process.start()
            mouth.close()  # ours; the worker's is closed when it ends
            ears.append(ear)
            processes.append(process)
        while ears:
            heard = wait(ears, LOOK)
            for ear in [ear for ear in ears if ear in heard]:
                _hear(ear)
                ears.remove(ear)
            yield progress(order.work, order.todo)
    finally:
        stop.set()
        for process in processes:
            process.join()


def _hear(ear: Connection) -> None:
    """A worker's last word: nothing, or what went wrong."""
    try:
        error = ear.recv()
    except EOFError:
        raise RunFailed(
            "--workers: a worker was killed, perhaps for want of memory; the same command with fewer continues"
        ) from None
    if error is not None:
        raise error


def _work(
    order: Order,
    model: str,
    device: str,
    precision: Precision,
    share: Processes,
    threads: int,
    stop: Event,
    mouth: Connection,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process tells us
    torch.set_num_threads(threads)
    machine.tune_allocator()
    parent = multiprocessing.parent_process()
    word: Exception | None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the model's licence: was said
            G = models.load(model, device=device)
        machine.compute_in(precision, G, device_of(G))
        for _ in draw(G, order.request, order.layout, order.work, todo=order.todo, processes=share):
            if stop.is_set() or parent is None or not parent.is_alive():
                break
        word = None
    except Exception as error:
        word = error
    with suppress(BrokenPipeError):  # no one is there to hear it
        mouth.send(word)
