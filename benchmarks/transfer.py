"""Does a training that starts from another model start better? To twice the size and to grey, against from scratch.

    python benchmarks/transfer.py [--kimg 20] [--size 16] [--out runs/transfer] [--results benchmarks/results/transfer]

One source is trained in colour at ``--size`` for ``--kimg``. Then four short trainings of a quarter of that: at twice
the size and in grey at the same size, each from the source and from scratch. They differ in what ``for_transfer`` sets
too, and the images of the source's own training are not counted.

Left in ``--results``: the Fréchet distances at the start and over time, with the table of what was copied
(transfer.json), and pictures of the same latents at the start and at the end (ARM-start.png, ARM-end.png).
Interrupted, the same command continues.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from stylegans.config import Run
from stylegans.config.adjust import for_transfer, with_channels, with_size, with_width
from stylegans.config.sizes import Size
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files.atomic import write_text
from stylegans.files.model_file import snapshots
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.models import load
from stylegans.presets import delta, get
from stylegans.runs.initial import start_from
from stylegans.runs.machine import choose_device, tune_allocator
from stylegans.runs.run import run
from stylegans.training.setup import start

METRIC = "fd_mobilenet"

EXCERPT = 256
"""Height of the pictures that are kept."""


def short(data: ImageDataset, *, kimg: float, device: str, path: str) -> Run:
    """The preset tiny on these pictures, wider where they are larger; a snapshot at every quarter."""
    config = with_channels(with_size(get("tiny"), data.resolution), data.channels)
    config = with_width(config, channel_base=32 * data.resolution[0], channel_max=64)
    config = delta.training(config, kimg=kimg, pl_weight=0, style_mixing=0, ema_kimg=1.0, r1_gamma=1.0)
    every = kimg / 4
    outputs = replace(config.outputs, device=device, tick_kimg=every, snapshot_kimg=every, checkpoint_kimg=every)
    guard = replace(config.guard, on_collapse="off")
    return replace(config, outputs=outputs, guard=guard, data=replace(config.data, path=path, xflip=True))


def grey_copy(data: ImageDataset, folder: Path) -> Path:
    """The set's pictures as grey PNGs, once."""
    done = folder / "done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(len(data)):
            Image.fromarray(data.image(i).transpose(1, 2, 0)).convert("L").save(folder / f"{i:05d}.png")
        done.touch()
    return folder


def train(config: Run, data: ImageDataset, folder: Path) -> list[Path]:
    """The run's snapshots."""
    for _ in run(config, data, folder):
        pass
    return snapshots(folder)


def distance(generator: Any, reals: RealFeatures, *, images: int) -> float:
    return round(fd_mobilenet(generator, reals, num=images).value, 1)


def untrained(config: Run) -> tuple[Any, list[dict[str, Any]]]:
    """The generator before the first batch, and what became of the source's weights."""
    state, _ = start(config, device=choose_device(config.outputs.device))
    rows = [asdict(row) for row in start_from(config.start_from, state).rows] if config.start_from else []
    return state.generator_ema, rows


def compare(arm: str, data: ImageDataset, *, source: Path, kimg: float, options: argparse.Namespace, path: str) -> Any:
    """The same training from the source and from scratch."""
    facts: dict[str, Any] = {}
    reals = RealFeatures(data)
    for kind, model in (("transfer", f"{source}@newest"), ("scratch", "")):
        config = short(data, kimg=kimg, device=options.device, path=path)
        config = for_transfer(replace(config, start_from=model)) if model else config
        generator, rows = untrained(config)
        curve = [{"kimg": 0.0, METRIC: distance(generator, reals, images=options.images)}]
        folder = options.out / f"{arm}-{kind}"
        every = train(config, data, folder)
        for i in range(options.points):
            file = every[(i + 1) * len(every) // options.points - 1]
            value = distance(load(file, device=config.outputs.device), reals, images=options.images)
            curve.append({"kimg": float(file.stem), METRIC: value})
        samples = sorted(file for file in (folder / "samples").glob("*.png") if file.stem != "reals")
        excerpt(samples[0], options.results / f"{arm}-{kind}-start.png")
        excerpt(samples[-1], options.results / f"{arm}-{kind}-end.png")
        facts[kind] = {"curve": curve} | ({"table": rows} if rows else {})
        print(arm, kind, " ".join(f"{point[METRIC]:g}" for point in curve), flush=True)
    return facts


def excerpt(samples: Path, file: Path) -> None:
    """The first rows of a grid of samples."""
    with Image.open(samples) as grid:
        grid.crop((0, 0, grid.width, min(grid.height, EXCERPT))).save(file, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=20.0, help="length of the source's training")
    parser.add_argument("--size", type=int, default=16, help="of the source's pictures")
    parser.add_argument("--data", default="emoji-people", help="a set of colour pictures of twice the size or more")
    parser.add_argument("--images", type=int, default=1000, help="generated pictures per measurement")
    parser.add_argument("--points", type=int, default=4, choices=(1, 2, 4), help="measurements of each training")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results/transfer")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    options.results.mkdir(parents=True, exist_ok=True)
    small: Size = (options.size, options.size)
    large: Size = (2 * options.size, 2 * options.size)
    colour = open_dataset(options.data, size=small, xflip=True)
    source = options.out / "source"
    train(short(colour, kimg=options.kimg, device=options.device, path=options.data), colour, source)
    grey = grey_copy(open_dataset(options.data, size=small), options.out / "grey")
    arms = {
        "larger": (open_dataset(options.data, size=large, xflip=True), options.data),
        "grey": (open_dataset(grey, xflip=True), str(grey.resolve())),
    }
    facts: dict[str, Any] = {"data": options.data, "size": options.size, "kimg": options.kimg, "images": options.images}
    for arm, (data, path) in arms.items():
        facts[arm] = compare(arm, data, source=source, kimg=options.kimg / 4, options=options, path=path)
    write_text(options.results / "transfer.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
