"""How much of a training's time goes into waiting for pictures, and what to do about it."""

import time
from collections.abc import Callable, Iterable, Iterator

import torch

from stylegans.data.pipeline import Batch

MOST = 0.2
"""A training that waits for more of its time is told so."""

PATIENCE = 300.0
"""Seconds in which a training may wait more: on the first pass pictures are decoded that are then kept."""


class Loading:
    """A stream that notes how long it is waited for."""

    def __init__(self, stream: Iterable[Batch], *, a_pass: int, device: torch.device) -> None:
        """``a_pass``: pictures in the set."""
        self.stream, self.a_pass, self.device = stream, a_pass, device
        self.seconds, self.given, self.began = 0.0, 0, time.monotonic()
        self.is_settled = self.is_slow = False

    def __iter__(self) -> Iterator[Batch]:
        stream = iter(self.stream)
        while True:
            is_idle = idleness(self.device)
            began = time.monotonic()
            batch = next(stream, None)
            if batch is None:
                return
            if is_idle():
                self.seconds += time.monotonic() - began
            self.given += len(batch.images)
            yield batch

    def share(self, seconds: float) -> float:
        """How much of the ``seconds`` since this was last asked went into waiting, from 0 to 1.

        ``is_slow`` then says whether that was too much; never of a time that began in the first pass over the set,
        unless that takes minutes.
        """
        share = min(self.seconds / seconds, 1.0) if seconds > 0 else 0.0
        self.is_slow = self.is_settled and share > MOST
        self.is_settled = self.given >= self.a_pass or time.monotonic() - self.began >= PATIENCE
        self.seconds = 0.0
        return share


def idleness(device: torch.device) -> Callable[[], bool]:
    """A question: has the device done what it has been given until now? While a GPU has not, waiting costs nothing."""
    if device.type != "cuda":
        return lambda: True
    done = torch.cuda.Event()
    done.record(torch.cuda.current_stream(device))
    return done.query


def advice(share: float, *, workers: int, cores: int) -> str:
    """One line for a training that waits too much."""
    more = min(max(2 * workers, 1), cores)
    ways = [f"continue with --workers {more}"] if more > workers else []
    ways.append("let stylegans data build store the pictures at the size of the training, on a fast disk")
    return f"{share:.0%} of the time goes into waiting for pictures: {', or '.join(ways)}"
