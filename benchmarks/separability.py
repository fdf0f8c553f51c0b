"""Is W more linearly separable than Z, where the factors of variation are known? (StyleGAN, section 4.2, table 4.)

    python benchmarks/separability.py [--kimg 25] [--num 4000] [--out runs/separability]

Draws two thousand discs at 32² whose five factors are independent coins (colour, side, height, size, background), each
with some play, and keeps the factors as labels; trains ``small-32`` with the paper's eight mapping layers on the
pictures alone; and measures ``ls_mobilenet``, whose classifiers learn the factors from a thousand of the labelled
pictures. One thread, seed 0. The numbers go to ``benchmarks/results/separability.json``, and eight rows of pictures,
drawn above and generated below, beside them. Interrupted, the same command continues the training.
"""

import argparse
import colorsys
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from stylegans import load
from stylegans.config import Optimizer, Run
from stylegans.data.images import open_dataset
from stylegans.files import pictures
from stylegans.files.atomic import write_text
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.recipes import recipe
from stylegans.metrics.suite import Suite, last
from stylegans.networks.protocol import Generator
from stylegans.presets import delta, get
from stylegans.runs.machine import tune_allocator
from stylegans.runs.run import Finished, run

RESULTS = Path(__file__).parent / "results"
SIZE, FINE = 32, 8
"""Of a picture, and how many times finer it is drawn, for smooth edges."""
FACTORS = ("warm", "right", "low", "large", "bright background")
DRAWN, JUDGED = 2000, 1000


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


def trained(data: Path, out: Path, *, kimg: float) -> tuple[Generator, float]:
    """The generator, and the seconds its training took."""
    for event in run(configured(data, kimg=kimg), open_dataset(data), out):
        if isinstance(event, Finished):
            return load(f"{out}@newest"), event.seconds
    raise RuntimeError("a run ends by saying so")


def measured(G: Generator, data: Path, *, num: int) -> dict[str, Any]:
    """Both spaces' separability and, of each factor, what it is made of."""
    reals = RealFeatures(open_dataset(data, labels=True, subset=JUDGED))
    found = last(Suite(reals).measure(G, [recipe("ls_mobilenet").with_num(num)]))
    facts: dict[str, Any] = found.details
    spaces = {space: facts[f"in {space}"] for space in ("z", "w")}
    return {
        "scores": {name: round(value, 4) for name, value in found.values.items()},
        "entropies": {space: named(values["entropies"]) for space, values in spaces.items()},
        "entropies_of_the_factors": named(spaces["z"]["ceilings"]),
        "svm_accuracies": {space: named(values["accuracies"]) for space, values in spaces.items()},
        "generated_with_factor": named(spaces["z"]["positives"]),
        "generated": found.num_generated,
        "kept_per_factor": facts["kept per attribute"],
        "protocol": found.protocol,
        "classifiers": facts["classifiers"],
    }


def named(values: tuple[float, ...]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(FACTORS, values, strict=True)}


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
    parser.add_argument("--kimg", type=float, default=25.0)
    parser.add_argument("--num", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("runs/separability"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    data = options.out / "data"
    if not (data / "dataset.json").exists():
        make(data)
    G, seconds = trained(data, options.out / "run", kimg=options.kimg)
    show(data, G)
    facts = {"pictures": DRAWN, "judged": JUDGED, "resolution": SIZE, "kimg": options.kimg, "seconds": round(seconds)}
    facts |= measured(G, data, num=options.num)
    write_text(RESULTS / "separability.json", json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
