"""``stylegans measure MODEL``: the papers' metrics, each number with its protocol beside it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from stylegans.cli.parse import parse
from stylegans.config import Precision
from stylegans.errors import RunFailed, UserError
from stylegans.metrics import recipes
from stylegans.metrics.recipes import Recipe

if TYPE_CHECKING:
    import torch
    from rich.console import Console
    from rich.progress import TaskID

    from stylegans.metrics.measurement import Measurement
    from stylegans.metrics.processes import Processes
    from stylegans.metrics.records import Subject
    from stylegans.metrics.suite import Step
    from stylegans.networks.protocol import Generator

PIPED_WIDTH = 160
"""Columns where there is no terminal to fit in."""

FEW = 5000
"""Below this a Fréchet distance's bias is large."""


ATTRIBUTES = "attributes.safetensors"
"""What separability's classifiers have learnt."""


@dataclass(frozen=True)
class Measure:
    """The papers' metrics of a model or of pictures, or of several side by side."""

    models: tyro.conf.Positional[tuple[str, ...]] = ()
    """.safetensors models or run directories (RUN@newest, RUN@best, RUN@000200 choose their snapshot); or folders or
    zips of pictures"""
    data: str | None = None
    """the set to compare with: a path or an embedded set's name; by default the one the run was trained on"""
    metrics: str = "fd_mobilenet"
    """which, separated by commas; --list shows them all"""
    compare: tuple[str, ...] | None = None
    """models to stand side by side, in a table and a plot"""
    features: tuple[Path, ...] = ()
    """files with the weights of networks that are not in the package: FID's Inception, VGG16, DINOv2"""
    num: int | None = None
    """generated pictures per metric, instead of its own number"""
    seed: int = 0
    """of latents, noise, labels and choices"""
    bootstrap: int = 0
    """compute an interval beside each number that compares features, from so many resamples; 100 are enough"""
    classifiers: Path | None = None
    """attribute classifiers for ls_mobilenet, kept from an earlier run; by default learnt from the labels of --data"""
    xflip: bool = False
    """compare fid50k, kid50k and pr50k3 with the mirrored pictures too, as in a training with them"""
    out: Path | None = None
    """folder for measurements.jsonl and figures; by default beside the model, of a comparison ./measurements"""
    batch: int | None = None
    """pictures at a time; by default what suits their size and the machine"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    precision: Precision = "float32"
    """of the convolutions: float32, bfloat16, float16 (on a GPU), or auto (bfloat16 where the machine is fast at it)"""
    compile: bool = False
    """compile the network first, which takes a minute or more: for long jobs"""
    list_: Annotated[bool, tyro.conf.arg(name="list")] = False
    """show every metric and what it is"""


def main(argv: list[str]) -> int:
    """``stylegans measure``."""
    options = parse(Measure, argv, prog="stylegans measure")
    if options.list_:
        return list_recipes()
    names = tuple(dict.fromkeys((*options.models, *(options.compare or ()))))
    wanted = tuple(one if options.num is None else one.with_num(options.num) for one in recipes.parse(options.metrics))
    check(options, names)

    from rich.console import Console

    from stylegans.metrics.processes import from_environment

    with from_environment() as processes:
        console = Console(markup=False, highlight=False, quiet=not processes.is_first)
        if not console.is_terminal:
            console.width = PIPED_WIDTH
        results = {name: measure(name, options, wanted, processes, console) for name in names}
        if processes.is_first and is_comparison(options, names):
            show_comparison(results, folder_of_comparison(options), console)
    return 0


def check(options: Measure, names: Sequence[str]) -> None:
    """
    Raises:
        UserError: an option makes no sense.
    """
    if not names:
        raise UserError("MODEL: name a model to measure: a .safetensors file or a run directory")
    if options.bootstrap == 1 or options.bootstrap < 0:
        raise UserError(f"--bootstrap: {options.bootstrap} resamples make no interval; 100 are enough, 0 computes none")
    if options.batch is not None and options.batch < 1:
        raise UserError(f"--batch: {options.batch} pictures at a time is too few; use 1 or more")
    if not 0 <= options.seed < 2**32:
        raise UserError(f"--seed: {options.seed} is not between 0 and {2**32 - 1}")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: {options.out} is a file; name a folder")


def is_comparison(options: Measure, names: Sequence[str]) -> bool:
    return options.compare is not None or len(names) > 1


def measure(
    name: str, options: Measure, wanted: Sequence[Recipe], processes: "Processes", console: "Console"
) -> list["Measurement"]:
    """One model by every recipe: shown, recorded, its figures written."""
    from stylegans.metrics import attributes
    from stylegans.metrics.features import mobilenet
    from stylegans.metrics.features.catalogue import Networks
    from stylegans.metrics.measurement import Measurement
    from stylegans.metrics.processes import local_device
    from stylegans.metrics.reals import RealFeatures
    from stylegans.metrics.suite import Suite
    from stylegans.runs import machine
    from stylegans.runs.compiling import compiled
    from stylegans.tools.measure import open_subject

    machine.tune_allocator()
    device = local_device(machine.choose_device(options.device))
    networks = Networks(options.features, device=device)
    separates = any(one.kind == "separability" for one in wanted) and options.classifiers is None
    opened = open_subject(name, data=options.data, labels=separates, xflip=options.xflip, device=device)
    subject, measured = opened.subject, opened.measured
    G = None if isinstance(measured, RealFeatures) else measured
    if G is not None:
        subject = replace(subject, precision=machine.compute_in(options.precision, G, device))
    judges = None
    if options.classifiers is not None:
        judges = attributes.load(options.classifiers, mobilenet.load(device=device))
    suite = Suite(
        opened.reals,
        networks,
        seed=options.seed,
        batch=options.batch,
        resamples=options.bootstrap,
        classifiers=judges,
        processes=processes,
    )
    suite.check(measured, wanted)
    found: dict[str, Measurement] = {}
    with ExitStack() as stack:
        if G is not None:
            first = first_batch(G, options.batch, device)
            stack.enter_context(compiled(G, first, wanted=options.compile, tell=console.print))
        for step in with_progress(suite.measure(measured, wanted), quiet=not processes.is_first):
            found[step.name] = step
    ordered = [found[one.name] for one in wanted if one.name in found]
    if processes.is_first:
        out = folder_of_comparison(options) if is_comparison(options, options.models) else options.out or opened.home
        show(name, ordered, subject, console)
        write(out, ordered, subject, stem=opened.name, console=console)
    return ordered


def first_batch(G: "Generator", batch: int | None, device: "torch.device") -> "Callable[[], object]":
    """What the warm-up of a compiled generator draws: a batch as those that are measured."""
    import torch

    from stylegans.metrics.sampling import batch_for, noise_mode
    from stylegans.ops.random import per_sample

    n = batch_for(G.img_resolution, device) if batch is None else batch + batch % 2

    @torch.no_grad()
    def first() -> object:
        c = torch.zeros(n, G.c_dim, device=device) if G.c_dim else None
        z = torch.zeros(n, G.z_dim, device=device)
        return G(z, c, noise=noise_mode(G), generator=per_sample(range(n), seed=0, device=device))

    return first


def with_progress(steps: "Iterable[Step]", *, quiet: bool) -> "Iterator[Measurement]":
    """The measurements, while a bar on stderr shows how far each part is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from stylegans.metrics.measurement import Measurement

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bars(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        for step in steps:
            if isinstance(step, Measurement):
                yield step
            else:
                if step.what not in tasks:
                    tasks[step.what] = bars.add_task(step.what, total=step.total)
                bars.update(tasks[step.what], completed=step.done)


def show(name: str, found: "Sequence[Measurement]", subject: "Subject", console: "Console") -> None:
    """A table of the numbers, and under it what was done."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    against = f" against {subject.data}" if subject.data else ""
    console.print(f"{name}{against}", soft_wrap=True)
    table = Table(box=SIMPLE_HEAD)
    table.add_column("metric", no_wrap=True)
    with_intervals = any(one.intervals for one in found)
    for heading in ("value", *["95 %"] * with_intervals, "real", "pictures"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        for key, value in one.values.items():
            interval = "{:.4g} … {:.4g}".format(*one.intervals[key]) if key in one.intervals else ""
            real = f"{one.real[key]:.4g}" if key in one.real else ""
            counts = f"{one.num_generated} / {one.num_real}" if one.num_real else str(one.num_generated)
            table.add_row(key, f"{value:.4g}", *[interval] * with_intervals, real, counts)
    console.print(table)
    for note in notes(found):
        console.print(note, soft_wrap=True)


def notes(found: "Sequence[Measurement]") -> list[str]:
    """What a reader of the numbers should know."""
    lines = list(dict.fromkeys(one.protocol for one in found))
    lines += [f"{one.name}: {one.definition} ({one.features})" for one in found]
    if any(one.num_real for one in found):
        lines.append("pictures: measured / real")
    if any(one.real for one in found):
        lines.append("real: what real pictures get, half of them against the other half, or among themselves")
    few = [one.name for one in found if one.num_generated < FEW and one.name.startswith(("fd_", "fid", "mix"))]
    if few:
        lines.append(
            f"{', '.join(few)}: of fewer than {FEW} pictures, so biased upwards; compare at equal numbers only"
        )
    for one in found:
        for doubt in ("no better than chance", "hardly vary"):
            named = one.details.get(doubt)
            if isinstance(named, list) and named:
                lines.append(f"{one.name}: {doubt}, by their classifiers: {', '.join(named)}")
    return lines


def write(out: Path, found: "Sequence[Measurement]", subject: "Subject", *, stem: str, console: "Console") -> None:
    """The records and the figures.

    Raises:
        RunFailed: they cannot be written; the numbers have been shown.
    """
    from stylegans.files.pictures import save_png
    from stylegans.metrics import records

    path = out / records.FILE
    try:
        for one in found:
            records.append(path, records.to_dict(one, subject))
            for name, picture in one.figures.items():
                save_png(out / f"{stem}-{name}.png", picture)
                console.print(f"wrote {out / f'{stem}-{name}.png'}")
            if one.learnt is not None:
                one.learnt.save(out / ATTRIBUTES)
                console.print(f"wrote {out / ATTRIBUTES}, for --classifiers")
    except OSError as error:
        raise RunFailed(f"--out: {out} cannot be written ({error.strerror or error}); the numbers are above") from error
    console.print(f"recorded in {path}")


def folder_of_comparison(options: Measure) -> Path:
    return options.out or Path("measurements")


def show_comparison(results: "Mapping[str, Sequence[Measurement]]", out: Path, console: "Console") -> None:
    """The models side by side, in a table and in ``compare.png``; the best of each row is marked."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from stylegans.tools.compare import plot, rows, short_names

    console.print("side by side (* best)")
    table = Table(box=SIMPLE_HEAD)
    table.add_column("metric", no_wrap=True)
    for name in short_names(list(results)):
        table.add_column(name, justify="right")
    table.add_column("real", justify="right")
    for row in rows(results):
        values = [f"{value:.4g}{' *' if place == row.best else '  '}" for place, value in enumerate(row.values)]
        table.add_row(row.name, *values, "" if row.real is None else f"{row.real:.4g}")
    console.print(table)
    plot(out / "compare.png", results)
    console.print(f"wrote {out / 'compare.png'}")


def list_recipes() -> int:
    """Every metric by name."""
    width = max(map(len, recipes.RECIPES))
    for one in recipes.RECIPES.values():
        offline = "" if one.is_offline else f" [needs {recipes.TITLES[one.network]}]"
        print(f"{one.name:{width}}  {one.num:>6}  {one.paper}{offline}")
    return 0
