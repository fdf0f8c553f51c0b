"""Constant perceptual speed: frames an equal LPIPS distance apart along a closed curve.

LPIPS is a squared distance, so its root adds up along a curve as a length does, for steps that are small. The length is
measured on a walk at some pace, and the frames are placed anew where it is even (reparametrisation by arc length). The
measured speed follows the new pace, so that this is done a few times and the evenest pace is kept.
"""

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from pathlib import Path

import numpy as np
from torch import Tensor

Measure = Callable[[Sequence[float]], np.ndarray]
"""Positions on a closed curve → the distance [n] from each to the next, from the last to the first."""

ROUNDS = 3


def even_positions(measure: Measure, start: Sequence[float], *, period: float, rounds: int = ROUNDS) -> list[float]:
    """As many positions as ``start`` has, from its first one on, so far apart that ``measure`` is as even as found.

    Args:
        start: rising positions on a closed curve, in [0, period).
        period: the curve's.
        rounds: how often the distances are measured.
    """
    best, least = list(start), np.inf
    now = np.asarray(start, dtype=np.float64)
    for _ in range(rounds):
        steps = np.asarray(measure(list(now)), dtype=np.float64)
        if steps.sum() == 0:  # nothing moves
            break
        if unevenness(steps) < least:
            best, least = [float(u) for u in now], unevenness(steps)
        now = _even(now, steps, period)
    return best


def unevenness(steps: np.ndarray) -> float:
    """The standard deviation of the steps over their mean: 0 at constant speed."""
    return float(steps.std() / steps.mean())


def _even(positions: np.ndarray, steps: np.ndarray, period: float) -> np.ndarray:
    """Where equal parts of the length end, taking the speed as constant between neighbouring positions."""
    lengths = np.concatenate([[0.0], np.cumsum(steps + steps.sum() * 1e-9)])  # rising also where nothing moves
    wanted = lengths[-1] * np.arange(len(positions)) / len(positions)
    return np.interp(wanted, lengths, np.append(positions, positions[0] + period))


def distances(
    features: Callable[[float], Tensor],
    steps: "Steps | None" = None,
    *,
    tell: Callable[[int], None] = lambda measured: None,
) -> Measure:
    """The distances between what ``features`` [1, dim] gives at neighbouring positions, each drawn once.

    Args:
        steps: those in it, in the order in which they were asked for, are not measured again; new ones join them.
        tell: called with how many distances were measured, over all rounds.
    """
    steps = Steps(None) if steps is None else steps
    numbers = count()

    def measure(at: Sequence[float]) -> np.ndarray:
        before: Tensor | None = None
        found = []
        for u, v in pairwise([*at, at[0]]):
            number = next(numbers)
            if number < len(steps.known):
                found.append(steps.known[number])
                continue
            before, after = features(u) if before is None else before, features(v)
            found.append(float((after - before).norm()))
            steps.add(found[-1])
            before = after
            tell(number + 1)
        return np.array(found)

    return measure


class Steps:
    """Measured distances in order, each kept in the file ``path`` as soon as it is known; None: in no file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text().splitlines(keepends=True) if path is not None and path.exists() else []
        whole = [line for line in lines if line.endswith("\n")]  # the last may have been cut short
        self.known = [float(line) for line in whole]
        if path is not None and len(whole) < len(lines):
            path.write_text("".join(whole))

    def add(self, step: float) -> None:
        self.known.append(step)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(f"{step!r}\n")
