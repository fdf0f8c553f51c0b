"""How many pictures a second reach a training, and does it wait for them?

    python benchmarks/loading.py --machine NAME [--rounds 3] [--seconds 1]

Zips of PNG files and folders of JPEG files at 32², 256² and 1024², made here of smooth noise. Ours: the first pass over
a set, in which every picture is decoded, and later ones, with 0, 1 and 2 workers. Beside it what is usually written: a
``torch.utils.data.DataLoader`` over PIL that decodes every picture in every pass, with as many workers. The two take
turns. Then a small network is trained on this machine's CPU, with pictures that are still to be decoded: does it wait,
and do workers help?

Writes ``results/loading/NAME.json`` and a page of it, ``NAME.md``.
"""

import argparse
import io
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from stylegans.config import Run
from stylegans.config.adjust import with_size
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.data.limits import cores
from stylegans.data.pipeline import batches
from stylegans.files.atomic import write_text
from stylegans.presets import get
from stylegans.runs.loading import Loading
from stylegans.training.loop import train
from stylegans.training.setup import start

RESULTS = Path(__file__).parent / "results" / "loading"

SETS = {32: (2000, 32), 256: (160, 16), 1024: (16, 4)}
"""Side → pictures, and pictures per batch."""

FORMATS = ("zip of PNG", "folder of JPEG")
WORKERS = (0, 1, 2)
COLUMNS = ("ours, first pass", "ours, later", "plain, first pass", "plain, later")


# --- the pictures ---------------------------------------------------------------------------------------------------


