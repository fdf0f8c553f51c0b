from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.metrics import neighbours
from stylegans.metrics.neighbours import balls_holding, kth_distances, nearest, nearest_others


@pytest.fixture(autouse=True, params=[5, 4096], ids=["many blocks", "one block"])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", request.param)
    monkeypatch.setattr(neighbours, "PAIRS", 3 if request.param == 5 else 1024)


def cloud(count: int, dim: int, seed: int, **options: Any) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(options.get("dtype", np.float32))


def exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a[:, None].astype(np.float64) - b, axis=2)


@given(
    n=st.integers(1, 23),
    m=st.integers(1, 23),
    dim=st.integers(1, 6),
    count=st.integers(1, 23),
    offset=st.sampled_from([0.0, 1000.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_nearest_are_those_of_every_distance(
    n: int, m: int, dim: int, count: int, offset: float, dtype: type
) -> None:
    a, b = (cloud(size, dim, seed, dtype=dtype) + dtype(offset) for seed, size in enumerate((n, m)))
    count = min(count, m)
    found = nearest(a, b, count)
    assert found.indices.shape == found.distances.shape == (n, count)
    assert found.distances.dtype == dtype
    np.testing.assert_allclose(found.distances, np.sort(exact(a, b), axis=1)[:, :count], rtol=1e-4, atol=1e-4)
    own = np.take_along_axis(exact(a, b), found.indices, axis=1)
    np.testing.assert_allclose(found.distances, own, rtol=1e-6)


@given(n=st.integers(3, 30), k=st.integers(1, 29))
def test_the_kth_nearest_other_is_the_next_after_itself(n: int, k: int) -> None:
    k = min(k, n - 1)
    x = cloud(n, 4, n)
    np.testing.assert_allclose(kth_distances(x, k), np.sort(exact(x, x), axis=1)[:, k], rtol=1e-5)


def test_of_a_set_with_itself_only_the_picture_itself_is_left_out_not_its_copy() -> None:
    x = cloud(12, 5, 0) + np.float32(100)
    x[7] = x[2]
    found = nearest_others(x, 1)
    assert (found.indices[[2, 7], 0] == [7, 2]).all()
    assert (found.distances[:, 0] == 0).nonzero()[0].tolist() == [2, 7]
    assert (found.indices[:, 0] != np.arange(12)).all()


def test_a_copy_is_at_distance_zero_however_large_its_features() -> None:
    x = cloud(12, 64, 0) * np.float32(1e4) + np.float32(1e6)
    assert (nearest(x[3:5].copy(), x, 1).distances == 0).all()


@given(seed=st.integers(0, 100), dim=st.integers(1, 3))
def test_ties_are_decided_exactly(seed: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    centres, queries = (rng.integers(-3, 4, size=(size, dim)).astype(np.float32) + 1000 for size in (13, 17))
    radii = rng.integers(0, 4, size=13).astype(np.float32)
    expected = (exact(queries, centres) <= radii).sum(axis=1)
    np.testing.assert_array_equal(balls_holding(queries, centres, radii), expected)


def test_every_ball_that_reaches_to_its_kth_neighbour_holds_k_others_and_its_own_centre() -> None:
    x = cloud(40, 3, 0)
    assert balls_holding(x, x, kth_distances(x, 4)).sum() == 40 * 5


def test_float16_features_are_compared_in_float32() -> None:
    x = cloud(12, 5, 0).astype(np.float16)
    found = nearest(x, x[:6], 2)
    assert found.distances.dtype == np.float32
    np.testing.assert_array_equal(found.distances, nearest(x.astype(np.float32), x[:6].astype(np.float32), 2).distances)


def test_no_more_than_a_block_of_pairs_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[torch.Size] = []
    whole: Callable[..., torch.Tensor] = neighbours.squared_distances

    def spy(*blocks: neighbours.Block) -> torch.Tensor:
        result = whole(*blocks)
        sizes.append(result.shape)
        return result

    monkeypatch.setattr(neighbours, "squared_distances", spy)
    x = cloud(33, 3, 0)
    balls_holding(x, x, kth_distances(x, 4))
    assert all(max(size) <= neighbours.BLOCK for size in sizes)
    assert sum(size.numel() for size in sizes) == 2 * 33 * 33


def test_features_that_make_no_sense_are_refused() -> None:
    x = cloud(4, 3, 0)
    with pytest.raises(ValueError, match=r"not \[4, 3\] and \[4, 2\]"):
        nearest(x, x[:, :2], 1)
    with pytest.raises(ValueError, match="not finite"):
        nearest(x, x * np.float32(np.nan), 1)
    with pytest.raises(ValueError, match="5 nearest neighbours cannot be had among 4"):
        nearest(x, x, 5)
    with pytest.raises(ValueError, match="4 nearest neighbours cannot be had among 3"):
        nearest_others(x, 4)
    with pytest.raises(ValueError, match=r"\[N, dim\]"):
        nearest(x, x[:0], 1)
