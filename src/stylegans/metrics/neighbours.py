"""Nearest neighbours among feature vectors, exactly, in memory that does not grow with their number.

Squared distances |a|² + |b|² − 2 a·b come from matrix products, a block of pairs at a time, in the features' precision.
They lose digits where vectors are close, so they only choose: the distances that are returned or decided upon are the
norms of differences, summed in float64. A picture and its exact copy are therefore at distance zero, whatever the
device and the blocks.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

BLOCK = 4096
"""Vectors on each side of a block of pairs: 17 million of them, 67 MB in float32, of which a few are held."""

PAIRS = 1024
"""Pairs whose differences are held at a time."""


class Neighbours(NamedTuple):
    """For each query its nearest references, the nearest first."""

    indices: np.ndarray
    """int64 [N, count], into the references"""
    distances: np.ndarray
    """[N, count], in the features' precision (float16: float32)"""


class Block(NamedTuple):
    """Some consecutive vectors, less a common offset."""

    where: slice
    vectors: Tensor
    norms: Tensor
    """Their squared lengths."""


def nearest(
    queries: np.ndarray, references: np.ndarray, count: int, *, device: torch.device | str = "cpu"
) -> Neighbours:
    """The ``count`` nearest references [M, dim] of each query [N, dim], by Euclidean distance.

    Raises:
        ValueError: there are fewer references, the shapes do not fit, or values are not finite.
    """
    return _search(queries, references, count, others=False, device=device)


def nearest_others(features: np.ndarray, count: int, *, device: torch.device | str = "cpu") -> Neighbours:
    """The ``count`` nearest of each feature vector [N, dim] among the others: itself is left out, its copies are not.

    Raises:
        ValueError: there are not so many others, or values are not finite.
    """
    return _search(features, features, count, others=True, device=device)


def kth_distances(features: np.ndarray, k: int, *, device: torch.device | str = "cpu") -> np.ndarray:
    """The distance [N] of each feature vector [N, dim] to its k-th nearest other: NN_k of Kynkäänniemi et al. 2019.

    Raises:
        ValueError: there are no k others, or values are not finite.
    """
    return nearest_others(features, k, device=device).distances[:, -1]


def balls_holding(
    queries: np.ndarray, centres: np.ndarray, radii: np.ndarray, *, device: torch.device | str = "cpu"
) -> np.ndarray:
    """How many of the closed balls around ``centres`` [M, dim] of ``radii`` [M] hold each query [N, dim]: int64 [N].

    Raises:
        ValueError: the shapes do not fit, or values are not finite.
    """
    queries, centres = check_pair(queries, centres)
    # what a matrix product may be wrong by: closer calls than this are decided by the exact distance
    slack = 8 * float(np.finfo(queries.dtype).eps) * queries.shape[1] ** 0.5
    offset = centres.mean(axis=0)
    counts = np.zeros(len(queries), dtype=np.int64)
    for a in blocks(queries, offset=offset, device=device):
        for b in blocks(centres, offset=offset, device=device):
            excess = squared_distances(a, b) - torch.from_numpy(radii[b.where]).to(a.vectors).square()
            doubtful = excess.abs() <= slack * (a.norms[:, None] + b.norms)
            counts[a.where] += ((excess <= 0) & ~doubtful).sum(dim=1).cpu().numpy()
            row, column = doubtful.nonzero().T.cpu().numpy()
            row, column = row + a.where.start, column + b.where.start
            np.add.at(counts, row, distances(queries, row, centres, column) <= radii[column])
    return counts


def blocks(features: np.ndarray, *, offset: np.ndarray, device: torch.device | str) -> Iterator[Block]:
    """All of ``features`` [N, dim]. With the mean of one side as both sides' offset, differences cancel less."""
    for start in range(0, len(features), BLOCK):
        vectors = torch.from_numpy(features[start : start + BLOCK] - offset).to(device)
        yield Block(slice(start, start + len(vectors)), vectors, vectors.square().sum(dim=1))


def squared_distances(a: Block, b: Block) -> Tensor:
    """[len(a), len(b)], as exact as a matrix product makes them."""
    return torch.addmm(a.norms[:, None] + b.norms, a.vectors, b.vectors.T, alpha=-2).clamp_(min=0)


def distances(a: np.ndarray, rows: np.ndarray, b: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """|a[rows] − b[columns]| [P], summed in float64 and rounded to the features' precision, so that equals compare."""
    found = np.empty(len(rows), dtype=a.dtype)
    for start in range(0, len(rows), PAIRS):
        some = slice(start, start + PAIRS)
        difference = a[rows[some]].astype(np.float64) - b[columns[some]]
        found[some] = np.sqrt(np.einsum("pd,pd->p", difference, difference))
    return found


def check_pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float32, or float64 where one of them is.

    Raises:
        ValueError: they are not [N, dim] and [M, dim] with at least one vector each, or values are not finite.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or 0 in (*a.shape, *b.shape):
        raise ValueError(f"features are [N, dim] and [M, dim], not {list(a.shape)} and {list(b.shape)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("features hold values that are not finite")
    dtype = np.result_type(a.dtype, b.dtype, np.float32)
    return a.astype(dtype, copy=False), b.astype(dtype, copy=False)


def _search(
    queries: np.ndarray, references: np.ndarray, count: int, *, others: bool, device: torch.device | str
) -> Neighbours:
    queries, references = check_pair(queries, references)
    available = len(references) - others
    if not 1 <= count <= available:
        raise ValueError(f"{count} nearest neighbours cannot be had among {available} feature vectors")
    offset = references.mean(axis=0)
    chosen = []
    for a in blocks(queries, offset=offset, device=device):
        best = torch.empty(len(a.vectors), 0).to(a.vectors)
        known = torch.empty(len(a.vectors), 0, dtype=torch.int64, device=device)
        for b in blocks(references, offset=offset, device=device):
            squared = squared_distances(a, b)
            if others and a.where.start == b.where.start:
                squared.fill_diagonal_(torch.inf)
            values, columns = squared.topk(min(count, squared.shape[1]), largest=False)
            values, columns = torch.cat([best, values], dim=1), torch.cat([known, columns + b.where.start], dim=1)
            best, kept = values.topk(min(count, values.shape[1]), largest=False)
            known = columns.gather(1, kept)
        chosen.append(known.cpu().numpy())
    indices = np.concatenate(chosen)
    rows = np.repeat(np.arange(len(queries)), count)
    found = distances(queries, rows, references, indices.reshape(-1)).reshape(indices.shape)
    order = np.argsort(found, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(indices, order, axis=1), np.take_along_axis(found, order, axis=1))
