"""Linear boundaries (InterFaceGAN: Shen et al. 2020, section 3.1): the hyperplane that parts who has an attribute.

A linear SVM learns it from the latents of the pictures on both sides; its normal, of length 1, is the direction in
which the attribute grows. A part of the latents is held out, and says how far the hyperplane can be believed.

The margin is as soft as it may be without parting those held out noticeably worse. Of two sides that can be parted in
many ways the hardest margin takes one that hangs on the few latents nearest to it, and along its normal little
happens: of a StyleGAN2 of ten classes (Fashion-MNIST, 16²) three standard deviations along it turned 9 % of the other
classes' pictures into the one asked for, with the soft margin 45 % (means of ten classes; benchmarks/boundaries.py).
"""

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator
from stylegans.tools.directions.files import Direction, Found, directions_of
from stylegans.tools.directions.labels import Sides, sides
from stylegans.tools.directions.spread import some_latents, spread
from stylegans.tools.generate import Label

HELD_OUT = 0.3
"""Of each side, as in the paper."""

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""C, what an error costs beside half the squared weights, of latents of variance 1: from the softest margin, whose
normal is nearly the difference of the sides' means, to the hardest, scikit-learn's default."""

TOLERANCE = 0.02
"""How much less of those held out a softer margin may part than the hardest."""

FEWEST = 5
"""Latents on each side, so that some can be held out."""


@dataclass(frozen=True)
class Boundary:
    """The hyperplane normal · w = offset."""

    normal: Tensor
    """[dim], float64, of length 1, towards those that have the attribute."""
    offset: float
    accuracy: float
    """The share of latents held out that lie on their own side, the mean of both sides': 0.5 is chance."""
    positives: int
    """Latents that had the attribute, those held out included."""
    negatives: int


def fit_boundary(ws: Tensor, scores: Sequence[float] | np.ndarray, *, keep: int | None = None) -> Boundary:
    """The boundary between the latents ``ws`` [N, dim] of the highest and of the lowest ``scores`` [N].

    Args:
        keep: how many on each side, at most; None: see ``sides``. The larger side weighs no more than the smaller.

    Raises:
        UserError: fewer than ``FEWEST`` on a side, or scikit-learn is missing.
    """
    return fit_between(ws, sides(scores, keep=keep))


def fit_between(ws: Tensor, parted: Sides) -> Boundary:
    """The boundary between two sides of the latents ``ws`` [N, dim].

    Raises:
        UserError: as ``fit_boundary``.
    """
    if min(len(parted.positive), len(parted.negative)) < FEWEST:
        raise UserError(
            f"--labels: {len(parted.positive)} pictures with the attribute and {len(parted.negative)} without; a "
            f"boundary needs at least {FEWEST} of each, better hundreds: use more --samples, a larger --keep, or label "
            "more"
        )
    x = ws.detach().cpu().double().numpy()
    draws = np.random.default_rng(0)
    (shown_p, held_p), (shown_n, held_n) = (
        _split(np.asarray(side), draws) for side in (parted.positive, parted.negative)
    )
    shown = np.concatenate([shown_p, shown_n])
    targets = np.arange(len(shown)) < len(shown_p)
    # so that neither where the latents lie nor their scale matters to the penalty
    mean, scale = x[shown].mean(axis=0), float(x[shown].std()) or 1.0

    def attempt(C: float) -> tuple[np.ndarray, float, float]:
        """(normal, offset, accuracy)"""
        weight = _svm_weight((x[shown] - mean) / scale, targets, C=C)
        if not (length := float(np.linalg.norm(weight))):
            raise UserError("--labels: the latents of both sides are the same; nothing parts them")
        along = x @ (normal := weight / length)
        offset = _between(along[shown_p], along[shown_n])
        accuracy = ((along[held_p] > offset).mean() + (along[held_n] < offset).mean()) / 2
        return normal, offset, float(accuracy)

    hardest = attempt(PENALTIES[-1])
    softer = (attempt(C) for C in PENALTIES[:-1])
    normal, offset, accuracy = next((one for one in softer if one[2] >= hardest[2] - TOLERANCE), hardest)
    return Boundary(
        normal=torch.from_numpy(normal),
        offset=offset,
        accuracy=accuracy,
        positives=len(parted.positive),
        negatives=len(parted.negative),
    )


def find_boundary(
    G: Generator,
    seeds: Sequence[int],
    scores: Sequence[float] | np.ndarray,
    *,
    keep: int | None = None,
    name: str = "boundary",
    label: Label | None = None,
    layers: Sequence[int] | None = None,
) -> Direction:
    """The normal of the boundary between the w of the ``seeds`` whose ``scores`` are highest and lowest.

    Args:
        keep: as ``fit_boundary``.
        label: of all of them; None: each seed draws its own class.
        layers: the ws the direction is for; None: all.

    Raises:
        UserError: as ``fit_boundary``; or the label is none of the model's.
    """
    parted = sides(scores, keep=keep)
    ws = torch.cat(list(some_latents(G, seeds, label=label)))
    found = fit_between(ws, parted)
    facts = {
        "accuracy": found.accuracy,
        "offset": found.offset,
        "positives": found.positives,
        "negatives": found.negatives,
    }
    one = Found(name, found.normal, spread([ws]).along(found.normal), facts)
    return directions_of(G, [one], method="boundary", layers=layers)[0]


def check_installed() -> None:
    """To be asked before thousands of pictures are drawn.

    Raises:
        UserError: scikit-learn is missing.
    """
    _library("sklearn.svm")


def _split(side: np.ndarray, draws: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(to learn from, held out)"""
    order = draws.permutation(side)
    held = max(1, round(HELD_OUT * len(side)))
    return order[held:], order[:held]


def _between(positive: np.ndarray, negative: np.ndarray) -> float:
    """Where two sides' values [n] meet: as many standard deviations of each from its mean.

    The SVM's own offset is shrunk with its weights, and far off where the margin is soft.
    """
    spreads = positive.std(), negative.std()
    if not sum(spreads):
        return float((positive.mean() + negative.mean()) / 2)
    return float((positive.mean() * spreads[1] + negative.mean() * spreads[0]) / sum(spreads))


def _svm_weight(x: np.ndarray, targets: np.ndarray, *, C: float) -> np.ndarray:
    """[dim]; both sides weigh the same."""
    svm = _library("sklearn.svm").LinearSVC(C=C, random_state=0, class_weight="balanced")
    with warnings.catch_warnings():
        # where it stops early the accuracy says how good it is
        warnings.simplefilter("ignore", _library("sklearn.exceptions").ConvergenceWarning)
        svm.fit(x, targets)
    return np.asarray(svm.coef_[0])


def _library(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError("--method: boundary needs scikit-learn: pip install 'stylegans[metrics]'") from error
