"""Does a discriminator overfit 300 pictures, and does adaptive augmentation prevent it? (StyleGAN2-ADA, figure 1.)

    python benchmarks/overfitting.py [--kimg 100] [--pictures 300] [--out runs/overfitting]

Two arms train in turns, a few thousand pictures each, in one process and one thread: ``stylegan2-ada`` with and without
its augmentation, at 32², with ``channel_base`` 1024 and small latents, on the same 300 emoji with one seed; ADA may
raise p from 0 to 1 in 20 thousand pictures. Over time it writes down the mean sign of the discriminator's scores of
real pictures as they are shown in training, p, its scores of training pictures, of held-out ones and of generated ones
as they are, and ``fd_mobilenet`` of 500 generated pictures against 500 of all emoji. The curves go to
``benchmarks/results/overfitting.json`` and ``.png``, the last pictures of both arms beside them. Interrupted, the same
command continues with the arms where they were.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure
import numpy as np
import torch

from stylegans import checkpoint
from stylegans.config import Run
from stylegans.config.adjust import with_augment, with_width
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.data.pipeline import batches, to_float
from stylegans.files import pictures
from stylegans.files.atomic import write_text
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.presets import delta, fitted
from stylegans.runs.machine import tune_allocator
from stylegans.training.loop import train
from stylegans.training.setup import start
from stylegans.training.state import State

DATA, SIZE, BATCH = "emoji", (32, 32), 16
RESULTS = Path(__file__).parent / "results"
TURN_KIMG = 5.0
"""An arm's turn: so much is trained, then everything is written down."""
ARMS = {"no augmentation": "none", "ADA": "ada"}


def configured(arm: str, *, kimg: float) -> Run:
    run = with_width(fitted("stylegan2-ada", SIZE, batch=BATCH), channel_base=1024, channel_max=64)
    run = delta.mapping(run, z_dim=64, w_dim=64)
    run = with_augment(run, mode=ARMS[arm], speed_kimg=20.0)
    return delta.training(run, kimg=kimg, pl_weight=0, reuse_fakes=True)


@dataclass(frozen=True)
class Pictures:
    """The set, divided."""

    training: ImageDataset
    everything: RealFeatures
    shown: np.ndarray
    """uint8 [N, C, H, W]: training pictures"""
    held_out: np.ndarray
    """as many that no training sees"""


def divide(count: int) -> Pictures:
    training, everything = open_dataset(DATA, size=SIZE, subset=count), open_dataset(DATA, size=SIZE)
    shown = [training.image(i) for i in range(len(training))]
    known = {image.tobytes() for image in shown}
    others = [image for image in map(everything.image, range(len(everything))) if image.tobytes() not in known]
    chosen = np.random.RandomState(0).permutation(len(others))[:count]
    return Pictures(training, RealFeatures(everything), np.stack(shown), np.stack([others[i] for i in chosen]))


