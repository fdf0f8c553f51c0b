"""Is a picture this model's own? Told by how near projection comes to it (StyleGAN2, section 5).

A model finds its own pictures again, others it only approaches: the distances of the two hardly overlap. How far is
far differs from model to model, so a calibration projects pictures of both kinds first, and puts the threshold where
the most of both are told rightly.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.files.atomic import write_text
from stylegans.files.pictures import quantise, to_8_bits
from stylegans.metrics.reals import Pictures
from stylegans.networks.protocol import Generator
from stylegans.tools.generate import Label, generate
from stylegans.tools.perceptual import Perceptual
from stylegans.tools.project import Step, nearest_start, project

STEPS = 150
"""Fewer than for a good likeness: own and other pictures part early."""

PICTURES, FEWEST = 48, 4
"""Of each kind in a calibration; the least that make one."""

FIRST_SEED = 1_000_000
"""Of the generated pictures of a calibration."""

SMALLEST = 1e-9
"""Distances below it count as it: their logarithms are taken."""

FORMAT = "stylegans-attribution"


@dataclass(frozen=True)
class Conditions:
    """What distances depend on: they compare only where all of it is the same."""

    model: str
    """The fingerprint of its weights."""
    network: str
    """That of the distance."""
    steps: int = STEPS
    start: Literal["mean", "nearest"] = "nearest"
    seed: int = 0


@dataclass(frozen=True)
class Calibration:
    """What projection leaves of a model's own pictures, and of real ones."""

    conditions: Conditions
    own: tuple[float, ...]
    """Distances of generated pictures."""
    real: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """Pictures below it are taken for the model's own: see ``best_threshold``."""
        return best_threshold(self.own, self.real)

    @property
    def accuracy(self) -> float:
        """The mean of the shares of own and of real pictures that the threshold tells rightly."""
        return balanced_accuracy(self.own, self.real, self.threshold)

    @property
    def auc(self) -> float:
        """How often an own picture is nearer than a real one."""
        return auc(self.own, self.real)


@dataclass(frozen=True)
class Calibrating:
    """How far a calibration is."""

    done: int
    """Steps of the search, over all pictures."""
    total: int
    calibration: Calibration | None
    """None until the end."""


def auc(own: Sequence[float], real: Sequence[float]) -> float:
    """The area under the ROC curve: the share of pairs of which the own one is the smaller, equal ones half."""
    a, b = np.asarray(own)[:, None], np.asarray(real)[None]
    return float(((a < b) + 0.5 * (a == b)).mean())


def balanced_accuracy(own: Sequence[float], real: Sequence[float], threshold: float) -> float:
    """The mean of the shares of ``own`` below and of ``real`` from ``threshold`` on."""
    return float(((np.asarray(own) < threshold).mean() + (np.asarray(real) >= threshold).mean()) / 2)


def best_threshold(own: Sequence[float], real: Sequence[float]) -> float:
    """The threshold of the best balanced accuracy: midway, in proportion, between two neighbouring distances.

    Of several as good, the one in the widest gap.
    """
    logs = np.unique(_log([*own, *real]))
    if len(logs) == 1:
        return float(np.exp(logs[0]))
    middles = (logs[1:] + logs[:-1]) / 2
    accuracies = [balanced_accuracy(own, real, float(np.exp(middle))) for middle in middles]
    best = max(range(len(middles)), key=lambda i: (round(accuracies[i], 9), logs[i + 1] - logs[i]))
    return float(np.exp(middles[best]))


def density(distances: Sequence[float], at: Sequence[float] | np.ndarray) -> np.ndarray:
    """The density of ``distances`` over their natural logarithm, where it is that of ``at``, by Gaussian kernels.

    Their width is Silverman's rule, at least 0.05. The logarithm, since the two kinds differ by a factor of ten.
    """
    logs = _log(distances)
    low, high = np.percentile(logs, [25, 75])
    spread = min(float(logs.std()), float(high - low) / 1.34)
    width = max(0.9 * spread * len(logs) ** -0.2, 0.05)
    away = (_log(at)[:, None] - logs) / width
    return np.asarray(np.exp(-(away**2) / 2).mean(axis=1) / (width * np.sqrt(2 * np.pi)))


def _log(distances: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(distances, dtype=np.float64), SMALLEST))


