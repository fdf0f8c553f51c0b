"""The Fréchet distance between two Gaussians (Heusel et al. 2017, section "Fréchet Inception Distance").

Features → statistics → value: ``statistics`` fits a Gaussian to features, ``frechet_distance`` compares two. Which
features they are is the caller's affair; only with one particular Inception may the distance be called FID.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution fitted to ``count`` feature vectors, in float64.

    The covariance divides by the count, as the published StyleGAN2-ADA and StyleGAN3 do (the older TensorFlow
    programs divide by the count less one).
    """

    mean: np.ndarray
    """[dim]"""
    covariance: np.ndarray
    """[dim, dim], symmetric"""
    count: int

    @property
    def dim(self) -> int:
        return len(self.mean)


class Accumulator:
    """Fits a Gaussian to features that come in batches, in memory that does not grow with them.

    Keeps the mean and the scatter about it, and joins each batch's own to them (Chan, Golub and LeVeque 1979):
    unlike sums of raw squares, this loses no digits where the mean is large beside the spread.
    """

    def __init__(self, dim: int) -> None:
        self.count = 0
        self._mean = np.zeros(dim)
        self._scatter = np.zeros((dim, dim))

    def update(self, features: np.ndarray) -> None:
        """Take in features [N, dim].

        Raises:
            ValueError: their shape is another, or they hold an infinity or a NaN.
        """
        x = np.asarray(features, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self._mean):
            raise ValueError(f"features are [N, {len(self._mean)}], not {list(x.shape)}")
        if not np.isfinite(x).all():
            raise ValueError("features hold values that are not finite")
        if len(x) == 0:
            return
        batch = Accumulator(len(self._mean))
        batch.count, batch._mean = len(x), x.mean(axis=0)
        centred = x - batch._mean
        batch._scatter = centred.T @ centred
        self.merge(batch)

    def merge(self, other: "Accumulator") -> None:
        """Take in what another has taken in."""
        if other.count == 0:
            return
        total = self.count + other.count
        step = other._mean - self._mean
        self._scatter += other._scatter + np.outer(step, step) * (self.count * other.count / total)
        self._mean = self._mean + step * (other.count / total)
        self.count = total

    def gaussian(self) -> Gaussian:
        """The Gaussian of everything taken in so far.

        Raises:
            ValueError: that is nothing.
        """
        if self.count == 0:
            raise ValueError("no features to fit a Gaussian to")
        return Gaussian(mean=self._mean.copy(), covariance=self._scatter / self.count, count=self.count)


def statistics(features: np.ndarray) -> Gaussian:
    """The Gaussian of features [N, dim].

    Raises:
        ValueError: there are none, or they are not finite.
    """
    accumulator = Accumulator(features.shape[-1])
    accumulator.update(features)
    return accumulator.gaussian()


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """The squared Fréchet distance |μa − μb|² + tr(Σa + Σb − 2 (Σa Σb)^½), never below zero.

    With Σa = A Aᵀ and Σb = B Bᵀ the trace of (Σa Σb)^½ is the sum of the roots of the eigenvalues of the symmetric
    Aᵀ Σb A, which are the singular values of Aᵀ B. Taken as singular values their rounding error is not magnified by
    a root, so that singular covariances (fewer pictures than features) need no offset on the diagonal and equal ones
    give zero to about 1e-13 of their trace.

    Raises:
        ValueError: the features are of different lengths.
    """
    if a.dim != b.dim:
        raise ValueError(f"features of different lengths do not compare: {a.dim} and {b.dim}")
    cross = np.linalg.svd(_factor(a.covariance).T @ _factor(b.covariance), compute_uv=False).sum()
    difference = a.mean - b.mean
    distance = difference @ difference + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross
    return max(float(distance), 0.0)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """A [dim, rank] with A Aᵀ = covariance. What lies below the rounding of its largest eigenvalue counts as zero."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])
