import json
from pathlib import Path

import numpy as np
import pytest

from stylegans.metrics.kernel import kernel_distance, squared_mmd

GOLDEN = Path(__file__).parent.parent / "golden" / "ada_metrics.npz"


def test_the_published_kid_of_the_same_features_and_seeds_is_met() -> None:
    golden = np.load(GOLDEN)
    cases = json.loads(str(golden["config"]))["kid"]
    assert [case["np_random_seed"] for case in cases] == [5, 6]
    for case in cases:
        got = kernel_distance(
            golden["in/gen_features"],
            golden["in/real_features"],
            subsets=case["num_subsets"],
            subset_size=case["max_subset_size"],
            random=np.random.RandomState(case["np_random_seed"]),
        )
        assert got.mean == pytest.approx(float(golden[f"out/{case['key']}"]), rel=1e-6)


def test_subsets_are_drawn_generated_first() -> None:
    golden = np.load(GOLDEN)
    x, y = golden["in/gen_features"], golden["in/real_features"]
    drawn = (golden[f"in/kid_ns7_ms100_{name}_idx"] for name in ("gen", "real"))
    values = [squared_mmd(x[i], y[j]) for i, j in zip(*drawn, strict=True)]
    got = kernel_distance(x, y, subsets=7, subset_size=100, random=np.random.RandomState(6))
    assert (got.mean, got.std) == (np.mean(values), np.std(values))


def test_one_pair_of_each_is_the_definition() -> None:
    x, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[2.0, 2.0], [0.0, 0.0]])

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 2 + 1) ** 3)

    across = np.mean([k(a, b) for a in x for b in y])
    assert squared_mmd(x, y) == pytest.approx(k(x[0], x[1]) + k(y[0], y[1]) - 2 * across)


def gaussian_mmd(dim: int, shift: float) -> float:
    """MMD² of N(0, I) and N(μ, I), by the moments of x·y up to the third; ``shift`` is |μ|."""
    c = shift**2
    same = 1 + 3 / dim
    across = 1 + 3 * (dim + c) / dim**2
    shifted = 1 + 3 * c / dim + 3 * (c**2 + 2 * c + dim) / dim**2 + (c**3 + 6 * c**2 + 3 * c * dim + 6 * c) / dim**3
    return same + shifted - 2 * across


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("count", [2, 30])
def test_two_gaussians_differ_by_their_closed_form_on_average_at_any_count(shift: float, count: int) -> None:
    rng = np.random.default_rng(0)
    dim = 4
    offset = np.full(dim, shift / dim**0.5)
    draws = (rng.standard_normal((2, count, dim)) for _ in range(2000))
    values = [squared_mmd(x, y + offset) for x, y in draws]
    assert abs(np.mean(values) - gaussian_mmd(dim, shift)) < 4 * np.std(values) / len(values) ** 0.5
    assert gaussian_mmd(dim, 0) == 0
    assert min(values) < 0


def test_distance_is_symmetric_and_grows_with_noise() -> None:
    rng = np.random.default_rng(0)
    real, fresh, noise = rng.standard_normal((3, 500, 8))
    levels = [squared_mmd(fresh + level * noise, real) for level in (0, 0.5, 1, 2)]
    assert levels == sorted(levels)
    assert squared_mmd(real, fresh) == pytest.approx(squared_mmd(fresh, real))


def test_features_that_make_no_sense_are_refused() -> None:
    x = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"two or more of each, not \[1, 4\] and \[1, 4\]"):
        kernel_distance(x[:1], x, random=np.random.RandomState(0))
    with pytest.raises(ValueError, match=r"\[3, 4\] and \[3, 2\]"):
        squared_mmd(x, x[:, :2])
