"""The kernel distance between two sets of features (Bińkowski et al. 2018, "Demystifying MMD GANs", section 4).

The squared maximum mean discrepancy under the cubic kernel k(x, y) = (x·y / dim + 1)³, which compares the first three
moments. Its estimate is unbiased at any number of pictures, unlike a Fréchet distance, and may fall below zero. Only
with one particular Inception may it be called KID.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class KernelDistance:
    """Over the subsets."""

    mean: float
    """The distance."""
    std: float
    """What is published beside it. Subsets overlap, and are all the same set where it has no more than a subset's size:
    this is not the distance's uncertainty."""


def kernel_distance(
    generated: np.ndarray,
    real: np.ndarray,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    random: np.random.RandomState,
) -> KernelDistance:
    """Features [N, dim] against [M, dim]: the mean of ``squared_mmd`` over random subsets.

    A subset holds m = min(N, M, ``subset_size``) of each, drawn without replacement, the generated before the real, as
    the published StyleGAN2-ADA draws them: its seeds give its subsets.

    Raises:
        ValueError: fewer than two of either, or the features are of different lengths.
    """
    size = min(len(generated), len(real), subset_size)
    values = []
    for _ in range(subsets):
        x = generated[random.choice(len(generated), size, replace=False)]
        y = real[random.choice(len(real), size, replace=False)]
        values.append(squared_mmd(x, y))
    return KernelDistance(mean=float(np.mean(values)), std=float(np.std(values)))


def squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate of MMD² from features [N, dim] and [M, dim], in float64 (Gretton et al. 2012, lemma 6).

    The means of k(x, x') and k(y, y') over pairs of different samples, less twice the mean of k(x, y).

    Raises:
        ValueError: fewer than two of either, or the features are of different lengths.
    """
    if len(x) < 2 or len(y) < 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"features are [N, dim] and [M, dim], two or more of each, not {list(x.shape)} and {list(y.shape)}"
        )
    x, y = x.astype(np.float64), y.astype(np.float64)
    return _mean_of_others(x) + _mean_of_others(y) - 2 * float(_kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    products = x @ y.T / x.shape[1] + 1
    return products * products * products  # much faster than a power


def _mean_of_others(x: np.ndarray) -> float:
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))
