"""``stylegans demo``: the quick start."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stylegans.cli.parse import parse
from stylegans.errors import UserError


@dataclass(frozen=True)
class Demo:
    """Train a small model on embedded pictures of people for a few minutes, then show what it has learned.

    Writes sample grids, a style-mixing figure, a walk, the curves and the Fréchet distance before and after. The same
    command again continues an interrupted demo.
    """

    out: Path = Path("runs/demo")
    """The run directory."""
    minutes: float = 5.0
    """How long to train."""
    seed: int = 0
    """Of the weights, the latents and the order of the pictures."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""


def main(argv: Sequence[str]) -> int:
    options = parse(Demo, argv, prog="stylegans demo")
    if not options.minutes > 0:
        raise UserError(f"--minutes: {options.minutes} should be above 0")
    if options.seed < 0:
        raise UserError(f"--seed: {options.seed} should be at least 0")

    from rich.console import Console

    from stylegans.cli.live import Goal, watch
    from stylegans.runs.machine import choose_device, tune_allocator
    from stylegans.runs.signals import stop_requests
    from stylegans.tools import demo as tool

    tune_allocator()
    console = Console()
    demo = tool.prepare(choose_device(options.device), options.out, minutes=options.minutes, seed=options.seed)
    with stop_requests() as stop:
        events = tool.train(demo, options.out, stop=stop)
        finished = watch(events, console=console, goal=Goal(seconds=options.minutes * 60))
    if finished is not None and finished.reason == "stopped":
        console.print("stopped; the same command continues")
        return 0
    for saved in tool.show(demo, options.out):
        console.print(f"  {saved.kind} {saved.path}", highlight=False, soft_wrap=True)
    distance = json.loads((options.out / tool.REPORT).read_text(encoding="utf-8"))["fd_mobilenet"]
    console.print(
        f"fd_mobilenet: untrained {distance['untrained']:.0f}, trained {distance['trained']:.0f}, "
        f"real against real {distance['real_against_real']:.0f} ({distance['num_generated']} pictures)",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"look at {options.out / 'progress.png'} and {options.out / 'samples.png'}", soft_wrap=True)
    return 0
