"""Do the papers' networks learn? One short training each, at 32² on the embedded people, from DCGAN to StyleGAN2.

    python benchmarks/lineage.py [PRESET ...] [--out runs/lineage] [--results benchmarks/results/lineage]

Each preset is made narrow and its schedule short (``SHORT``), trains in one thread with seed 0, and leaves in
``--results`` its Fréchet distances over time (PRESET.json) and the pictures of seeds 0 to 63 at the end (PRESET.png).
Interrupted, the same command continues.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from stylegans.config import Run
from stylegans.config.adjust import with_batch, with_growth, with_lr, with_size, with_width
from stylegans.data.images import open_dataset
from stylegans.files.atomic import write_text
from stylegans.files.log import read_log
from stylegans.models import load
from stylegans.presets import delta, get
from stylegans.runs.folder import RunFolder
from stylegans.runs.machine import tune_allocator
from stylegans.runs.run import run
from stylegans.tools.demo import draw_samples

DATA, SIZE = "emoji-people", (32, 32)


def short(preset: str, *, kimg: float, batch: int, lr: float, channel_base: int = 1024, channel_max: int = 64) -> Run:
    """The preset at 32², narrow, for so many thousand pictures; its distance is measured four times."""
    config = with_width(with_size(get(preset), SIZE), channel_base=channel_base, channel_max=channel_max)
    config = with_lr(with_batch(config, batch), lr)
    config = delta.training(config, kimg=kimg, anneal_from_kimg=None, anneal_to_kimg=None)
    every = kimg / 4
    outputs = replace(
        config.outputs,
        device="cpu",
        metrics=("fd_mobilenet",),
        tick_kimg=every,
        snapshot_kimg=every,
        checkpoint_kimg=every,
    )
    return replace(config, outputs=outputs)


def growing(preset: str, *, kimg: float, lr: float) -> Run:
    """Grown to 32² when half of the pictures are seen."""
    config = short(preset, kimg=kimg, batch=8, lr=lr)
    growth = config.training.growth
    assert growth is not None  # only rows that grow come here
    config = delta.training(config, ema_kimg=1)
    steps = 3 if growth.start == 4 else 2
    return with_growth(config, kimg / 2 / (2 * steps))


SHORT: dict[str, Callable[[], Run]] = {
    "dcgan": lambda: short("dcgan", kimg=24, batch=16, lr=0.0002, channel_base=2048, channel_max=128),
    "wgan-gp": lambda: short("wgan-gp", kimg=24, batch=16, lr=0.001, channel_base=512),
    "progan": lambda: growing("progan", kimg=12, lr=0.002),
    "stylegan-f": lambda: delta.training(growing("stylegan-f", kimg=12, lr=0.002), r1_gamma=1.0),
    "stylegan2-f": lambda: delta.training(
        short("stylegan2-f", kimg=12, batch=8, lr=0.004, channel_base=512), r1_gamma=1.0, ema_kimg=1.0
    ),
}
"""R1 is weaker than at 1024², as its published rule for small pictures says."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"of {', '.join(SHORT)}; none: all")
    parser.add_argument("--out", type=Path, default=Path("runs/lineage"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results/lineage")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    options.results.mkdir(parents=True, exist_ok=True)
    data = open_dataset(DATA, size=SIZE, xflip=True)
    for preset in options.presets or SHORT:
        config = SHORT[preset]()
        config = replace(config, data=replace(config.data, path=DATA, xflip=True))
        folder = options.out / preset
        for _ in run(config, data, folder):
            pass
        ticks = [tick for tick in read_log(RunFolder(folder).log) if tick["metrics"]]
        curve = [{"kimg": tick["kimg"], "fd_mobilenet": round(tick["metrics"]["fd_mobilenet"], 1)} for tick in ticks]
        facts = {"preset": preset, "data": DATA, "resolution": SIZE, "seconds": ticks[-1]["seconds"], "curve": curve}
        write_text(options.results / f"{preset}.json", json.dumps(facts, indent=1) + "\n")
        draw_samples(load(f"{folder}@newest"), options.results / f"{preset}.png", truncation=1.0)
        print(preset, " ".join(f"{point['fd_mobilenet']:g}" for point in curve), flush=True)


if __name__ == "__main__":
    main()
