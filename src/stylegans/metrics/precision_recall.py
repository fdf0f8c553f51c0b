"""Precision and recall by nearest neighbours (Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for
Assessing Generative Models").

A set's manifold is the union of closed balls around its features, each reaching to its k-th nearest other (section 2).
Precision is the share of generated pictures on the real manifold, recall that of real pictures on the generated one.
The published programs compute in half precision, whose coarse distances tie: their last digit (0.648 for 0.644) is not
met here. Both change with the numbers of pictures: compare at equal ones.
"""

from dataclasses import dataclass

import numpy as np
import torch

from stylegans.metrics.neighbours import (
    balls_holding,
    blocks,
    check_pair,
    distances,
    kth_distances,
    squared_distances,
)


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares, 0 to 1."""

    precision: float
    recall: float


def precision_recall(
    generated: np.ndarray, real: np.ndarray, *, k: int = 3, device: torch.device | str = "cpu"
) -> PrecisionRecall:
    """Of features [N, dim] against [M, dim] (equations 1 and 2).

    Raises:
        ValueError: not more than k of either, the lengths differ, or values are not finite.
    """
    return PrecisionRecall(
        precision=share_on_manifold(generated, real, kth_distances(real, k, device=device), device=device),
        recall=share_on_manifold(real, generated, kth_distances(generated, k, device=device), device=device),
    )


def share_on_manifold(
    features: np.ndarray, support: np.ndarray, radii: np.ndarray, *, device: torch.device | str = "cpu"
) -> float:
    """The share of features [N, dim] in one of the balls around ``support`` [M, dim], whose radii [M] are known."""
    return float((balls_holding(features, support, radii, device=device) > 0).mean())


def realism(generated: np.ndarray, real: np.ndarray, *, k: int = 3, device: torch.device | str = "cpu") -> np.ndarray:
    """Each generated picture's realism score [N] (section 5, equation 3).

    The largest ratio, over real pictures, of a ball's radius to the distance from its centre; at least 1 on the
    manifold. As in the paper balls larger than the median are left out: where real pictures are sparse they would call
    anything real. Infinite where a generated picture's features are a real one's.

    Raises:
        ValueError: not more than k real pictures, the lengths differ, or values are not finite.
    """
    generated, real = check_pair(generated, real)
    radii = kth_distances(real, k, device=device)
    kept = radii <= np.median(radii)
    centres, radii = real[kept], radii[kept]
    offset = centres.mean(axis=0)
    closest = []
    for a in blocks(generated, offset=offset, device=device):
        best = torch.full((len(a.vectors),), -1.0).to(a.vectors)
        where = torch.zeros(len(a.vectors), dtype=torch.int64, device=device)
        for b in blocks(centres, offset=offset, device=device):
            squared_radii = torch.from_numpy(radii[b.where]).to(a.vectors).square()
            floor = torch.finfo(a.vectors.dtype).tiny
            ratio, column = (squared_radii / squared_distances(a, b).clamp(min=floor)).max(dim=1)
            where = torch.where(ratio > best, column + b.where.start, where)
            best = torch.maximum(best, ratio)
        closest.append(where.cpu().numpy())
    chosen = np.concatenate(closest)
    reached = distances(generated, np.arange(len(generated)), centres, chosen)
    return np.divide(radii[chosen], reached, out=np.full_like(reached, np.inf), where=reached > 0)
