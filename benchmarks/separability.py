"""Is W more linearly separable than Z, where the factors of variation are known? (StyleGAN, section 4.2, table 4.)

    python benchmarks/separability.py [--kimg 40] [--num 4000] [--out runs/separability]

Draws two thousand discs at 32² whose five factors are independent coins (colour, side, height, size, background), each
with some play, and keeps the factors as labels; trains ``small-32`` with the paper's eight mapping layers on the
pictures alone; and measures the separability of Z and W twice: as ``rulers`` see the factors, which take them from the
pixels, and as ``ls_mobilenet`` does, whose classifiers learn them from a thousand of the labelled pictures. How often
the two agree about generated pictures says how far the second is to be believed. One thread, seed 0. The numbers go to
``benchmarks/results/separability.json``, and eight rows of pictures, drawn above and generated below, beside them.
Interrupted, the same command continues the training.
"""

import argparse
import colorsys
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from short_training import RESULTS, report, trained
from torch import Tensor

from stylegans.config import Optimizer, Run
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files import pictures
from stylegans.files.atomic import write_text
from stylegans.metrics.attributes import AttributeClassifiers
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.recipes import recipe
from stylegans.metrics.suite import Suite, last
from stylegans.networks.protocol import Generator
from stylegans.presets import delta, get
from stylegans.runs.machine import tune_allocator

SIZE, FINE = 32, 8
"""Of a picture, and how many times finer it is drawn, for smooth edges."""
FACTORS = ("warm", "right", "low", "large", "bright background")
DRAWN, JUDGED, COMPARED = 2000, 1000, 1000


