from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.tools.curves import loop, positions, slopes, spline, split

COUNTS = st.integers(2, 40)
SEEDS = st.integers(0, 1000)


def keyframes(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(count=COUNTS, seed=SEEDS)
def test_the_spline_passes_through_every_keyframe(count: int, seed: int) -> None:
    keys = keyframes(count, seed)
    derivatives = slopes(keys)
    for i in range(count):
        torch.testing.assert_close(spline(keys, derivatives, float(i)), keys[i])
        torch.testing.assert_close(spline(keys, derivatives, float(i + count)), keys[i])


@given(count=COUNTS, seed=SEEDS)
def test_first_and_second_derivatives_are_continuous_at_every_keyframe_also_where_it_closes(
    count: int, seed: int
) -> None:
    keys = keyframes(count, seed)
    m, p = slopes(keys), keys
    before, after = [x.roll(1, dims=0) for x in (p, m)], (p, m)
    # a cubic Hermite piece from (p, m) to (q, n): p'' is 6(q − p) − 4m − 2n where it begins, −6(q − p) + 2m + 4n where
    # it ends; its first derivatives are m and n
    ending = -6 * (p - before[0]) + 2 * before[1] + 4 * m
    following = [x.roll(-1, dims=0) for x in after]
    beginning = 6 * (following[0] - p) - 4 * m - 2 * following[1]
    torch.testing.assert_close(ending, beginning, rtol=1e-9, atol=1e-9)
    step = 1e-6
    for i in (0, count - 1):
        left, right = (spline(keys, m, i + side * step) for side in (-1, 1))
        torch.testing.assert_close((right - left) / (2 * step), m[i], rtol=1e-4, atol=1e-4)


@given(count=COUNTS, seed=SEEDS, u=st.floats(0, 1))
def test_a_circle_of_keyframes_gives_nearly_a_circle(count: int, seed: int, u: float) -> None:
    count += 6
    angles = 2 * np.pi * np.arange(count) / count
    keys = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    point = spline(keys, slopes(keys), u * count)
    assert abs(float(point.norm()) - 1) < 3 / count**4 * 10
    torch.testing.assert_close(
        point, torch.tensor([np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)]), rtol=0, atol=60 / count**4
    )


@given(count=COUNTS, seed=SEEDS)
def test_it_is_the_spline_that_scipy_makes(count: int, seed: int) -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    keys = keyframes(count, seed)
    theirs = interpolate.CubicSpline(np.arange(count + 1), np.concatenate([keys, keys[:1]]), bc_type="periodic")
    derivatives = slopes(keys)
    for u in np.linspace(0, count, 7, endpoint=False):
        np.testing.assert_allclose(spline(keys, derivatives, float(u)), theirs(u), rtol=1e-9, atol=1e-9)


def test_between_two_keyframes_it_goes_there_and_back_on_a_straight_line() -> None:
    keys = keyframes(2, 0)
    assert float(slopes(keys).abs().max()) < 1e-12
    torch.testing.assert_close(spline(keys, slopes(keys), 0.5), (keys[0] + keys[1]) / 2)
    torch.testing.assert_close(spline(keys, slopes(keys), 0.25), spline(keys, slopes(keys), 1.75))


@given(count=COUNTS, frames=st.integers(1, 30), curve=st.sampled_from(["linear", "smooth"]))
def test_positions_rise_from_0_and_pass_every_keyframe(count: int, frames: int, curve: str) -> None:
    at = positions(count, frames, curve=curve)  # type: ignore[arg-type]
    assert len(at) == count * frames
    assert at[0] == 0
    assert at[-1] < count
    assert all(a < b for a, b in pairwise(at))
    assert at[::frames] == [float(i) for i in range(count)]


def test_linear_positions_are_the_loops() -> None:
    at = positions(3, 7, curve="linear")
    for u, (start, end, along) in zip(at, loop(3, 7), strict=True):
        a, b, t = split(u, 3)
        assert (a, b) == (start, end)
        assert t == pytest.approx(along, abs=1e-12)
