"""Do the metrics order degraded pictures as eyes would? (As in Heusel et al. 2017, figure 3.)

    python benchmarks/degradations.py [--fashion /usr/share/datasets/fashion-mnist] [--pictures 300]

Real pictures are compared with other real ones that are blurred, noisy, compressed, covered in part, or few: for the
last, only a share of the pictures (Fashion-MNIST: of the classes) is kept and repeated. The undegraded other pictures
are strength 0, the floor. The sets are the embedded emoji and Fashion-MNIST (Debian: ``dataset-fashion-mnist``; without
``--fashion`` it is left out), at 32². MobileNetV2 is the feature network; the pixels are seen by SWD and MS-SSIM.
Results go to ``benchmarks/results/degradations.json`` and ``.png``.
"""

import argparse
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.figure
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from stylegans.data import idx
from stylegans.data.images import open_dataset
from stylegans.errors import UserError
from stylegans.files.atomic import write_text
from stylegans.metrics.density_coverage import density_coverage
from stylegans.metrics.features import mobilenet
from stylegans.metrics.features.network import FeatureNetwork
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.kernel import squared_mmd
from stylegans.metrics.ms_ssim import ms_ssim
from stylegans.metrics.precision_recall import precision_recall
from stylegans.metrics.separable import filtered
from stylegans.metrics.sliced_wasserstein import Descriptors, swd

SIZE = 32
RESULTS = Path(__file__).parent / "results"
PAIRS = 2000
SHARES = (2, 5, 10)
"""Of the pictures or classes one in so many is kept."""
DISTANCES = ("fd_mobilenet", "kd_mobilenet", "swd")
SHOWN = (*DISTANCES, "precision", "recall", "coverage", "ms_ssim")

Row = dict[str, float]


