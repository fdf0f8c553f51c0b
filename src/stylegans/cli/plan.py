"""``stylegans plan DATA``: what to train on these pictures with this machine, and the commands to paste."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from stylegans.cli.parse import parse
from stylegans.cli.progress import progress
from stylegans.config.sizes import format_size, parse_size
from stylegans.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stylegans.tools.plan import Plan

MARK = "→"


@dataclass(frozen=True)
class Options:
    """Look at the pictures and the machine, train a few batches, and recommend: preset, size, batch, gamma,
    augmentation, hours. Prints the commands to paste; trains nothing for good."""

    data: tyro.conf.Positional[str]
    """A folder or zip of pictures, whatever their sizes, another source that `stylegans data build` reads, or an
    embedded set's name."""
    size: str | None = None
    """Plan for this size (256, or 640x384 for width x height); otherwise for the largest that the hours are enough
    for."""
    hours: float | None = None
    """Time that the training may take: 12 on a CPU, 48 on a GPU unless given."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    trial: bool = True
    """Time a few batches. Without, nothing is said of hours and memory."""
    json: str | None = None
    """Write the plan as JSON to this file; - for standard output, and nothing else there."""


def main(argv: Sequence[str]) -> int:
    options = parse(Options, argv, prog="stylegans plan")
    if options.hours is not None and not (options.hours > 0 and math.isfinite(options.hours)):
        raise UserError(f"--hours: {options.hours} should be above 0")
    size = None if options.size is None else parse_size(options.size)
    if options.json not in (None, "-") and not Path(str(options.json)).absolute().parent.is_dir():
        raise UserError(f"--json: there is no folder {Path(str(options.json)).parent}")

    from rich.console import Console

    from stylegans.files.atomic import write_text
    from stylegans.runs.machine import choose_device, tune_allocator
    from stylegans.tools.plan import plan

    tune_allocator()
    device = choose_device(options.device)
    with progress() as tell:
        found = plan(options.data, device=device, size=size, hours=options.hours, measure=options.trial, tell=tell)
    if options.json == "-":
        print(to_json(found), end="")
        return 0
    show(found, Console(markup=False, highlight=False))
    if options.json is not None:
        write_text(Path(options.json), to_json(found))
    return 0


def to_json(plan: "Plan") -> str:
    """The plan for other programs; the commands as lists of words and as lines for a shell."""
    from stylegans.config.codec import to_dict
    from stylegans.tools.plan import pasted

    lines = [pasted(words) for words in (plan.build, plan.train) if words]
    return json.dumps(to_dict(plan) | {"commands": lines}, indent=2, ensure_ascii=False) + "\n"


def show(plan: "Plan", console: "Console") -> None:
    """The plan in words, the commands each on a line of its own."""
    from stylegans.tools.plan import pasted

    facts, machine = plan.facts, plan.machine
    console.print(f"{facts.name}: {_pictures(plan)}", soft_wrap=True)
    memory = "" if machine.memory is None else f", {gigabytes(machine.memory)} of memory free"
    console.print(f"{machine.name}{memory}", soft_wrap=True)
    if facts.problems:
        console.print(f"not a training set yet: {'; '.join(facts.problems)}", soft_wrap=True)
    console.print(_sizes(plan))
    console.print(_choices(plan))
    for note in plan.notes:
        console.print(f"- {note}", soft_wrap=True)
    console.print()
    if plan.build:
        console.print("First make the training set:\n")
        console.print(f"  {pasted(plan.build)}\n", soft_wrap=True)
    console.print("Train:\n")
    console.print(f"  {pasted(plan.train)}", soft_wrap=True)


def _pictures(plan: "Plan") -> str:
    facts = plan.facts
    (height, width), count = facts.sizes[0]
    sizes = format_size((height, width))
    if len(facts.sizes) > 1:
        sizes = f"{len(facts.sizes)} sizes, {count:,} of {facts.looked_at:,} are {sizes}"
    mode = {1: "grey", 3: "RGB", 4: "RGBA"}.get(facts.channels, f"{facts.channels} channels")
    bits = "" if facts.depth == 8 else f" of {facts.depth} bits"
    labels = ""
    if facts.classes:
        counts = [count for _, count in facts.classes]
        where = "sub-folders that may be classes" if facts.are_folders else "classes"
        labels = f", {len(counts)} {where} of {min(counts):,} to {max(counts):,} pictures"
    elif facts.label_length:
        labels = f", labels of length {facts.label_length}"
    return f"{facts.pictures:,} pictures, {sizes}, {mode}{bits}{labels}"


def _sizes(plan: "Plan") -> "Table":
    """What each size would take."""
    from rich.box import SIMPLE
    from rich.table import Table

    from stylegans.cli.live import duration

    table = Table("", "size", "preset", "batch", "1,000 kimg", "reasonable after", "whole length", box=SIMPLE)
    computed = [row.measured_at for row in plan.sizes if row.measured_at not in (None, row.size)]
    if computed:
        others = ", ".join(dict.fromkeys(format_size(size) for size in computed if size is not None))
        table.caption = f"≈ computed from the time measured at {others}"
        table.caption_justify = "left"
    for row in plan.sizes:
        about = "" if row.measured_at == row.size else "≈ "
        hours = (row.hours(1000), row.hours(row.useful_kimg), row.hours(row.full_kimg))
        spent = ["not measured" if time is None else about + duration(time * 3600) for time in hours]
        mark = MARK if row.size == plan.config.generator.resolution else ""
        table.add_row(mark, format_size(row.size), row.preset, str(row.batch), *spent)
    return table


def _choices(plan: "Plan") -> "Table":
    """What was chosen, and why."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(show_header=False, box=SIMPLE)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in choices(plan):
        table.add_row(name, text)
    return table


