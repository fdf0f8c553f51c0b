"""A bar on stderr while work goes on; none where that is no terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yields what moves the bar: (what is going on, how much of it is done, of how much)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def tracked(things: Iterable[T], what: str, total: int) -> Iterator[T]:
    """The same things, under a bar that counts them."""
    with progress() as show:
        show(what, 0, total)
        for done, thing in enumerate(things, start=1):
            yield thing
            show(what, done, total)
