"""Long work on the command line: a bar while it goes on, and one line when it is interrupted."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from stylegans.errors import RunFailed, UserError

QUIET_SECONDS = 60
"""Between lines where there is no terminal for a bar."""


class Count:
    """How far the work is: of pictures, or of frames."""

    def __init__(self, total: int, unit: str) -> None:
        self.done, self.total, self.unit = 0, total, unit

    def __str__(self) -> str:
        return f"{self.done} of {counted(self.total, self.unit)}"


def counted(number: int, unit: str = "picture") -> str:
    return f"{number} {unit}{'s' * (number != 1)}"


def left(number: int, speed: float) -> str:
    """'1:23:45', the time that ``number`` take at ``speed`` a second."""
    return str(timedelta(seconds=round(number / speed))) if speed > 0 else "an unknown time"


@contextmanager
def continued(out: Path, count: Count, *, quiet: bool = False) -> Iterator[None]:
    """A block that leaves what the same command continues when it is interrupted, or ``out`` cannot be written.

    Raises:
        SystemExit: 130, after Ctrl-C; one line was printed unless ``quiet``.
        RunFailed: the disk is full, or refuses otherwise.
    """
    try:
        yield
    except UserError:  # of which some are also an OSError
        raise
    except KeyboardInterrupt:
        if not quiet:
            print(f"stylegans: stopped at {count}; the same command continues", file=sys.stderr)
        raise SystemExit(130) from None
    except OSError as error:
        raise RunFailed(
            f"--out: {out} cannot be written ({error.strerror or error}) at {count}; the same command continues"
        ) from error


def with_progress(steps: Iterable[int], count: Count, *, quiet: bool = False) -> None:
    """Work through ``steps``, which say how much is done, while a bar shows it."""
    with bar(count, quiet=quiet) as show:
        for done in steps:
            show(done)


@contextmanager
def bar(count: Count, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """On stderr, a bar with the speed and the time left; a line each minute where there is no terminal. Yields what is
    told how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.3g} {count.unit}s/s")

    console = Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as shown:
        task = shown.add_task("", total=count.total, completed=count.done)
        before, began = count.done, time.monotonic()
        said = began

        def show(done: int) -> None:
            nonlocal said
            count.done = done
            shown.update(task, completed=done)
            if not quiet and not console.is_terminal and time.monotonic() - said > QUIET_SECONDS:
                said = time.monotonic()
                speed = (done - before) / (said - began)
                print(f"{count}, {speed:.3g} a second, {left(count.total - done, speed)} left", file=sys.stderr)

        yield show