def choices(plan: "Plan") -> Iterator[tuple[str, str]]:
    from stylegans.cli.live import duration

    config, training, trial = plan.config, plan.config.training, plan.trial
    yield "size", f"{format_size(config.generator.resolution)}, preset {config.preset}"
    seconds = plan.row.seconds_per_kimg
    length = f"{training.kimg:g} kimg"
    if seconds is None:
        yield "length", f"{length}, the preset's; hours are not known without a trial"
    else:
        limit = "the preset's" if training.kimg >= plan.row.full_kimg else f"what {plan.hours:g} h hold"
        if seconds * training.kimg > plan.hours * 3600 * 1.01:
            limit = f"{plan.hours:g} h are too little for more than a look"
        about = "about " if trial is None else ""
        yield "length", f"{length} ({limit}): {about}{duration(seconds * training.kimg)}"
    parts = f", in {training.accumulate} parts (--accumulate, the same result)" if training.accumulate > 1 else ""
    yield "batch", f"{training.batch}{parts}"
    if trial is not None and trial.memory is not None:
        how = "measured" if trial.is_memory_measured else f"computed from a batch of {trial.pictures}"
        yield "memory", f"{gigabytes(trial.memory)} at the peak, {how}"
    yield "gamma", _gamma(plan)
    yield "augmentation", _augmentation(plan)
    if getattr(config.discriminator, "c_dim", 0):
        yield "labels", "used: a conditional model (leave --labels out for one without)"
    if plan.transfer:
        yield "transfer", _transfer(plan)
    yield "disk", f"{gigabytes(plan.snapshot_bytes)} a snapshot, {gigabytes(plan.disk_bytes)} for the run"


def _gamma(plan: "Plan") -> str:
    gamma, rule = plan.config.training.r1_gamma, plan.gamma_rule
    why = "by the published rule, 0.0002 · pixels / batch"
    if abs(gamma / rule - 1) > 0.01:
        why = f"the preset's, found on short trainings; the published rule 0.0002 · pixels / batch says {rule:g}"
    return f"{gamma:g} ({why}); then try {', '.join(f'{value:g}' for value in plan.gammas_to_try)}"


def _augmentation(plan: "Plan") -> str:
    augment = plan.config.training.augment
    if augment.mode == "none":
        return f"none: {plan.facts.pictures:,} pictures are many"
    full_set = "" if augment.pipe == "bgc" else f", set {augment.pipe}: these pictures have no colours to change"
    times = "" if plan.row.seconds_per_kimg is None else "; the times include it"
    return f"adaptive (ada), at full strength in {augment.speed_kimg:g} kimg at the earliest{full_set}{times}"


def _transfer(plan: "Plan") -> str:
    family = plan.config.generator.family
    layers = " or ".join(map(str, plan.freeze_d))
    return (
        f"recommended, with only {plan.facts.pictures:,} pictures: add --from MODEL, a {family} model or run of yours, "
        f"of any size and channels. Diversity of what it was trained on matters more than likeness. A fifth of the "
        f"kimg is often enough. If it overfits, also --freeze-d {layers}"
    )


def gigabytes(count: int) -> str:
    """'3.4 GB', '375 MB' or '1.3 MB'."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GB"
    return f"{count / 2**20:.{0 if count >= 10 * 2**20 else 1}f} MB"