def picture(side: int, seed: int) -> Image.Image:
    """Noise of every scale, the finer the weaker, as in photographs."""
    random, total = np.random.default_rng(seed), np.zeros((side, side, 3))
    for scale in (2**k for k in range(2, side.bit_length())):
        noise = random.normal(0, 128, (scale, scale, 3)).clip(-127, 127) + 128
        smooth = Image.fromarray(noise.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
        total += (np.asarray(smooth, dtype=np.float64) - 128) * (2 / scale)
    return Image.fromarray((total + 128).clip(0, 255).astype(np.uint8))


def make(folder: Path, kind: str, side: int) -> Path:
    """A set of one kind and size in a folder."""
    path = folder / f"{side}-{kind.rpartition(' ')[2].lower()}"
    with tempfile.TemporaryDirectory() as loose:
        for number in range(SETS[side][0]):
            name = Path(loose) / f"{number:05d}.{'png' if 'PNG' in kind else 'jpg'}"
            picture(side, number).save(name, quality=90)
        if "folder" in kind:
            path.mkdir()
            for file in sorted(Path(loose).iterdir()):
                (path / file.name).write_bytes(file.read_bytes())
            return path
        path = path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(Path(loose).iterdir()):
                archive.write(file, file.name)
    return path


# --- what is usually written ----------------------------------------------------------------------------------------


class Plain(Dataset[torch.Tensor]):
    """PIL, and nothing kept."""

    def __init__(self, path: Path) -> None:
        self.path, self.archive = path, None
        if path.is_dir():
            self.names = sorted(file.name for file in path.iterdir())
        else:
            with zipfile.ZipFile(path) as archive:
                self.names = archive.namelist()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.path.is_dir():
            content = (self.path / self.names[index]).read_bytes()
        else:
            self.archive = self.archive or zipfile.ZipFile(self.path)
            content = self.archive.read(self.names[index])
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def plain_batches(path: Path, *, batch: int, workers: int) -> Iterator[torch.Tensor]:
    loader = DataLoader(
        Plain(path), batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    while True:
        yield from loader


# --- pictures a second ----------------------------------------------------------------------------------------------


def rates(stream: Iterator[Any], *, batch: int, a_pass: int, seconds: float) -> tuple[float, float]:
    """Pictures a second of the first pass, and of what follows for so many seconds, a pass at least."""
    began = time.perf_counter()
    for _ in range(a_pass // batch):
        next(stream)
    first = time.perf_counter()
    given = 0
    while given < a_pass or time.perf_counter() - first < seconds:
        next(stream)
        given += batch
    return a_pass // batch * batch / (first - began), given / (time.perf_counter() - first)


def measured(path: Path, side: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """By number of workers: pictures a second, medians over the rounds."""
    a_pass, batch = SETS[side]
    found: dict[str, dict[str, list[float]]] = {}
    for _, workers in itertools.product(range(options.rounds), WORKERS):
        mine = found.setdefault(str(workers), {name: [] for name in COLUMNS})
        ours = batches(open_dataset(path), batch=batch, seed=0, position=0, workers=workers)
        found_here = rates(ours, batch=batch, a_pass=a_pass, seconds=options.seconds)
        ours.close()
        plain = plain_batches(path, batch=batch, workers=workers)
        found_here += rates(plain, batch=batch, a_pass=a_pass, seconds=options.seconds)
        for name, rate in zip(COLUMNS, found_here, strict=True):
            mine[name].append(rate)
    return {workers: {name: statistics.median(all_) for name, all_ in one.items()} for workers, one in found.items()}


# --- a training on a CPU --------------------------------------------------------------------------------------------


def trained(run: Run, data: ImageDataset, *, workers: int, steps: int) -> dict[str, float]:
    """Seconds per thousand pictures, and how much of them is waiting, while every picture is still to be decoded."""
    state, phases = start(run, device=torch.device("cpu"))
    stream = batches(data, batch=run.training.batch, seed=0, position=0, workers=workers)
    loading = Loading(stream, a_pass=len(data), device=state.device)
    training = train(state, loading, phases)
    next(training)
    loading.share(1)
    began, before = time.perf_counter(), state.images
    for _ in range(steps):
        next(training)
    seconds = time.perf_counter() - began
    stream.close()
    return {"sec_per_kimg": seconds / (state.images - before) * 1000, "waiting": loading.share(seconds)}


def trainings(path: Path, side: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    run = with_size(get("small-32"), (side, side))
    run = replace(run, training=replace(run.training, batch=8, precision="float32"))
    found: dict[str, list[dict[str, float]]] = {}
    for _, workers in itertools.product(range(options.rounds), WORKERS):
        data = open_dataset(path, size=(side, side))
        found.setdefault(str(workers), []).append(trained(run, data, workers=workers, steps=16))
    return {
        workers: {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        for workers, rounds in found.items()
    }


# --- the results ----------------------------------------------------------------------------------------------------


def page(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"# {machine['name']}",
        "",
        f"{machine['processor']}, {machine['cores']} cores (load {machine['load'][0]:.1f} before, "
        f"{machine['load'][1]:.1f} after), PyTorch {machine['torch']}. Made by `benchmarks/loading.py`.",
        "",
        "Pictures a second, medians of rounds in turns; in brackets ours over the plain loader of as many workers. The",
        "first pass is from the start of the workers on.",
        "",
        f"| set | workers | {' | '.join(COLUMNS[2:] + COLUMNS[:2])} |",
        "|---|---|---|---|---|---|",
    ]
    for name, case in results["sets"].items():
        for workers, found in case.items():
            ratios = (found[one] / found[other] for one, other in zip(COLUMNS[:2], COLUMNS[2:], strict=True))
            cells = [f"{found[one]:,.0f}" for one in COLUMNS[2:]]
            cells += [f"{found[one]:,.0f} ({ratio:.2f})" for one, ratio in zip(COLUMNS, ratios, strict=False)]
            lines.append(f"| {name} | {workers} | {' | '.join(cells)} |")
    lines += [
        "",
        f"A training on the CPU (`small-32`, batch 8, {machine['threads']} threads), in its first pass over the set:",
        "",
        "| set | workers | seconds per kimg | waiting for pictures |",
        "|---|---|---|---|",
    ]
    for name, case in results["training"].items():
        for workers, found in case.items():
            lines.append(f"| {name} | {workers} | {found['sec_per_kimg']:.1f} | {found['waiting']:.1%} |")
    return "\n".join(lines) + "\n"


def machine_of(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "name": options.machine,
        "processor": processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "load": [os.getloadavg()[0]] * 2,
    }


def processor() -> str:
    if Path("/proc/cpuinfo").exists():
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        return models[0].split(":", 1)[1].strip() if models else platform.processor()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine_of(options), "sets": {}, "training": {}}
    with tempfile.TemporaryDirectory() as folder:
        for side, kind in itertools.product(SETS, FORMATS):
            path = make(Path(folder), kind, side)
            results["sets"][f"{side}², {kind}"] = measured(path, side, options)
            save(results)
        for name, path, side in (
            ("32², zip of PNG", Path(folder) / "32-png.zip", 32),
            ("64² of 256², folder of JPEG", Path(folder) / "256-jpeg", 64),
        ):
            results["training"][name] = trainings(path, side, options)
            save(results)
    print(page(results))


def save(results: dict[str, Any]) -> None:
    results["machine"]["load"][1] = os.getloadavg()[0]
    name = results["machine"]["name"]
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(RESULTS / f"{name}.json", json.dumps(rounded(results), indent=1) + "\n")
    write_text(RESULTS / f"{name}.md", page(results))


def rounded(value: Any) -> Any:
    """Numbers of four digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
