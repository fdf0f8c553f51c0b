"""The quick start: a small model trained for a few minutes on embedded pictures, and what it has learned.

Everything lands in one run directory: the run itself, and beside it pictures to look at and ``report.json``.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylegans import checkpoint
from stylegans.config import Optimizer, Run
from stylegans.config.adjust import with_base
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.data.pipeline import batches
from stylegans.files import pictures
from stylegans.files.atomic import atomic_file, write_text
from stylegans.files.log import read_log
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.models import load
from stylegans.networks.protocol import Generator
from stylegans.presets import get
from stylegans.runs import machine, report
from stylegans.runs.folder import RunFolder
from stylegans.runs.run import Event, Finished, Saved, Started, run
from stylegans.tools.generate import generate
from stylegans.tools.layers import groups_of, parse_layers
from stylegans.tools.mix import mix_grid
from stylegans.tools.video import write_video
from stylegans.tools.walk import walk
from stylegans.training.loop import train as train_steps
from stylegans.training.setup import start

DATA = "emoji-people"

BASE = (8, 8)
"""The grid the demo starts from: from 4×4, or 16×16, a few minutes lead far less far (docs/log.md)."""

SPRINT: dict[str, Any] = {"g_optimizer": Optimizer(lr=0.012), "d_optimizer": Optimizer(lr=0.009), "r1_gamma": 4.0}
"""Learning rates for a training of minutes that ends with them at 0, and the stronger R1 that holds them."""

MARGIN = 0.93
"""The share of the time that is planned for; a machine that slows down more is stopped by the clock."""

STEADY = 0.4
"""The share of the training before the learning rates begin to fall."""

MEASURED = 1000
"""Generated pictures in a Fréchet distance."""


@dataclass(frozen=True)
class Demo:
    """What the demo does on this machine."""

    config: Run
    data: ImageDataset
    minutes: float


def prepare(device: torch.device, out: Path, *, minutes: float, seed: int) -> Demo:
    """People at 32² on a CPU; at 64² and with more updates where a GPU is there.

    The length is what this machine is found to train in the time, since the learning rates must fall to 0 at its end;
    a demo that continues keeps the length it had.
    """
    on_gpu = device.type == "cuda"
    config = with_base(get("small-64" if on_gpu else "small-32"), BASE)
    sprint: dict[str, Any] = {} if on_gpu else SPRINT
    data = open_dataset(DATA, size=config.generator.resolution, xflip=True)
    config = replace(
        config,
        data=replace(config.data, path=DATA, xflip=True),
        training=replace(config.training, seed=seed, **sprint),
        guard=replace(config.guard, on_collapse="off"),  # its time is short, and it measures itself at the end
        outputs=replace(config.outputs, device=str(device), snapshot_kimg=5, checkpoint_kimg=5, tick_kimg=0.5),
    )
    old = RunFolder(out).read_config()
    kimg = old.training.kimg if old else images_per_second(config, data, device) * minutes * 60 * MARGIN / 1000
    training = replace(config.training, kimg=kimg, anneal_from_kimg=kimg * STEADY, anneal_to_kimg=kimg)
    return Demo(config=replace(config, training=training), data=data, minutes=minutes)


def images_per_second(config: Run, data: ImageDataset, device: torch.device, *, seconds: float = 5.0) -> float:
    """How fast this machine trains, by trying."""
    precision = machine.choose_precision(config, device)
    config = replace(config, training=replace(config.training, precision=precision))
    state, phases = start(config, device=device)
    batch = config.training.batch
    steps = train_steps(state, batches(data, batch=batch, seed=0, position=0), phases)
    for _ in itertools.islice(steps, 8):  # the first ones are slow
        pass
    began, before = time.monotonic(), state.images
    while time.monotonic() - began < seconds:
        next(steps)
    return (state.images - before) / (time.monotonic() - began)


class Alarm:
    """Rings from so many seconds on; never, until it is set."""

    def __init__(self) -> None:
        self._at = float("inf")

    def set(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def rings(self) -> bool:
        return time.monotonic() >= self._at


def train(demo: Demo, out: Path, *, stop: Callable[[], bool]) -> Iterator[Event]:
    """Train to the planned length, or until the minutes of all calls are over; nothing once a report is there."""
    if (out / REPORT).exists():
        return
    alarm = Alarm()
    for event in run(demo.config, demo.data, out, stop=lambda: stop() or alarm.rings()):
        if isinstance(event, Started):
            alarm.set(demo.minutes * 60 - event.seconds)
        if isinstance(event, Finished) and not stop():
            event = replace(event, reason="done")
        yield event


REPORT = "report.json"


def show(demo: Demo, out: Path) -> Iterator[Saved]:
    """Draw what the model in ``out`` has learned, and measure it."""
    generator: Generator = load(f"{out}@newest", device=demo.config.outputs.device)
    draw: dict[str, Callable[[Path], None]] = {
        "progress.png": lambda path: draw_progress(demo, out, path),
        "samples.png": lambda path: draw_samples(generator, path, truncation=1.0),
        "samples-truncated.png": lambda path: draw_samples(generator, path, truncation=0.7),
        "style-mixing.png": lambda path: draw_mixing(generator, path),
        "walk.gif": lambda path: draw_walk(generator, path),
        "curves.png": lambda path: report.draw_curves(read_log(RunFolder(out).log), path),
        REPORT: lambda path: write_report(demo, generator, out, path),
    }
    for name, function in draw.items():
        function(out / name)
        yield Saved("report" if name == REPORT else "figure", out / name)


def draw_samples(generator: Generator, path: Path, *, truncation: float, side: int = 8) -> None:
    """The pictures of seeds 0, 1, 2, …, none left out."""
    grid = pictures.tile(drawn(generator, range(side * side), truncation=truncation), columns=side)
    pictures.save_png(path, magnified(grid, generator, cell=96))


def draw_mixing(generator: Generator, path: Path) -> None:
    """Shape from the row's source, colours from the column's."""
    layers = parse_layers("middle", generator.num_ws, groups=groups_of(generator))
    grid = mix_grid(generator, range(100, 105), range(200, 208), layers=layers, truncation=0.7)
    pictures.save_png(path, magnified(grid, generator, cell=96))


def draw_walk(generator: Generator, path: Path) -> None:
    """A loop through seven pictures."""
    frames = walk(generator, range(7), space="w", frames=20, truncation=0.7)
    write_video(path, (magnified(frame, generator, cell=256) for frame in frames), fps=20)


def draw_progress(demo: Demo, out: Path, path: Path, *, most_rows: int = 8) -> None:
    """The same latents over time, a row for each moment; the last row is of real pictures."""
    import matplotlib.figure

    samples = sorted(RunFolder(out).samples.glob("[0-9]*.png"), key=lambda file: file.stem)
    chosen = sorted({round(i) for i in np.linspace(0, len(samples) - 1, most_rows)})
    height = demo.config.generator.resolution[0]
    rows = [(f"{float(samples[i].stem):g} kimg", read_row(samples[i], height)) for i in chosen]
    rows.append(("real", read_row(RunFolder(out).samples / "reals.png", height)))
    figure = matplotlib.figure.Figure(figsize=(11, 0.98 * len(rows)), layout="constrained")
    for number, (title, row) in enumerate(rows):
        axes = figure.add_subplot(len(rows), 1, number + 1)
        axes.imshow(row, interpolation="nearest", aspect="equal")
        axes.set_ylabel(title, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def read_row(path: Path, height: int) -> np.ndarray:
    """The first row of a sample grid."""
    with Image.open(path) as grid:
        return np.asarray(grid.convert("RGB"))[:height]


def write_report(demo: Demo, generator: Generator, out: Path, path: Path) -> None:
    """The Fréchet distance before and after, and what it took."""
    before, after = measure(demo, generator)
    newest = checkpoint.newest(RunFolder(out).checkpoints)
    images, seconds = (0, 0.0) if newest is None else checkpoint.progress(newest)
    facts = {
        "fd_mobilenet": {
            "untrained": round(before.value, 2),
            "trained": round(after.value, 2),
            "real_against_real": None if after.floor is None else round(after.floor, 2),
            "num_generated": after.num_generated,
            "num_real": after.num_real,
            "features": after.features,
            "seed": after.seed,
        },
        "data": DATA,
        "resolution": list(demo.config.generator.resolution),
        "kimg": images / 1000,
        "training_seconds": round(seconds, 1),
        "images_per_second": round(images / max(seconds, 1e-9), 1),
        "device": demo.config.outputs.device,
        "precision": asdict(RunFolder(out).read_config() or demo.config)["training"]["precision"],
        "generator_parameters": sum(p.numel() for p in generator.parameters()),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    write_text(path, json.dumps(facts, indent=2) + "\n")


def measure(demo: Demo, generator: Generator) -> tuple[Measurement, Measurement]:
    """fd_mobilenet of the untrained generator and of this one, against the same real pictures."""
    config = replace(demo.config, training=replace(demo.config.training, precision="float32"))  # like any loaded model
    state, _ = start(config, device=torch.device(config.outputs.device))
    reals = RealFeatures(demo.data)
    return fd_mobilenet(state.generator_ema, reals, num=MEASURED), fd_mobilenet(generator, reals, num=MEASURED)


def drawn(generator: Generator, seeds: range, *, truncation: float) -> np.ndarray:
    """The seeds' pictures, uint8 [N, H, W, C]."""
    parts = generate(generator, seeds, truncation=truncation)
    return np.concatenate([pictures.to_uint8(images) for _, images in parts])


def magnified(picture: np.ndarray, generator: Generator, *, cell: int) -> np.ndarray:
    """Small pictures enlarged by a whole factor until each is about ``cell`` pixels high."""
    return pictures.enlarge(picture, max(1, round(cell / generator.img_resolution[0])))
