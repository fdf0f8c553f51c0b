"""Linear separability (StyleGAN, section 4.2): how well hyperplanes in latent space tell attributes' sides apart.

Latents and the attributes' logits of their pictures → conditional entropies → score. Per attribute the pictures are
kept of which its classifier is surest; a linear SVM learns to tell from the latent what the classifier says of the
picture; what stays open once the SVM has spoken is H(Y | X) in bits, X the SVM's side and Y the classifier's. The score
is 2 to their sum over the attributes: 1 when every attribute is a half-space. (The paper writes exp, in nats.)

The SVM is scikit-learn's ``LinearSVC`` with its defaults, judged on the points it was fitted to, as published. Where
there are more points than dimensions today's defaults solve the primal problem instead of the dual: the same minimum,
reached where the older solver stopped at its iteration limit.
"""

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stylegans.errors import UserError

PUBLISHED_NUM, PUBLISHED_KEEP = 200_000, 100_000
"""Latents drawn, and kept per attribute."""


@dataclass(frozen=True)
class Separability:
    """Of one latent space; a value per attribute, in the logits' order."""

    entropies: tuple[float, ...]
    """H(Y | X) in bits, from 0 (a half-space) to H(Y) (a hyperplane says nothing)."""
    ceilings: tuple[float, ...]
    """H(Y) in bits: 1 where half the pictures kept have the attribute, near 0 where nearly all are on one side, and
    there is next to nothing to separate."""
    accuracies: tuple[float, ...]
    """Shares of the points kept that lie on their own side of the SVM's hyperplane; 1 where there was one side only."""
    positives: tuple[float, ...]
    """Shares of the points kept whose pictures have the attribute. At 0 or 1 there was nothing to separate: that
    counts as perfect, as published, though it may mean that the generator has lost one side."""
    unconverged: tuple[int, ...]
    """The attributes whose SVM stopped at its iteration limit."""

    @property
    def score(self) -> float:
        return score(self.entropies)

    @property
    def one_sided(self) -> tuple[int, ...]:
        """The attributes of which every picture kept was on the same side."""
        return tuple(i for i, share in enumerate(self.positives) if share in (0, 1))


def separability(latents: np.ndarray, logits: np.ndarray, *, keep: int = PUBLISHED_KEEP, seed: int = 0) -> Separability:
    """The linear separability of ``latents`` [N, dim] by the attributes whose ``logits`` [N, A] their pictures have.

    Args:
        latents: z, or w as the last layer takes it.
        logits: positive: the picture has the attribute; farther from zero: the classifier is surer of it.
        keep: points kept per attribute, the surest; as published half of them.
        seed: of the SVM, which draws only where there are no more points than dimensions.

    Raises:
        UserError: there are fewer points than ``keep``, or scikit-learn is missing.
        ValueError: shapes that do not fit, or values that are not finite.
    """
    if latents.ndim != 2 or logits.ndim != 2 or len(latents) != len(logits):
        raise ValueError(f"latents [N, dim] and logits [N, A], not {list(latents.shape)} and {list(logits.shape)}")
    if not np.isfinite(latents).all():
        raise ValueError("latents hold values that are not finite")
    fits = [_separate(latents, column, keep=keep, seed=seed) for column in logits.T]
    return Separability(
        entropies=tuple(fit.entropy for fit in fits),
        ceilings=tuple(entropy(np.array([fit.positives, 1 - fit.positives])) for fit in fits),
        accuracies=tuple(fit.accuracy for fit in fits),
        positives=tuple(fit.positives for fit in fits),
        unconverged=tuple(i for i, fit in enumerate(fits) if not fit.converged),
    )


def score(entropies: Sequence[float]) -> float:
    """2 to the sum of conditional entropies in bits; 1 is best."""
    return float(2 ** np.sum(entropies))


def most_confident(logits: np.ndarray, keep: int) -> np.ndarray:
    """The numbers, rising, of the ``keep`` pictures of which one attribute's classifier is surest.

    Its confidence is max p with p = softmax([logit, −logit]), which rises with |logit|: the order is by that, so that
    no two equal 1 by rounding. Of equals the first is taken.

    Args:
        logits: [N].

    Raises:
        UserError: ``keep`` is not between 1 and N.
        ValueError: logits are not finite.
    """
    if not 1 <= keep <= len(logits):
        raise UserError(f"keep: {keep} of {len(logits)} pictures cannot be kept; take between 1 and {len(logits)}")
    if not np.isfinite(logits).all():
        raise ValueError("logits hold values that are not finite")
    return np.sort(np.argsort(-np.abs(logits), kind="stable")[:keep])


def joint(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Two columns of 0 and 1, [N] each → their joint distribution [2, 2], the prediction's value down the rows."""
    pairs = 2 * np.asarray(predictions, dtype=np.int64) + np.asarray(targets, dtype=np.int64)
    return np.bincount(pairs, minlength=4).reshape(2, 2) / len(pairs)


def entropy(p: np.ndarray) -> float:
    """−Σ p log₂ p of a distribution of any shape, normalised if it is not; 0 log 0 = 0."""
    p = np.asarray(p, dtype=np.float64)
    p = p[p > 0] / p.sum()
    return max(0.0, -float(p @ np.log2(p)))


def mutual_information(table: np.ndarray) -> float:
    """I(X; Y) = H(X) + H(Y) − H(X, Y) in bits, never below 0; X down the rows of ``table``, Y along its columns."""
    return max(0.0, entropy(table.sum(axis=1)) + entropy(table.sum(axis=0)) - entropy(table))


def conditional_entropy(table: np.ndarray) -> float:
    """H(Y | X) = H(Y) − I(X; Y) in bits, never below 0; X down the rows of ``table``, Y along its columns."""
    return max(0.0, entropy(table.sum(axis=0)) - mutual_information(table))


def check_installed(*, option: str = "--metrics") -> None:
    """To be asked before hours of sampling.

    Raises:
        UserError: scikit-learn is missing.
    """
    _library("sklearn.svm", option=option)


@dataclass(frozen=True)
class _Fit:
    entropy: float
    accuracy: float
    positives: float
    converged: bool


def _separate(latents: np.ndarray, logits: np.ndarray, *, keep: int, seed: int) -> _Fit:
    """One attribute's; ``logits`` [N]."""
    kept = most_confident(logits, keep)
    targets = logits[kept] >= 0  # the first of softmax's two, which also wins a tie, is 'has it'
    positives = float(targets.mean())
    if positives in (0, 1):  # no SVM can be fitted: the published program counts a failure as perfect
        return _Fit(entropy=0.0, accuracy=1.0, positives=positives, converged=True)
    predictions, converged = _linear_svm(latents[kept], targets, seed=seed)
    return _Fit(
        entropy=conditional_entropy(joint(predictions, targets)),
        accuracy=float((predictions == targets).mean()),
        positives=positives,
        converged=converged,
    )


def _linear_svm(x: np.ndarray, targets: np.ndarray, *, seed: int) -> tuple[np.ndarray, bool]:
    """Its predictions for the points it was fitted to, and whether it converged."""
    svm = _library("sklearn.svm", option="separability").LinearSVC(random_state=seed)
    unconverged = _library("sklearn.exceptions", option="separability").ConvergenceWarning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", unconverged)  # part of the result instead
        svm.fit(x, targets)
    return svm.predict(x), bool(svm.n_iter_ < svm.max_iter)


def _library(module: str, *, option: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"{option}: linear separability needs scikit-learn: pip install 'stylegans[metrics]'"
        ) from error
