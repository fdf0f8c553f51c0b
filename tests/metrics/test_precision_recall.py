from pathlib import Path

import numpy as np
import pytest

from stylegans.metrics import neighbours
from stylegans.metrics.neighbours import balls_holding, kth_distances
from stylegans.metrics.precision_recall import PrecisionRecall, precision_recall, realism

GOLDEN = Path(__file__).parent.parent / "golden" / "ada_metrics.npz"


def features(name: str, dtype: str) -> np.ndarray:
    return np.load(GOLDEN)[f"in/{name}_features"].astype(dtype)


@pytest.mark.parametrize("block", [64, 4096])
@pytest.mark.parametrize(("dtype", "suffix"), [("float32", "f32"), ("float64", "f64")])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_published_precision_and_recall_of_the_same_features_are_met(
    k: int, dtype: str, suffix: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    golden = np.load(GOLDEN)
    got = precision_recall(features("gen", dtype), features("real", dtype), k=k)
    assert got.precision == pytest.approx(float(golden[f"out/precision_k{k}_{suffix}"]), rel=1e-6)
    assert got.recall == pytest.approx(float(golden[f"out/recall_k{k}_{suffix}"]), rel=1e-6)


def test_features_rounded_to_half_precision_come_near_the_program_that_computes_in_it() -> None:
    golden = np.load(GOLDEN)
    got = precision_recall(features("gen", "float16"), features("real", "float16"))
    assert got.precision == pytest.approx(float(golden["out/precision_k3_f16"]), abs=0.005)
    assert got.recall == pytest.approx(float(golden["out/recall_k3_f16"]), abs=0.005)


def test_a_set_has_all_of_itself_even_where_pictures_repeat() -> None:
    x = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    x[10:20] = x[0]
    assert precision_recall(x, x) == PrecisionRecall(1, 1)


def test_sets_far_apart_have_nothing_of_each_other() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 60, 8))
    assert precision_recall(x, y + 100) == PrecisionRecall(0, 0)


def test_generated_and_real_swapped_swap_precision_and_recall() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 60, 3))
    there, back = precision_recall(x, 2 * y), precision_recall(2 * y, x)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert there.precision > there.recall


def modes(count: int, kinds: int, seed: int) -> np.ndarray:
    """A mixture of distant Gaussians, the first ``kinds`` of ten."""
    rng = np.random.default_rng(seed)
    return 20 * np.eye(10)[rng.integers(kinds, size=count)] + rng.standard_normal((count, 10))


def test_dropped_modes_lower_recall_alone() -> None:
    real = modes(500, 10, 0)
    found = [precision_recall(modes(500, kinds, 1), real) for kinds in (10, 7, 4, 1)]
    recalls = [one.recall for one in found]
    assert recalls == sorted(recalls, reverse=True)
    assert [recall / recalls[0] for recall in recalls[1:]] == pytest.approx([0.7, 0.4, 0.1], abs=0.1)
    assert min(one.precision for one in found) > 0.6


def test_noise_lowers_precision() -> None:
    real, fresh = modes(400, 10, 0), modes(400, 10, 1)
    noise = np.random.default_rng(2).standard_normal(fresh.shape)
    found = [precision_recall(fresh + level * noise, real).precision for level in (0, 0.5, 1, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.05


def test_realism_is_the_largest_radius_over_distance_among_the_smaller_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 16)
    generated, real = np.random.default_rng(0).standard_normal((2, 50, 3))
    radii = kth_distances(real, 3)
    kept = radii <= np.median(radii)
    reached = np.linalg.norm(generated[:, None] - real[kept], axis=2)
    got = realism(generated, real)
    np.testing.assert_allclose(got, (radii[kept] / reached).max(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(got >= 1, balls_holding(generated, real[kept], radii[kept]) > 0)
    assert 0 < (got >= 1).mean() < 1


def test_realism_falls_with_distance_and_is_boundless_on_a_real_picture() -> None:
    real = np.random.default_rng(0).standard_normal((50, 3))
    radii = kth_distances(real, 3)
    densest = real[radii.argmin()]
    path = densest + np.linspace(0, 50, 6)[:, None] * [1.0, 0.0, 0.0]
    got = realism(path, real)
    assert got[0] == np.inf
    assert (np.diff(got[1:]) < 0).all()
    assert got[-1] < 0.1


def test_too_few_pictures_for_k_neighbours_are_refused() -> None:
    with pytest.raises(ValueError, match="3 nearest neighbours cannot be had among 2"):
        precision_recall(np.zeros((3, 2)), np.zeros((9, 2)))
