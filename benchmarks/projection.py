"""Does a model find its own pictures again, can it be tuned to others, and does the distance tell the two apart?

    python benchmarks/projection.py [MODEL] [--data emoji-people] [--name projection] [--out runs/projection]

Without MODEL the demo's recipe is trained first, for five minutes, in ``--out``. Own pictures (seeds 0 to 7, rounded as
in a file) are projected into W in 500 steps, from the mean and from the nearest of 512; real ones into W+, and tuned
to, each apart; then attribution is calibrated with 48 pictures of each kind. AlexNet-LPIPS, one thread, seed 0. Writes
``results/NAME.json``, ``NAME-found.png``, ``NAME-tuned.png`` and ``NAME-attribution.png``.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegans import load
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files.atomic import write_text
from stylegans.files.pictures import quantise
from stylegans.metrics.features import lpips
from stylegans.networks.protocol import Generator
from stylegans.runs.machine import tune_allocator
from stylegans.tools import attribute, demo
from stylegans.tools.generate import generate
from stylegans.tools.latents import Latent, Space, fingerprint
from stylegans.tools.perceptual import Perceptual
from stylegans.tools.project import Step, nearest_start, project
from stylegans.tools.project_report import before_after, histogram, psnr, save_figure
from stylegans.tools.tune import tune

RESULTS = Path(__file__).parent / "results"
OWN, REAL = 8, 4
STEPS = 500


def trained(out: Path) -> Generator:
    """The demo's model."""
    plan = demo.prepare(torch.device("cpu"), out, minutes=5, seed=0)
    for _ in demo.train(plan, out, stop=lambda: False):
        pass
    return load(f"{out}@newest")


def some(data: ImageDataset, count: int) -> Tensor:
    """Real pictures, evenly through the set."""
    numbers = np.linspace(0, len(data) - 1, count + 2)[1:-1].astype(int)
    return attribute.from_uint8(torch.from_numpy(np.stack([data.image(int(number)) for number in numbers])))


def ends(steps: Sequence[Step]) -> tuple[Step, Step]:
    return steps[0], steps[-1]


def rounded(values: Sequence[float], digits: int = 4) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def found_again(G: Generator, perceptual: Perceptual, name: str) -> dict[str, object]:
    """Own pictures in W."""
    own = torch.cat([images for _, images in generate(G, range(OWN))])
    targets = attribute.from_uint8(quantise(own))
    began = time.process_time()
    first, last = ends(list(project(G, targets, perceptual, steps=STEPS)))
    seconds = time.process_time() - began
    near = nearest_start(G, targets, perceptual)
    _, from_near = ends(list(project(G, targets, perceptual, steps=STEPS, start=near)))
    columns = {"target": targets, "mean of w": first.images, "projected": last.images, "from nearest": from_near.images}
    distances = {"mean of w": first, "projected": last, "from nearest": from_near}
    labels = {column: step.distances.tolist() for column, step in distances.items()}
    picture = before_after([f"seed {seed}" for seed in range(OWN)], columns, labels)
    save_figure(RESULTS / f"{name}-found.png", picture)
    return {
        "own, at the mean of w": rounded(first.distances.tolist()),
        "own, projected": rounded(last.distances.tolist()),
        "times nearer": rounded((first.distances / last.distances).tolist(), 3),
        "own, projected from the nearest of 512": rounded(from_near.distances.tolist()),
        "times nearer, from the nearest of 512": rounded((first.distances / from_near.distances).tolist(), 3),
        "own, PSNR": rounded(psnr(last.images, targets), 3),
        "milliseconds per step and picture": round(seconds / STEPS / OWN * 1000, 1),
    }


def tuned_to(G: Generator, perceptual: Perceptual, reals: Tensor, name: str) -> dict[str, object]:
    """Real pictures in W+, then tuned to one by one."""
    space: Space = "w" if G.num_ws == 1 else "w+"
    first, last = ends(list(project(G, reals, perceptual, space=space)))
    began, images, distances = time.process_time(), [], []
    for number in range(len(reals)):
        one = slice(number, number + 1)
        maps = {key: each[one] for key, each in last.latent.noise.items()}
        *_, end = tune(G, reals[one], Latent(last.latent.ws[one], maps), perceptual)
        images.append(end.images)
        distances += end.distances.tolist()
    seconds = time.process_time() - began
    tuned = torch.cat(images)
    columns = {"target": reals, "mean of w": first.images, f"in {space}": last.images, "tuned": tuned}
    labels = {"mean of w": first.distances.tolist(), f"in {space}": last.distances.tolist(), "tuned": distances}
    save_figure(
        RESULTS / f"{name}-tuned.png", before_after([f"real {n + 1}" for n in range(len(reals))], columns, labels)
    )
    return {
        "real, at the mean of w": rounded(first.distances.tolist()),
        f"real, in {space}": rounded(last.distances.tolist()),
        "real, tuned": rounded(distances),
        f"real, in {space}, PSNR": rounded(psnr(last.images, reals), 3),
        "real, tuned, PSNR": rounded(psnr(tuned, reals), 3),
        "seconds of tuning per picture": round(seconds / len(reals), 1),
    }


def told_apart(G: Generator, perceptual: Perceptual, data: ImageDataset, name: str) -> dict[str, object]:
    """Own and real pictures by their distances."""
    conditions = attribute.Conditions(fingerprint(G), perceptual.name)
    *_, end = attribute.calibrate(G, data, perceptual, conditions)
    if end.calibration is None:
        raise RuntimeError("a calibration ends with its result")
    save_figure(RESULTS / f"{name}-attribution.png", histogram(end.calibration))
    own, real = (np.asarray(each) for each in (end.calibration.own, end.calibration.real))
    return {
        "attribution, pictures of each kind": len(own),
        "attribution, AUC": round(end.calibration.auc, 4),
        "attribution, balanced accuracy": round(end.calibration.accuracy, 4),
        "attribution, threshold": rounded([end.calibration.threshold])[0],
        "attribution, median own, real": rounded([float(np.median(own)), float(np.median(real))]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--data", default=demo.DATA)
    parser.add_argument("--name", default="projection")
    parser.add_argument("--out", type=Path, default=Path("runs/projection"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    G: Generator = load(options.model) if options.model else trained(options.out)
    perceptual = Perceptual(lpips.load())
    data = open_dataset(options.data, size=G.img_resolution)
    facts: dict[str, object] = {"data": data.name, "steps": STEPS, "distance": perceptual.name}
    facts |= found_again(G, perceptual, options.name)
    facts |= tuned_to(G, perceptual, some(data, REAL), options.name)
    facts |= told_apart(G, perceptual, data, options.name)
    write_text(RESULTS / f"{options.name}.json", json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
