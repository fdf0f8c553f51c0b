from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylegans.tools.pace import Steps, distances, even_positions, unevenness


def planted(u: float) -> Tensor:
    """A generator whose pictures turn on a circle, ten times as fast in places as in others."""
    angle = 2 * np.pi * (u / 3 + 0.13 * np.sin(2 * np.pi * u / 3))
    return torch.tensor([[np.cos(angle), np.sin(angle)]])


@pytest.mark.parametrize("count", [24, 120])
def test_frames_are_evenly_far_apart_at_the_planted_speed(count: int) -> None:
    start = [3 * i / count for i in range(count)]
    measure = distances(planted)
    assert unevenness(measure(start)) > 0.5
    found = even_positions(measure, start, period=3)
    assert unevenness(measure(found)) < 0.03
    assert len(found) == count
    # the planted law: the angle, not the position, rises evenly
    angles = [u / 3 + 0.13 * np.sin(2 * np.pi * u / 3) for u in found]
    assert np.abs(np.array(angles) - np.arange(count) / count).max() < 0.3 / count


@given(seed=st.integers(0, 1000), count=st.integers(2, 60), period=st.integers(2, 9))
def test_positions_begin_where_they_began_rise_and_stay_on_the_curve(seed: int, count: int, period: int) -> None:
    speeds = np.random.default_rng(seed).uniform(0, 1, 50) * (np.arange(50) % 3 > 0)  # it also stands still

    def measure(at: object) -> np.ndarray:
        ends = np.append(np.asarray(at, dtype=float), period)
        length = np.interp(ends, np.linspace(0, period, 51), np.concatenate([[0], np.cumsum(speeds)]))
        return np.diff(length)

    found = even_positions(measure, [period * i / count for i in range(count)], period=period)
    assert found[0] == 0
    assert all(a < b for a, b in zip(found, [*found[1:], period], strict=True))


def test_pictures_that_never_change_keep_their_pace() -> None:
    start = [0.0, 0.5, 1.0, 1.5]
    assert even_positions(distances(lambda u: torch.zeros(1, 2)), start, period=2) == start


def test_distances_are_from_each_to_the_next_and_from_the_last_to_the_first() -> None:
    drawn: list[float] = []

    def features(u: float) -> Tensor:
        drawn.append(u)
        return torch.tensor([[u * u]])

    assert distances(features)([0.0, 1.0, 3.0]).tolist() == [1, 8, 9]
    assert drawn == [0, 1, 3, 0]


def test_measured_distances_are_kept_and_not_measured_again(tmp_path: Path) -> None:
    path, start = tmp_path / "steps.txt", [i / 10 for i in range(30)]
    told: list[int] = []
    whole = even_positions(distances(planted, Steps(path), tell=told.append), start, period=3)
    assert told == list(range(1, 91))
    lines = path.read_text()
    path.write_text(lines[: len(lines) // 2])  # cut in the middle of a number
    drawn: list[float] = []

    def counted(u: float) -> Tensor:
        drawn.append(u)
        return planted(u)

    assert even_positions(distances(counted, Steps(path)), start, period=3) == whole
    assert 40 < len(drawn) < 55
    assert path.read_text() == lines
