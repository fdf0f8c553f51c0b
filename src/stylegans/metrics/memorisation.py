"""Does a generator repeat its training pictures? Distances to the nearest of them, and pictures beside them.

Every distance needs something to be small against: the same distance of real pictures that are no copies. The training
pictures among themselves are always at hand (``memorisation``); real pictures held out of the training are the better
baseline (``memorisation_against``), for the training set may hold near-duplicates and a generated picture has one more
picture to be near to.
"""

from dataclasses import dataclass

import numpy as np
import torch

from stylegans.files.pictures import WHITE, tile, visible
from stylegans.metrics.neighbours import nearest, nearest_others

COPY_QUANTILE = 0.01
"""A sample is called a copy when nearer to a training picture than this share of the baseline's pictures are."""

GAP, MARGIN = 2, 8
"""White pixels between pictures, and between a sample and its neighbours."""


@dataclass(frozen=True)
class Memorisation:
    """Distances to the nearest training picture, of generated pictures and of the baseline's.

    They are distances in the features of one network, which overlooks what it was not trained to see: a small one means
    that the two pictures look alike to it, not that they are the same, and a copy that was recoloured or mirrored may
    pass unseen. A generator without memory has about 1 % ``copies`` and a ``ratio`` about 1 against pictures held out;
    one whose pictures are poor is far from everything, with a ratio above 1, whether it memorised or not. The share and
    the ratio are hints of where to look; ``figure`` is the evidence.
    """

    generated: float
    """Median distance of a generated picture."""
    baseline: float
    """Median distance of a baseline's picture."""
    threshold: float
    """The 1 % quantile of the baseline's distances."""
    copies: float
    """Share of generated pictures not farther than the threshold."""
    ratio: float
    """``generated`` over ``baseline``: well below 1 speaks of copies. Infinite where the baseline is 0."""


def memorisation(generated: np.ndarray, training: np.ndarray, *, device: torch.device | str = "cpu") -> Memorisation:
    """Features [N, dim] against those of the training pictures [M, dim]; the baseline: each of these among the others.

    Leave mirrored pictures out of ``training``: each would be its own near-copy.

    Raises:
        ValueError: fewer than two training pictures, the lengths differ, or values are not finite.
    """
    return compare(
        nearest(generated, training, 1, device=device).distances[:, 0],
        nearest_others(training, 1, device=device).distances[:, 0],
    )


def memorisation_against(
    generated: np.ndarray, training: np.ndarray, *, heldout: np.ndarray, device: torch.device | str = "cpu"
) -> Memorisation:
    """As ``memorisation``; the baseline: real pictures that were not trained on, [L, dim].

    Raises:
        ValueError: the lengths differ, or values are not finite.
    """
    return compare(
        nearest(generated, training, 1, device=device).distances[:, 0],
        nearest(heldout, training, 1, device=device).distances[:, 0],
    )


def compare(generated: np.ndarray, baseline: np.ndarray) -> Memorisation:
    """The summary of distances to the nearest training picture, [N] and [M], found already."""
    threshold = np.quantile(baseline, COPY_QUANTILE)
    median, median_baseline = float(np.median(generated)), float(np.median(baseline))
    return Memorisation(
        generated=median,
        baseline=median_baseline,
        threshold=float(threshold),
        copies=float((generated <= threshold).mean()),
        ratio=median / median_baseline if median_baseline else float("inf"),
    )


def figure(samples: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Samples uint8 [n, C, H, W] beside their nearest training pictures [n, k, C, H, W] → one picture [H', W', C].

    A row for each sample: the sample, a gap, its neighbours from the nearest on.
    """
    rows = np.concatenate([samples[:, None], neighbours], axis=1)
    count, columns = rows.shape[:2]
    pictures = visible(rows.transpose(0, 1, 3, 4, 2))
    left = tile(pictures[:, 0], columns=1, gap=GAP)
    right = tile(pictures[:, 1:].reshape(count * (columns - 1), *pictures.shape[2:]), columns=columns - 1, gap=GAP)
    between = np.full((len(left), MARGIN, left.shape[2]), WHITE, dtype=np.uint8)
    return np.concatenate([left, between, right], axis=1)
