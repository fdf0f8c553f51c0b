"""Work on many pictures at once, results in order. PIL lets threads run side by side while it decodes and encodes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from stylegans.data.limits import cores

S = TypeVar("S")
T = TypeVar("T")

MOST_THREADS = 8
AHEAD = 4
"""Items under way per thread: enough that none waits, few enough that results do not pile up in memory."""


def ordered(work: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
    """``map(work, items)`` on a few threads."""
    threads = min(cores(), MOST_THREADS)
    pending: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= threads * AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
