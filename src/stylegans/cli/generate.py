"""``stylegans generate MODEL``: pictures from seeds, a few or hundreds of thousands."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from stylegans.cli.continued import Count, continued, counted, with_progress
from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.start import importing
from stylegans.config import Precision
from stylegans.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from stylegans.metrics.processes import Processes
    from stylegans.networks.protocol import Generator
    from stylegans.tools.bulk import Request
    from stylegans.tools.layouts import Layout

    Batches = Iterable[tuple[tuple[int, ...], Tensor]]


@dataclass(frozen=True)
class Generate:
    """Pictures from seeds. A command that was interrupted is continued by the same command."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    seeds: str
    """which pictures: numbers and ranges, like 0-15,20,3"""
    out: Path
    """the folder to write to; or a .zip, uncompressed, in the layout of --format dataset"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    truncation_layers: int | None = None
    """truncate only the first so many layers"""
    noise: Literal["const", "random", "none"] = "const"
    """the noise inputs: the stored maps, drawn by seed, or none"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    format: Literal["png", "dataset", "shards", "grid", "npz"] = "png"
    """a file per picture (.npy where a PNG cannot hold the channels); for very many dataset, in folders of a thousand
    with the labels, or shards, WebDataset's tars; all in grid.png; or images.npz with the numbers before rounding, to
    be rounded to 16 bits for one"""
    shard_size: int = 1000
    """pictures in a shard"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    precision: Precision = "float32"
    """of the convolutions: float32, bfloat16, float16 (on a GPU), or auto (bfloat16 where the machine is fast at it)"""
    compile: bool = False
    """compile the network first, which takes a minute or more: for long jobs"""
    batch: int | None = None
    """pictures at a time; by default what suits their size and the machine"""
    workers: int = 1
    """processes that draw, for small pictures on a CPU with many cores; across GPUs use torchrun"""


def main(argv: list[str]) -> int:
    """``stylegans generate``."""
    options = parse(Generate, argv, prog="stylegans generate")
    check(options)

    with importing():
        from stylegans import models
        from stylegans.metrics.processes import from_environment, local_device
        from stylegans.metrics.sampling import batch_for
        from stylegans.runs import machine
        from stylegans.runs.compiling import compiled
        from stylegans.tools.bulk import Request, batches_of
        from stylegans.tools.generate import class_report, parse_seeds

    seeds = tuple(dict.fromkeys(parse_seeds(options.seeds)))
    machine.tune_allocator()
    with from_environment() as processes:
        if processes.count > 1 and options.workers > 1:
            raise UserError("--workers: torchrun has started several processes already; leave it out")
        device = local_device(machine.choose_device(options.device))
        G = models.load(options.model, device=device)
        precision = machine.compute_in(options.precision, G, device)
        request = Request(
            seeds=seeds,
            batch=batch_for(G.img_resolution, device) if options.batch is None else options.batch,
            truncation=options.truncation,
            truncation_layers=options.truncation_layers,
            noise=options.noise,
            label=label_of(G, options.model, options.label),
        )
        report = class_report(G, seeds, request.label)
        if options.format not in WHOLE:
            return write_files(G, request, options, processes, report, precision)
        if processes.is_first:
            batches = batches_of(G, request, request.seeds)
            if report:
                print(report)
            with compiled(G, first_batch(G, request), wanted=options.compile, tell=print):
                print(WHOLE[options.format](options.out, batches))
        return 0


def check(options: Generate) -> None:
    """
    Raises:
        UserError: options that do not go together, or make no sense.
    """
    is_zip = options.out.suffix.lower() == ".zip"
    if is_zip and options.format not in ("png", "dataset"):
        raise UserError(f"--format: {options.format} goes to a folder, not to {options.out.name}")
    if is_zip and options.out.is_dir():
        raise UserError(f"--out: {options.out} is a folder; name a file that is not there yet")
    if not is_zip and options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: {options.out} is a file; name a folder, or a file that ends in .zip")
    if options.shard_size < 1:
        raise UserError(f"--shard-size: {options.shard_size} pictures are too few; 1000 is usual")
    if options.workers < 1:
        raise UserError(f"--workers: {options.workers} is too few; use 1 or more")
    if options.workers > 1 and options.compile:
        raise UserError("--compile: each of the --workers would compile; leave out one of the two")
    if options.workers > 1 and options.format in ("grid", "npz"):
        raise UserError(f"--workers: {options.format} is made by one process; leave it out")


def write_files(
    G: "Generator",
    request: "Request",
    options: Generate,
    processes: "Processes",
    report: str | None,
    precision: Precision,
) -> int:
    """Files that appear one after the other, and are continued where they were stopped."""
    from stylegans.networks.protocol import device_of
    from stylegans.runs.compiling import compiled
    from stylegans.tools import bulk
    from stylegans.tools.workers import Order, by_many, by_one, by_workers, shared

    bulk.check(G, request)
    layout = layout_of(G, request, options)
    todo = bulk.jobs(len(request.seeds), batch=request.batch, job_size=layout.job_size)
    stated = statement(options, request, layout, device_of(G).type, precision)
    count, quiet = Count(len(request.seeds), "picture"), not processes.is_first
    if processes.agree(processes.is_first and bulk.is_complete(layout, stated, todo)):
        if processes.is_first:
            print(f"{options.out} is complete: {counted(count.total)}, made by the same command")
        return 0
    if report and processes.is_first:
        print(report)
    with continued(options.out, count, quiet=quiet), shared(bulk.work_folder(layout), stated, processes) as work:
        order, before, started = Order(request, layout, work, todo), bulk.progress(work, todo), time.monotonic()
        count.done = before
        if before and processes.is_first:
            print(f"continuing after {count}", flush=True)
        if options.workers > 1:
            steps = by_workers(
                order, model=options.model, device=str(device_of(G)), precision=precision, workers=options.workers
            )
        else:
            steps = by_one(G, order) if processes.count == 1 else by_many(G, order, processes)
        tell = print if processes.is_first else lambda line: None
        with compiled(G, first_batch(G, request), wanted=options.compile, tell=tell):
            with_progress(steps, count, quiet=quiet)
        seconds = time.monotonic() - started
        if processes.is_first:
            layout.finish(work, todo, json.dumps(stated, indent=1))
            work.finish()
            print(summary(layout, before, seconds))
    return 0


def first_batch(G: "Generator", request: "Request") -> "Callable[[], object]":
    """What the warm-up of a compiled generator draws: a batch as those that follow."""
    from stylegans.tools.bulk import batches_of

    return lambda: next(iter(batches_of(G, request, request.seeds[: request.batch])))


def layout_of(G: "Generator", request: "Request", options: Generate) -> "Layout":
    """Where ``--out`` and ``--format`` put the pictures."""
    from stylegans.tools import layouts
    from stylegans.tools.bulk import catalogue_of

    catalogue = catalogue_of(G, request)
    if options.out.suffix.lower() == ".zip":
        return layouts.DatasetZip(options.out, catalogue)
    if options.format == "shards":
        return layouts.Shards(options.out, catalogue, options.shard_size)
    return {"png": layouts.Loose, "dataset": layouts.DatasetFolder}[options.format](options.out, catalogue)


def statement(
    options: Generate, request: "Request", layout: "Layout", device: str, precision: Precision
) -> dict[str, object]:
    """All that the files depend on."""
    from stylegans import models
    from stylegans.metrics.features.catalogue import sha256_of

    stated: dict[str, object] = {"MODEL (SHA-256)": sha256_of(models.find(options.model)), "--format": layout.kind}
    if options.format == "shards":
        stated["--shard-size"] = options.shard_size
    return stated | request.as_options() | {"--device": device, "--precision": precision, "--compile": options.compile}


def summary(layout: "Layout", before: int, seconds: float) -> str:
    """What was written where, how fast, and what was there already."""
    total = len(layout.catalogue.seeds)
    drawn = total - before
    speed = f", {drawn / seconds:.3g} a second" if drawn >= MANY else ""
    continued = f" ({before} of them before)" if before else ""
    return f"wrote {counted(total)} to {layout.target}{continued}{speed}: {layout.outline()}"


def write_grid(out: Path, batches: "Batches") -> str:
    """All pictures in ``grid.png``, in the squarest grid; of other channels than a PNG holds, what can be shown."""
    import numpy as np

    from stylegans.files.pictures import save_png, tile, to_uint8, visible

    pictures = np.concatenate([to_uint8(images) for _, images in batches])
    shown = visible(pictures)
    save_png(out / "grid.png", tile(shown))
    part = f", of {pictures.shape[-1]} channels the first {shown.shape[-1]}" * (shown.shape != pictures.shape)
    return f"wrote {out / 'grid.png'}: {len(pictures)} pictures{part}"


def write_npz(out: Path, batches: "Batches") -> str:
    """``images.npz``: images float32 [N, C, H, W] before rounding, seeds int64 [N]."""
    import numpy as np

    from stylegans.files.atomic import atomic_file

    drawn = list(batches)
    images = np.concatenate([images.cpu().numpy() for _, images in drawn])
    seeds = np.array([seed for some, _ in drawn for seed in some], dtype=np.int64)
    with atomic_file(out / "images.npz") as temporary:
        np.savez(temporary, images=images, seeds=seeds)
    return f"wrote {out / 'images.npz'}: images float32 {list(images.shape)}, seeds"


WHOLE = {"grid": write_grid, "npz": write_npz}
"""Formats that are one file with all pictures, which must fit in memory."""

MANY = 100
"""Pictures from which on their speed says something."""