def search(
    G: Generator, targets: Tensor, perceptual: Perceptual, conditions: Conditions, *, label: Tensor | None = None
) -> Iterator[Step]:
    """The steps of a projection into W under ``conditions``; the last one's distances are those that compare.

    Raises:
        UserError: as ``project``.
    """
    start = nearest_start(G, targets, perceptual, label) if conditions.start == "nearest" else None
    return project(G, targets, perceptual, steps=conditions.steps, start=start, label=label, seed=conditions.seed)


def calibrate(
    G: Generator,
    reals: Pictures,
    perceptual: Perceptual,
    conditions: Conditions,
    *,
    count: int = PICTURES,
    batch: int = 8,
    label: Label | None = None,
) -> Iterator[Calibrating]:
    """Project ``count`` pictures of seeds from 1,000,000 on, rounded as in a file, and as many real ones.

    Args:
        reals: of the model's size and channels. The choice among them is drawn by the conditions' seed.
        batch: pictures at a time.
        label: of all of the generated; None: each seed draws its own class.

    Raises:
        UserError: there are too few real pictures, or their channels are not the model's.
    """
    if count < FEWEST:
        raise UserError(f"--calibrate: {count} pictures of each kind are too few; use {FEWEST} or more, 48 is usual")
    order = np.random.default_rng(conditions.seed).permutation(len(reals))[:count]
    if len(order) < FEWEST:
        raise UserError(f"--data: {len(order)} real pictures are too few to calibrate with; {FEWEST} is the least")
    channels = reals.image(int(order[0])).shape[0]
    if channels != G.img_channels:
        raise UserError(f"--data: its pictures have {channels} channels, the model's {G.img_channels}")
    return _calibrate(G, reals, perceptual, conditions, order, count, batch, label)


def _calibrate(
    G: Generator,
    reals: Pictures,
    perceptual: Perceptual,
    conditions: Conditions,
    order: np.ndarray,
    count: int,
    batch: int,
    label: Label | None,
) -> Iterator[Calibrating]:
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    own = torch.cat([images for _, images in generate(G, seeds, label=label, batch=batch)])
    real = torch.from_numpy(np.stack([to_8_bits(reals.image(int(number))) for number in order]))
    found: dict[str, list[float]] = {"own": [], "real": []}
    sets = {"own": from_uint8(quantise(own)), "real": from_uint8(real)}
    total = (count + len(order)) * conditions.steps
    done = 0
    for kind, images in sets.items():
        for some in images.split(batch):
            last: Step | None = None
            for last in search(G, some, perceptual, conditions):
                yield Calibrating(done + last.number * len(some), total, None)
            assert last is not None  # a search has a step
            found[kind] += last.distances.tolist()
            done += conditions.steps * len(some)
    calibration = Calibration(conditions, tuple(found["own"]), tuple(found["real"]))
    yield Calibrating(total, total, calibration)


def from_uint8(pictures: Tensor) -> Tensor:
    """Pictures uint8 of any shape → images in [-1, 1], as networks see them in training."""
    return pictures.float() / 127.5 - 1


# --- the file -------------------------------------------------------------------------------------------------------


def write_calibration(path: str | Path, calibration: Calibration) -> None:
    """Write it as JSON."""
    write_text(path, json.dumps({"format": FORMAT, **asdict(calibration)}, indent=1) + "\n")


def read_calibration(path: str | Path, conditions: Conditions) -> Calibration:
    """The calibration in a file.

    Raises:
        MissingFile: there is none.
        UserError: it is none, or one under other conditions than ``conditions``; says which.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"--calibration: {path}: no such file; with --data it is made")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError
        kept = Calibration(
            Conditions(**content["conditions"]),
            own=tuple(float(one) for one in content["own"]),
            real=tuple(float(one) for one in content["real"]),
        )
        if min(len(kept.own), len(kept.real)) < FEWEST:
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"--calibration: {path} is no calibration; project --attribute writes such files") from error
    before, now = asdict(kept.conditions), asdict(conditions)
    for name in before:
        if before[name] != now[name]:
            said = "another model" if name == "model" else f"{name} {before[name]}, not {now[name]}"
            raise UserError(f"--calibration: {path} was made with {said}; name another file, and --data to make it")
    return kept
