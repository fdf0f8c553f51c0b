import json
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.metrics.frechet import Accumulator, Gaussian, frechet_distance, statistics

GOLDEN = Path(__file__).parent.parent / "golden" / "ada_metrics.npz"


def gaussian(mean: np.ndarray, covariance: np.ndarray) -> Gaussian:
    return Gaussian(mean=np.asarray(mean, float), covariance=np.asarray(covariance, float), count=100)


def rotation(dim: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0]


def random_covariance(dim: int, seed: int, *, rank: int | None = None) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((rank or 2 * dim, dim))
    return x.T @ x / len(x)


def precise_distance(a: Gaussian, b: Gaussian) -> float:
    """The same in 40 digits, by the eigenvalues of the product itself."""
    with mpmath.workdps(40):
        product = mpmath.matrix(a.covariance.tolist()) * mpmath.matrix(b.covariance.tolist())
        values = mpmath.eig(product, left=False, right=False)
        cross = mpmath.fsum(mpmath.sqrt(max(mpmath.re(value), mpmath.mpf(0))) for value in values)
        shift = mpmath.fsum((mpmath.mpf(x) - mpmath.mpf(y)) ** 2 for x, y in zip(a.mean, b.mean, strict=True))
        traces = mpmath.fsum(mpmath.mpf(x) for x in (*np.diag(a.covariance), *np.diag(b.covariance)))
        return float(shift + traces - 2 * cross)


def test_the_published_fid_of_the_same_features_is_met() -> None:
    golden = np.load(GOLDEN)
    assert "divided by N" in json.loads(str(golden["config"]))["notes"]
    real, fake = (statistics(golden[f"in/{name}_features"]) for name in ("real", "gen"))
    np.testing.assert_allclose(real.mean, golden["out/real_mean"], rtol=1e-6)
    np.testing.assert_allclose(real.covariance, golden["out/real_cov"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fake.covariance, golden["out/gen_cov"], rtol=1e-6, atol=1e-9)
    assert frechet_distance(real, fake) == pytest.approx(float(golden["out/fid"]), rel=1e-6)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)


def test_covariance_divides_by_the_count() -> None:
    x = np.array([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_array_equal(statistics(x).covariance, [[1, 2], [2, 4]])


def test_diagonal_gaussians_differ_by_their_means_and_deviations() -> None:
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    mean = np.array([3.0, 0.0, 4.0])
    expected = 25 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(gaussian(mean, np.diag(a)), gaussian(0 * mean, np.diag(b))) == pytest.approx(expected)


def test_commuting_covariances_differ_by_their_roots_in_the_common_basis() -> None:
    q = rotation(6, 0)
    a, b = np.linspace(0.1, 3, 6), np.linspace(5, 0.01, 6)
    got = frechet_distance(gaussian(np.zeros(6), q * a @ q.T), gaussian(np.zeros(6), q * b @ q.T))
    assert got == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-12)


def test_a_shift_alone_costs_its_square() -> None:
    covariance = random_covariance(5, 0)
    shift = np.arange(5.0)
    assert frechet_distance(gaussian(shift, covariance), gaussian(0 * shift, covariance)) == pytest.approx(30)


def test_scaling_a_gaussian_costs_its_trace_times_the_square() -> None:
    covariance = random_covariance(7, 1)
    got = frechet_distance(gaussian(np.zeros(7), covariance), gaussian(np.zeros(7), 9 * covariance))
    assert got == pytest.approx(4 * np.trace(covariance), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(dim=st.integers(1, 12), seed=st.integers(0, 1000), rank=st.integers(1, 14))
def test_distance_is_symmetric_never_negative_zero_to_itself_and_blind_to_rotation(
    dim: int, seed: int, rank: int
) -> None:
    rng = np.random.default_rng(seed)
    a = gaussian(rng.standard_normal(dim), random_covariance(dim, seed, rank=rank))
    b = gaussian(rng.standard_normal(dim), random_covariance(dim, seed + 1))
    q = rotation(dim, seed)
    there = frechet_distance(a, b)
    assert there >= 0
    assert frechet_distance(b, a) == pytest.approx(there, rel=1e-9, abs=1e-12)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12 * (1 + np.trace(a.covariance)))
    turned = (gaussian(q @ g.mean, q @ g.covariance @ q.T) for g in (a, b))
    assert frechet_distance(*turned) == pytest.approx(there, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("rank", [4, 12, 40], ids=["singular", "barely", "full"])
def test_distance_agrees_with_forty_digits(rank: int) -> None:
    rng = np.random.default_rng(3)
    a = statistics(rng.standard_normal((rank, 12)) * np.logspace(0, -3, 12))
    b = statistics(rng.standard_normal((rank, 12)) * np.logspace(-1, 1, 12) + 0.1)
    assert frechet_distance(a, b) == pytest.approx(precise_distance(a, b), rel=1e-8)


def test_far_fewer_pictures_than_features_still_give_zero_to_themselves() -> None:
    few = statistics(np.random.default_rng(0).standard_normal((10, 300)))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-10)


def test_gaussians_without_spread_differ_by_their_means() -> None:
    a, b = gaussian(np.zeros(3), np.zeros((3, 3))), gaussian(np.ones(3), np.zeros((3, 3)))
    assert frechet_distance(a, b) == 3


@given(cuts=st.lists(st.integers(0, 40), max_size=4), offset=st.sampled_from([0.0, 1e6]))
def test_batches_in_any_cut_give_the_statistics_of_the_whole(cuts: list[int], offset: float) -> None:
    x = np.random.default_rng(0).standard_normal((40, 5)) + offset
    accumulator = Accumulator(5)
    for part in np.split(x, sorted(cuts)):
        accumulator.update(part)
    whole = statistics(x)
    got = accumulator.gaussian()
    assert got.count == 40
    np.testing.assert_allclose(got.mean, whole.mean, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(got.covariance, whole.covariance, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(got.covariance, np.cov(x.T, bias=True), rtol=1e-8, atol=1e-9)


def test_features_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[N, 5\], not \[3, 4\]"):
        Accumulator(5).update(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="not finite"):
        statistics(np.full((3, 4), np.nan))
    with pytest.raises(ValueError, match="no features"):
        statistics(np.zeros((0, 4)))
    with pytest.raises(ValueError, match="different lengths"):
        frechet_distance(gaussian(np.zeros(2), np.eye(2)), gaussian(np.zeros(3), np.eye(3)))
