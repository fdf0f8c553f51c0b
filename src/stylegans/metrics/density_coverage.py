"""Density and coverage (Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", section 3).

Both look at the balls around real pictures only, each reaching to its k-th nearest other real picture: an outlier among
the generated ones cannot make the manifold larger. Balls are closed, as in Kynkäänniemi et al. 2019; that matters only
where distances tie, as between a set and itself, whose density is (k + 1) / k.
"""

from dataclasses import dataclass

import numpy as np
import torch

from stylegans.metrics.neighbours import balls_holding, check_pair, kth_distances, nearest


@dataclass(frozen=True)
class DensityCoverage:
    """How real and how varied the generated pictures are."""

    density: float
    """Real balls that hold a generated picture, on average, over k. Not bounded by 1: where generated pictures crowd
    where real ones do it is larger. Equal distributions give 1 in expectation."""
    coverage: float
    """Share of real balls that hold a generated picture, 0 to 1."""


def density_coverage(
    generated: np.ndarray, real: np.ndarray, *, k: int = 5, device: torch.device | str = "cpu"
) -> DensityCoverage:
    """Of features [N, dim] against [M, dim] (section 3.2).

    Raises:
        ValueError: not more than k real pictures, the lengths differ, or values are not finite.
    """
    generated, real = check_pair(generated, real)
    radii = kth_distances(real, k, device=device)
    held = balls_holding(generated, real, radii, device=device)
    closest = nearest(real, generated, 1, device=device).distances[:, 0]
    return DensityCoverage(density=float(held.mean() / k), coverage=float((closest <= radii).mean()))


def expected_coverage(*, generated: int, real: int, k: int = 5) -> float:
    """The coverage of equal distributions, by the numbers of pictures (lemma 2): what a perfect generator gets.

    1 − (M−1)⋯(M−k) / ((N+M−1)⋯(N+M−k)) for N generated and M real pictures.
    """
    missed = np.prod([(real - i) / (generated + real - i) for i in range(1, k + 1)])
    return float(1 - missed)
