"""A run on the terminal: a bar that moves with every batch, a line for every tick."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.table import Table

    from stylegans.runs.initial import Transfer
    from stylegans.runs.report import Tick
    from stylegans.runs.run import Event, Finished

SMOOTHING_SECONDS = 20.0


@dataclass(frozen=True)
class Goal:
    """When a run ends: after so many pictures or, if ``seconds`` is given, when the clock says so."""

    kimg: float = 0.0
    seconds: float | None = None

    def share(self, images: int, seconds: float) -> float:
        """How much of the run is done, from 0 to 1."""
        done, total = (images / 1000, self.kimg) if self.seconds is None else (seconds, self.seconds)
        return min(done / total, 1.0) if total else 1.0

    def left(self, images: int, seconds: float, pace: float) -> str:
        """The time left at ``pace`` seconds per thousand pictures."""
        rest = (self.kimg - images / 1000) * pace if self.seconds is None else self.seconds - seconds
        return f"{duration(max(rest, 0))} left"

    def count(self, images: int) -> str:
        """'kimg 12.0/500', or 'kimg 12.0' where the clock ends the run."""
        short = self.seconds is None and self.kimg < 10
        return f"kimg {images / 1000:.{3 if short else 1}f}" + (f"/{self.kimg:g}" if self.seconds is None else "")


class Clock:
    """Time spent on a run, and its pace over the last seconds."""

    def __init__(self, *, images: int, seconds: float) -> None:
        self._began = time.monotonic() - seconds
        self._points = [(time.monotonic(), images)]

    def seconds(self) -> float:
        """Over all sessions."""
        return time.monotonic() - self._began

    def pace(self, images: int) -> float | None:
        """Seconds per thousand pictures; None before the first batch."""
        now = time.monotonic()
        self._points.append((now, images))
        while len(self._points) > 2 and now - self._points[0][0] > SMOOTHING_SECONDS:
            self._points.pop(0)
        then, before = self._points[0]
        return (now - then) / (images - before) * 1000 if images > before else None


def watch(events: Iterable["Event"], *, console: Console, goal: Goal) -> "Finished | None":
    """Show a run as it goes; return how it ended (None: there was nothing to do)."""
    from stylegans.runs import report
    from stylegans.runs import run as runs

    columns = (
        TextColumn("{task.fields[count]}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    finished: Finished | None = None
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("train", total=1.0, count="", speed="", left="")
        clock = Clock(images=0, seconds=0)
        for event in events:
            if isinstance(event, runs.Started):
                clock = Clock(images=event.images, seconds=event.seconds)
                describe_start(event, console)
            elif isinstance(event, runs.Stepped):
                show_step(progress, task, event.images, clock, goal)
            elif isinstance(event, report.Tick):
                console.print(tick_line(event, goal), highlight=False, soft_wrap=True)
                if event.guard:
                    console.print(guard_line(event.guard), style="dim", highlight=False, soft_wrap=True)
            elif isinstance(event, runs.Saved) and event.kind != "samples":
                console.print(f"  {event.kind} {event.path}", style="dim", highlight=False, soft_wrap=True)
            elif isinstance(event, runs.Warned):
                console.print(f"{event.kind}: {event.message}", style="bold yellow", highlight=False, soft_wrap=True)
            elif isinstance(event, runs.Finished):
                finished = event
    return finished


def show_step(progress: Progress, task: TaskID, images: int, clock: Clock, goal: Goal) -> None:
    pace = clock.pace(images)
    progress.update(
        task,
        completed=goal.share(images, clock.seconds()),
        count=goal.count(images),
        speed="" if pace is None else f"{pace:.1f} s/kimg",
        left="" if pace is None else goal.left(images, clock.seconds(), pace),
    )


def describe_start(event: "Event", console: Console) -> None:
    from stylegans.runs import run as runs

    assert isinstance(event, runs.Started)
    config = event.config
    preset = config.preset
    what = f"training {preset}" if event.images == 0 else f"continuing {preset} at {event.images / 1000:g} kimg"
    console.print(
        f"{what} in {event.out} on {event.device} ({config.training.precision})",
        highlight=False,
        soft_wrap=True,
    )
    if event.transfer is not None:
        console.print(transfer_table(event.transfer))
        console.print(str(event.transfer), highlight=False, soft_wrap=True)
    for note in event.notes:
        console.print(f"  note: {note}", highlight=False, soft_wrap=True)


def transfer_table(transfer: "Transfer") -> "Table":
    """What became of every part of every network."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table("network", "part", "what", "how", "numbers", box=SIMPLE, title=f"from {transfer.path}")
    table.columns[-1].justify = "right"
    last = ""
    for row in transfer.rows:
        network = row.network if row.network != last else ""
        table.add_row(network, row.part, row.what, row.how, f"{row.numbers:,}", style=STYLES[row.what])
        last = row.network
    return table


STYLES = {"copied": "", "adapted": "cyan", "fresh": "yellow"}


def tick_line(tick: "Tick", goal: Goal) -> str:
    """'kimg 12.0/500 · 6.5 s/kimg · loss G 0.81 D 1.12 · 53 min left · 0.9 GB'."""
    losses = tick.losses
    parts = [
        goal.count(tick.images),
        f"{tick.sec_per_kimg:.1f} s/kimg",
        f"loss G {losses.get('loss_G', float('nan')):.2f} D {losses.get('loss_D', float('nan')):.2f}",
    ]
    if "r1_penalty" in losses:
        parts.append(f"R1 {losses['r1_penalty']:.3f}")
    if "path_lengths" in losses:
        parts.append(f"path {losses['path_lengths']:.2f}")
    if "augment_p" in losses:
        parts.append(f"p {losses['augment_p']:.3f} sign {losses.get('signs_real', float('nan')):.2f}")
    parts += [f"{name} {value:.1f}" for name, value in tick.metrics.items()]
    parts.append(goal.left(tick.images, tick.seconds, tick.sec_per_kimg))
    if tick.memory is not None:
        parts.append(f"{tick.memory / 1e9:.1f} GB")
    return " · ".join(parts)


def guard_line(seen: Mapping[str, float]) -> str:
    """'  guard: 52 % as varied as the real pictures (raw 48 %), nearest 0.41, distance 254'."""
    parts = [f"{seen['diversity']:.0%} as varied as the real pictures (raw {seen['diversity_raw']:.0%})"]
    parts += [f"{name} {seen[name]:{form}}" for name, form in (("nearest", ".2f"), ("distance", ".0f")) if name in seen]
    return f"  guard: {', '.join(parts)}"


def duration(seconds: float) -> str:
    """'45 s', '12 min', '3 h 20 min', '2 d 4 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