def draw(factors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture uint8 [32, 32, 3] of five coins [5], whose exact colour, place, size and background are random."""
    warm, right, low, large, bright = (bool(factor) for factor in factors)
    hue = random.uniform(0.0, 0.11) if warm else random.uniform(0.53, 0.69)
    grey = round(255 * (random.uniform(0.8, 0.95) if bright else random.uniform(0.05, 0.2)))
    x, y = ((22 if far else 10) + random.uniform(-1.5, 1.5) for far in (right, low))
    radius = random.uniform(7, 8) if large else random.uniform(3.5, 4.5)
    colour = tuple(round(255 * value) for value in colorsys.hsv_to_rgb(hue, 0.85, random.uniform(0.75, 0.95)))
    image = Image.new("RGB", (SIZE * FINE, SIZE * FINE), (grey, grey, grey))
    ImageDraw.Draw(image).ellipse([FINE * value for value in (x - radius, y - radius, x + radius, y + radius)], colour)
    return np.asarray(image.reduce(FINE))


class Rulers:
    """The factors of a picture, measured: the disc is where the colour is."""

    names = FACTORS

    def __call__(self, images: Tensor) -> Tensor:
        """Images uint8 [N, 3, 32, 32] → how far [N, 5] each factor is beyond the middle of its two values."""
        x = images.float() / 255
        saturation = x.amax(dim=1) - x.amin(dim=1)
        colour = saturation * (saturation > 0.25)
        total = colour.sum(dim=(1, 2)).clamp(min=1e-6)
        place = torch.arange(SIZE) - (SIZE - 1) / 2
        right, low = ((colour.sum(dim=axis) * place).sum(dim=1) / total for axis in (1, 2))
        warm = ((x[:, 0] - x[:, 2]) * colour).sum(dim=(1, 2)) / total
        large = ((colour > 0).sum(dim=(1, 2)).clamp(min=1) / 100).log()  # discs have about 50 pixels, or 180
        bright = x.mean(dim=1).flatten(1).median(dim=1).values - 0.5
        return torch.stack([warm, right, low, large, bright], dim=1)


def make(folder: Path) -> None:
    """The data set in the project's layout: PNGs, and their factors in a dataset.json."""
    random = np.random.default_rng(0)
    rows = []
    for i in range(DRAWN):
        factors = random.integers(0, 2, len(FACTORS))
        pictures.save_png(folder / f"{i:05}.png", draw(factors, random))
        rows.append([f"{i:05}.png", factors.tolist()])
    write_text(folder / "dataset.json", json.dumps({"labels": rows, "label_names": FACTORS}))


def configured(data: Path, *, kimg: float) -> Run:
    """small-32 with the paper's depth of mapping, and the rates of a short training."""
    config = delta.mapping(get("small-32"), num_layers=8)
    config = delta.discriminator(delta.generator(config, base=(8, 8)), base=(8, 8))
    config = delta.training(
        config,
        kimg=kimg,
        g_optimizer=Optimizer(lr=0.012),
        d_optimizer=Optimizer(lr=0.009),
        r1_gamma=4.0,
        anneal_from_kimg=kimg * 0.4,
        anneal_to_kimg=kimg,
        precision="float32",
    )
    outputs = replace(config.outputs, device="cpu", snapshot_kimg=5, checkpoint_kimg=5)
    return replace(config, data=replace(config.data, path=str(data)), outputs=outputs)


def measured(G: Generator, data: Path, *, num: int) -> dict[str, Any]:
    """As both kinds of judges see it."""
    labelled = open_dataset(data, labels=True, subset=JUDGED)
    reals = RealFeatures(labelled)
    ls = recipe("ls_mobilenet").with_num(num)
    rulers = Rulers()
    by_rulers = last(Suite(reals, classifiers=rulers).measure(G, [ls]))
    by_learnt = last(Suite(reals).measure(G, [ls]))
    assert by_learnt.learnt is not None
    return {
        "generated": num,
        "kept_per_factor": by_learnt.details["kept per attribute"],
        "rulers": facts(by_rulers),
        "rulers_right_on_drawn": rulers_right(rulers, labelled),
        "ls_mobilenet": facts(by_learnt),
        "ls_mobilenet_right_on_drawn_held_out": named([one.accuracy for one in by_learnt.learnt.qualities]),
        "ls_mobilenet_agrees_with_rulers_on_generated": compared(G, rulers, by_learnt.learnt),
    }


def facts(found: Measurement) -> dict[str, Any]:
    """The scores and, of each factor, what they are made of."""
    spaces: dict[str, Any] = {space: found.details[f"in {space}"] for space in ("z", "w")}
    return {
        "scores": {space: round(value, 3) for space, value in zip(spaces, found.values.values(), strict=True)},
        "entropies": {space: named(values["entropies"]) for space, values in spaces.items()},
        "entropies_of_the_factors": named(spaces["z"]["ceilings"]),
        "svm_accuracies": {space: named(values["accuracies"]) for space, values in spaces.items()},
        "kept_with_factor": named(spaces["z"]["positives"]),
    }


def rulers_right(rulers: Rulers, data: ImageDataset) -> dict[str, float]:
    images = torch.from_numpy(np.stack([data.image(i) for i in range(len(data))]))
    truth = np.stack([data.label(i) for i in range(len(data))]) > 0
    return named(((rulers(images).numpy() > 0) == truth).mean(axis=0))


@torch.no_grad()
def compared(G: Generator, rulers: Rulers, learnt: AttributeClassifiers) -> dict[str, float]:
    """The share of generated pictures of which both say the same."""
    z = torch.from_numpy(np.random.RandomState(1).randn(COMPARED, G.z_dim).astype(np.float32))
    batches = [pictures.quantise(G(some)) for some in z.split(50)]
    same = torch.cat([(rulers(images) > 0) == (learnt(images) > 0) for images in batches])
    return named(same.float().mean(dim=0).tolist())


def named(values: Iterable[float]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(FACTORS, values, strict=True)}


@torch.no_grad()
def show(data: Path, G: Generator) -> None:
    """Four rows of sixteen drawn, four generated."""
    drawn = open_dataset(data)
    shown = np.stack([drawn.image(i).transpose(1, 2, 0) for i in range(64)])
    z = torch.from_numpy(np.random.RandomState(0).randn(64, G.z_dim).astype(np.float32))
    sheet = pictures.tile(np.concatenate([shown, pictures.to_uint8(G(z))]), columns=16, gap=1)
    pictures.save_png(RESULTS / "separability-samples.png", pictures.enlarge(sheet, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=40.0)
    parser.add_argument("--num", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("runs/separability"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    data = options.out / "data"
    if not (data / "dataset.json").exists():
        make(data)
    G, seconds = trained(configured(data, kimg=options.kimg), options.out / "run")
    show(data, G)
    result = {"pictures": DRAWN, "judged": JUDGED, "resolution": SIZE, "kimg": options.kimg, "seconds": round(seconds)}
    result |= measured(G, data, num=options.num)
    report("separability", result)


if __name__ == "__main__":
    main()