def blurred(images: Tensor, sigma: float) -> Tensor:
    """By a gaussian of σ pixels, cut at 4 σ."""
    reach = round(4 * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    padded = F.pad(images.float(), (reach,) * 4, mode="replicate")
    return filtered(padded, (weights / weights.sum()).tolist()).round().to(torch.uint8)


def noisy(images: Tensor, sigma: float) -> Tensor:
    """With normal noise of deviation σ, of 255."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + sigma * noise).round().clamp(0, 255).to(torch.uint8)


def compressed(images: Tensor, quality: float) -> Tensor:
    """Through JPEG."""

    def through(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(
            file, "JPEG", quality=int(quality)
        )
        pixels = np.asarray(Image.open(file))
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    return torch.from_numpy(np.stack([through(image) for image in images.numpy()]))


def covered(images: Tensor, share: float) -> Tensor:
    """By a square somewhere, ``share`` of the picture's side: black, but white where pictures are dark."""
    random, result = np.random.RandomState(0), images.clone()
    side = round(share * images.shape[-1])
    colour = 255 if images.float().mean() < 128 else 0
    for image, (y, x) in zip(result, random.randint(images.shape[-1] - side + 1, size=(len(images), 2)), strict=True):
        image[:, y : y + side, x : x + side] = colour
    return result


DEGRADATIONS: dict[str, tuple[Callable[[Tensor, float], Tensor], tuple[float, ...]]] = {
    "blur": (blurred, (0.5, 1, 2)),
    "noise": (noisy, (8, 16, 32, 64)),
    "jpeg": (compressed, (50, 10)),
    "square": (covered, (0.25, 0.5)),
}
"""Strengths rise: σ in pixels, σ of 255, a quality (which falls), a share of the side."""


@dataclass(frozen=True)
class Sample:
    """Pictures uint8 [N, C, H, W] and their features [N, dim]."""

    images: Tensor
    features: np.ndarray

    def only(self, numbers: np.ndarray) -> "Sample":
        return Sample(self.images[numbers], self.features[numbers])


def look(images: Tensor, network: FeatureNetwork) -> Sample:
    with torch.no_grad():
        return Sample(images, torch.cat([network(part) for part in images.split(50)]).numpy())


def compare(real: Sample, other: Sample) -> Row:
    """Every metric of ``other`` against ``real``."""
    manifolds = precision_recall(other.features, real.features)
    balls = density_coverage(other.features, real.features)
    return {
        "fd_mobilenet": distance_of_few(other.features, real.features),
        "kd_mobilenet": 1000 * squared_mmd(other.features, real.features),
        "precision": manifolds.precision,
        "recall": manifolds.recall,
        "density": balls.density,
        "coverage": balls.coverage,
        **compare_pixels(real.images, other.images),
    }


def distance_of_few(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance in a basis of what the features span: the same, and fast for fewer pictures than that."""
    basis = np.linalg.qr(np.concatenate([a, b]).T.astype(np.float64))[0]
    return frechet_distance(statistics(a @ basis), statistics(b @ basis))


def compare_pixels(real: Tensor, other: Tensor) -> Row:
    """The metrics that need no network: SWD, and MS-SSIM of random pairs of ``other``."""
    distance = swd(described(other, seed=1), described(real, seed=0))
    random = np.random.RandomState(0)
    first = random.randint(len(other), size=PAIRS)
    second = (first + random.randint(1, len(other), size=PAIRS)) % len(other)
    similarity = torch.cat([ms_ssim(other[a], other[b]) for a, b in zip(*map(_batches, (first, second)), strict=True)])
    levels = {f"swd_{side}": value for side, value in distance.levels.items()}
    return {"swd": distance.average, **levels, "ms_ssim": similarity.mean().item()}


def described(images: Tensor, *, seed: int) -> Descriptors:
    descriptors = Descriptors(seed=seed)
    for part in images.split(100):
        descriptors.update(part)
    return descriptors


def _batches(numbers: np.ndarray) -> list[np.ndarray]:
    return np.split(numbers, range(100, len(numbers), 100))


def kept(kinds: np.ndarray, one_in: int) -> np.ndarray:
    """As many numbers as there are ``kinds``, but of the first of the kinds only, over and over."""
    names = np.unique(kinds)
    some = np.flatnonzero(np.isin(kinds, names[: max(1, len(names) // one_in)]))
    return np.resize(some, len(kinds))


def curves(real: Tensor, other: Tensor, kinds: np.ndarray, network: FeatureNetwork) -> dict[str, list[Row]]:
    """Per degradation the metrics of ``other`` at rising strengths, the first of them none."""
    reals, others = look(real, network), look(other, network)
    floor = {"strength": 0.0, **compare(reals, others)}
    found = {
        name: [floor, *({"strength": s, **compare(reals, look(change(other, s), network))} for s in strengths)]
        for name, (change, strengths) in DEGRADATIONS.items()
    }
    few = ({"strength": float(n), **compare(reals, others.only(kept(kinds, n)))} for n in SHARES)
    return {**found, "few": [floor, *few]}


def emoji(count: int, *, size: int = SIZE) -> tuple[Tensor, Tensor, np.ndarray]:
    """Real pictures, as many others, and what kind each of these is: every picture is one of its own."""
    dataset = open_dataset("emoji", size=(size, size), subset=2 * count)
    numbers = np.random.RandomState(0).permutation(2 * count)
    images = torch.from_numpy(np.stack([dataset.image(i) for i in numbers.tolist()]))
    return images[:count], images[count:], np.arange(count)


def fashion(folder: Path, count: int) -> tuple[Tensor, Tensor, np.ndarray]:
    """As ``emoji``; the kinds are the classes. The pictures of 28² get a border of 2."""
    source = idx.in_folder(folder)
    if source is None:
        raise UserError(f"--fashion: '{folder}' holds no IDX files of pictures")
    chosen = [source.images[i] for i in np.random.RandomState(0).permutation(len(source.images))[: 2 * count].tolist()]
    images = F.pad(torch.from_numpy(np.stack([np.load(image.open()) for image in chosen])), (2, 2, 2, 2))
    return images[:count], images[count:], np.array([image.label for image in chosen[count:]])


def rises(curve: list[Row], name: str) -> bool:
    values = [row[name] for row in curve]
    return all(a < b for a, b in pairwise(values))


def statements(found: dict[str, list[Row]]) -> dict[str, bool]:
    """What a metric should do, and whether it does."""

    def first(name: str, metric: str) -> float:
        return found[name][0][metric]

    def last(name: str, metric: str) -> float:
        return found[name][-1][metric]

    made: dict[str, bool] = {}
    for name, curve in found.items():
        for metric in DISTANCES:
            made[f"{metric} rises with {name}"] = rises(curve, metric)
    for name in ("blur", "noise"):
        made[f"precision falls with {name}"] = last(name, "precision") < 0.7 * first(name, "precision")
        made[f"density falls with {name}"] = last(name, "density") < 0.7 * first(name, "density")
    made["recall falls with few"] = last("few", "recall") < 0.5 * first("few", "recall")
    made["coverage falls with few"] = last("few", "coverage") < 0.7 * first("few", "coverage")
    made["precision stays with few"] = abs(last("few", "precision") - first("few", "precision")) < 0.15
    made["ms_ssim is higher with few"] = last("few", "ms_ssim") > first("few", "ms_ssim")
    return made


def draw(sets: dict[str, dict[str, list[Row]]], path: Path) -> None:
    """A row of panels for each set, a panel for each metric, a line for each degradation."""
    figure = matplotlib.figure.Figure(figsize=(2.3 * len(SHOWN), 2.4 * len(sets) + 0.5), layout="constrained")
    panels = figure.subplots(len(sets), len(SHOWN), squeeze=False)
    for axes_row, (name, found) in zip(panels, sets.items(), strict=True):
        for axes, metric in zip(axes_row, SHOWN, strict=True):
            for degradation, curve in found.items():
                axes.plot([row[metric] for row in curve], marker=".", label=degradation)
            axes.set_title(f"{name}: {metric}", fontsize=8)
            axes.tick_params(labelsize=7)
            axes.set_xticks(range(5))
            axes.grid(alpha=0.3)
            axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    lines, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(lines, labels, ncols=len(labels), loc="outside lower center", frameon=False, fontsize=8)
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=300, help="a side")
    parser.add_argument("--fashion", type=Path, help="folder of Fashion-MNIST's IDX files")
    options = parser.parse_args()
    network = mobilenet.load()
    sources = {"emoji": emoji(options.pictures)}
    if options.fashion is not None:
        sources["fashion-mnist"] = fashion(options.fashion, options.pictures)
    sets: dict[str, dict[str, list[Row]]] = {}
    began = time.process_time()
    for name, (real, other, kinds) in sources.items():
        sets[name] = curves(real, other, kinds, network)
        for statement, holds in statements(sets[name]).items():
            print(name, "yes" if holds else "NO ", statement, flush=True)
    facts = {
        "pictures": options.pictures,
        "resolution": SIZE,
        "processor_seconds": round(time.process_time() - began),
        "statements": {name: statements(found) for name, found in sets.items()},
        "curves": {
            name: {k: [{m: round(v, 4) for m, v in row.items()} for row in curve] for k, curve in found.items()}
            for name, found in sets.items()
        },
    }
    write_text(RESULTS / "degradations.json", json.dumps(facts, indent=1) + "\n")
    draw(sets, RESULTS / "degradations.png")


if __name__ == "__main__":
    main()