class Arm:
    """One of the two trainings, which advances when it is its turn."""

    def __init__(self, name: str, config: Run, data: Pictures, folder: Path) -> None:
        self.name, self.config, self.data, self.folder = name, config, data, folder
        self.state, self.phases = start(config, device=torch.device("cpu"))
        self.curve: list[dict[str, float | None]] = []
        self.seconds = 0.0
        newest = checkpoint.newest(folder)
        if newest is not None:
            resumed = checkpoint.load(newest, self.state)
            self.seconds, self.curve = resumed.seconds, resumed.beside["curve"]
        stream = batches(data.training, batch=BATCH, seed=0, position=self.state.images)
        self.training: Iterator[State] = train(self.state, stream, self.phases)

    def advance(self, *, to: float) -> None:
        """Train until so many thousand pictures are seen, then look and save."""
        began = time.monotonic()
        while self.state.kimg < to:
            next(self.training)
        self.seconds += time.monotonic() - began
        self.curve.append(self.look())
        self.state.averages.reset()
        checkpoint.save(self.folder, self.state, seconds=self.seconds, beside={"curve": self.curve})
        checkpoint.prune(self.folder, keep=1)

    @torch.no_grad()
    def look(self) -> dict[str, float | None]:
        means, state = self.state.averages.means(), self.state
        distance = fd_mobilenet(state.generator_ema, self.data.everything, num=500)
        noise = torch.Generator().manual_seed(0)
        z = torch.randn(len(self.data.shown), state.generator.z_dim, generator=noise)
        generated = torch.cat([state.generator(part, noise="random", generator=noise) for part in z.split(50)])
        point = {
            "kimg": state.kimg,
            "sign_real": means["signs_real"],
            "p": state.augment_p,
            "score_training": self.score(to_float(torch.from_numpy(self.data.shown))),
            "score_held_out": self.score(to_float(torch.from_numpy(self.data.held_out))),
            "score_generated": self.score(generated),
            "fd_mobilenet": distance.value,
            "fd_floor": distance.floor,
        }
        return {name: None if value is None else round(value, 4) for name, value in point.items()}

    def score(self, images: torch.Tensor) -> float:
        """The discriminator's mean score of pictures as they are, in batches like those of the training."""
        whole = images[: len(images) // BATCH * BATCH].split(BATCH)
        return torch.cat([self.state.discriminator(part) for part in whole]).mean().item()


def draw(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Four panels over the thousands of pictures seen, the arms in two colours."""
    figure = matplotlib.figure.Figure(figsize=(15, 3.9), layout="constrained")
    panels = figure.subplots(1, 4)
    colours = dict(zip(ARMS, ("tab:red", "tab:blue"), strict=True))
    for name, curve in curves.items():
        kimg, colour = [point["kimg"] for point in curve], colours[name]

        def values(key: str, curve: list[dict[str, float]] = curve) -> list[float]:
            return [point[key] for point in curve]

        panels[0].plot(kimg, values("sign_real"), color=colour, label=name)
        panels[1].plot(kimg, values("p"), color=colour, label=name)
        panels[2].plot(kimg, values("score_training"), color=colour, label=f"{name}: training")
        panels[2].plot(kimg, values("score_held_out"), color=colour, linestyle="--", label="held out")
        panels[2].plot(kimg, values("score_generated"), color=colour, linestyle=":", label="generated")
        panels[3].plot(kimg, values("fd_mobilenet"), color=colour, label=name)
    panels[0].axhspan(0.5, 0.7, color="tab:blue", alpha=0.1)
    titles = ("mean sign of D on real pictures", "p", "D's score of pictures as they are", "fd_mobilenet (500)")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(title=title, xlabel="thousand pictures seen")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=100.0)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("runs/overfitting"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    data = divide(options.pictures)
    arms = [Arm(name, configured(name, kimg=options.kimg), data, options.out / ARMS[name]) for name in ARMS]
    due = min(arm.state.kimg for arm in arms)
    while due < options.kimg:
        due = min(due + TURN_KIMG, options.kimg)
        for arm in arms:
            if arm.state.kimg >= due:
                continue  # it was ahead when the last command was interrupted
            arm.advance(to=due)
            print(arm.name, f"{arm.seconds:.0f} s", json.dumps(arm.curve[-1]), flush=True)
        report(arms, options)


def report(arms: list[Arm], options: argparse.Namespace) -> None:
    facts = {
        "data": DATA,
        "pictures": options.pictures,
        "resolution": SIZE,
        "batch": BATCH,
        "seconds": {arm.name: round(arm.seconds) for arm in arms},
        "curves": {arm.name: arm.curve for arm in arms},
    }
    write_text(RESULTS / "overfitting.json", json.dumps(facts, indent=1) + "\n")
    draw(facts["curves"], RESULTS / "overfitting.png")
    z = torch.from_numpy(np.random.RandomState(0).randn(48, arms[0].state.generator.z_dim).astype(np.float32))
    rows = [pictures.to_uint8(arm.state.generator_ema(z)) for arm in arms]
    sheet = pictures.tile(np.concatenate(rows), columns=16, gap=1)  # three rows of each, the first arm above
    pictures.save_png(RESULTS / "overfitting-samples.png", pictures.enlarge(sheet, 2))


if __name__ == "__main__":
    main()
