"""Recipes of a short training, side by side: each trains for the same processor time and is measured.

    python benchmarks/recipes.py [NAME ...] [--seconds 150] [--out runs/recipes]

One thread each, and time that the process itself has used, so that a busy machine changes little. ``docs/log.md`` cites
its rows; the pictures of seeds 0 to 63 are left in ``--out``.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegans.config import Optimizer, Run
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.data.pipeline import batches
from stylegans.files import pictures
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.presets import get
from stylegans.runs.machine import tune_allocator
from stylegans.tools.demo import BASE, DATA, SPRINT, STEADY
from stylegans.tools.generate import generate
from stylegans.training.loop import train
from stylegans.training.setup import start
from stylegans.training.state import State

CPU = torch.device("cpu")


def recipe(
    *,
    generator: str = "skip",
    discriminator: str = "orig",
    channel_base: int = 512,
    base: int = BASE[0],
    rates: tuple[float, float] = (0.012, 0.009),
    **training: Any,
) -> Run:
    """The demo's recipe in float32, with another wiring, width, grid, rates (of G, of D) or number."""
    run, shared = get("small-32"), {"base": (base, base), "channel_base": channel_base}
    g_optimizer, d_optimizer = (Optimizer(lr=rate) for rate in rates)
    optimizers = {"g_optimizer": g_optimizer, "d_optimizer": d_optimizer}
    training = {**SPRINT, **optimizers, "precision": "float32"} | training
    return replace(
        run,
        generator=replace(run.generator, architecture=generator, **shared),
        discriminator=replace(run.discriminator, architecture=discriminator, **shared),
        training=replace(run.training, **training),
    )


SLOW: dict[str, Any] = {"rates": (0.005, 0.004), "r1_gamma": 1}
WIDE: dict[str, Any] = SLOW | {"generator": "orig", "channel_base": 1024, "reuse_fakes": False}
NARROW: dict[str, Any] = WIDE | {"channel_base": 512}

RECIPES: dict[str, Callable[[], Run]] = {
    "wide-resnet": lambda: recipe(**WIDE, discriminator="resnet"),
    "wide": lambda: recipe(**WIDE),
    "wide-batch-4": lambda: recipe(**WIDE, batch=4),
    "narrow": lambda: recipe(**NARROW),
    "narrow-batch-4": lambda: recipe(**NARROW, batch=4),
    "narrow-reuse": lambda: recipe(**NARROW | {"reuse_fakes": True}),
    "skip": lambda: recipe(**SLOW),
    "demo": lambda: recipe(),
    "faster": lambda: recipe(rates=(0.02, 0.015), r1_gamma=8),
    "base-4": lambda: recipe(rates=(0.008, 0.006), r1_gamma=2, base=4),
    "base-16": lambda: recipe(**SLOW, channel_base=1024, base=16),
}


def steps(run: Run, data: ImageDataset) -> tuple[State, Iterator[State]]:
    state, phases = start(run, device=CPU)
    return state, train(state, batches(data, batch=run.training.batch, seed=0, position=0), phases)


def length(run: Run, data: ImageDataset, *, seconds: float) -> float:
    """How many thousand pictures ``run`` trains in so many seconds of processor time, by trying."""
    state, stream = steps(run, data)
    for _ in itertools.islice(stream, 8):  # the first ones are slow
        pass
    began, before = time.process_time(), state.images
    while time.process_time() - began < 8:
        next(stream)
    return (state.images - before) / (time.process_time() - began) * seconds / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; none: all")
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or RECIPES:
        run = RECIPES[name]()
        data = open_dataset(DATA, size=run.generator.resolution, xflip=True)
        reals = RealFeatures(data)
        kimg = length(run, data, seconds=options.seconds)
        training = replace(run.training, anneal_from_kimg=kimg * STEADY, anneal_to_kimg=kimg)
        state, stream = steps(replace(run, training=training), data)
        before = fd_mobilenet(state.generator_ema, reals, num=1000).value
        began = time.process_time()
        while state.kimg < kimg:
            next(stream)
        seconds = time.process_time() - began
        after = fd_mobilenet(state.generator_ema, reals, num=1000).value
        parts = generate(state.generator_ema, range(64), truncation=1.0)
        grid = pictures.tile(np.concatenate([pictures.to_uint8(images) for _, images in parts]), columns=8)
        pictures.save_png(options.out / f"{name}.png", pictures.enlarge(grid, 3))
        print(
            f"{name:16s} {seconds:4.0f} s {state.kimg:5.1f} kimg {before:4.0f} → {after:4.0f} ({after / before:.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
