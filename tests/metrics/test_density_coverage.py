import numpy as np
import pytest

from stylegans.metrics.density_coverage import DensityCoverage, density_coverage, expected_coverage


def cloud(count: int, dim: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim))


def test_they_are_the_papers_sums() -> None:
    generated, real = cloud(30, 3, 0), cloud(40, 3, 1)
    among = np.linalg.norm(real[:, None] - real, axis=2)
    radii = np.sort(among, axis=1)[:, 5]
    inside = np.linalg.norm(generated[:, None] - real, axis=2) <= radii
    got = density_coverage(generated, real)
    assert got.density == pytest.approx(inside.sum() / (5 * 30))
    assert got.coverage == pytest.approx(inside.any(axis=0).mean())
    assert 0 < got.coverage < 1


@pytest.mark.parametrize("k", [1, 5])
def test_a_set_covers_itself_and_each_ball_holds_its_centre_and_k_neighbours(k: int) -> None:
    x = cloud(50, 4, 0).astype(np.float32)
    assert density_coverage(x, x, k=k) == DensityCoverage((k + 1) / k, 1)


def test_sets_far_apart_have_neither() -> None:
    assert density_coverage(cloud(30, 4, 0) + 100, cloud(30, 4, 1)) == DensityCoverage(0, 0)


@pytest.mark.parametrize(("generated", "real"), [(40, 40), (20, 60), (60, 20)])
def test_equal_distributions_have_density_one_and_the_coverage_of_the_lemma_on_average(
    generated: int, real: int
) -> None:
    found = [density_coverage(cloud(generated, 2, 2 * i), cloud(real, 2, 2 * i + 1)) for i in range(300)]
    for values, expected in (
        ([one.density for one in found], 1.0),
        ([one.coverage for one in found], expected_coverage(generated=generated, real=real)),
    ):
        assert abs(np.mean(values) - expected) < 4 * np.std(values) / len(values) ** 0.5


def test_an_outlier_among_the_generated_adds_to_neither() -> None:
    generated, real = cloud(99, 3, 0), cloud(100, 3, 1)
    before = density_coverage(generated, real)
    after = density_coverage(np.concatenate([generated, [[50.0, 0.0, 0.0]]]), real)
    assert after.density == pytest.approx(before.density * 0.99)
    assert after.coverage == before.coverage


def modes(count: int, kinds: int, seed: int) -> np.ndarray:
    """A mixture of distant Gaussians, the first ``kinds`` of ten."""
    rng = np.random.default_rng(seed)
    return 20 * np.eye(10)[rng.integers(kinds, size=count)] + rng.standard_normal((count, 10))


def test_dropped_modes_lower_coverage_by_their_share() -> None:
    real = modes(400, 10, 0)
    whole, half = (density_coverage(modes(400, kinds, 1), real).coverage for kinds in (10, 5))
    assert whole > 0.9
    assert half / whole == pytest.approx(0.5, abs=0.1)


def test_noise_lowers_density() -> None:
    real, fresh, noise = modes(400, 10, 0), modes(400, 10, 1), cloud(400, 10, 2)
    found = [density_coverage(fresh + level * noise, real).density for level in (0, 0.5, 1, 2)]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(1, abs=0.2)
    assert found[-1] < 0.1


def test_too_few_pictures_for_k_neighbours_are_refused() -> None:
    with pytest.raises(ValueError, match="5 nearest neighbours cannot be had among 4"):
        density_coverage(cloud(9, 2, 0), cloud(5, 2, 0))
