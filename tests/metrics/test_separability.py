import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stylegans.errors import UserError
from stylegans.metrics.separability import (
    check_installed,
    conditional_entropy,
    entropy,
    joint,
    most_confident,
    mutual_information,
    score,
    separability,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "sg1_metrics.npz"
FLOAT32 = 2e-7
"""Absolute: the published entropies, of at most a few bits, are sums of float32 terms."""

needs_svm = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs stylegans[metrics]")

tables = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    elements=st.floats(0, 1).map(lambda x: round(x, 3)),
).filter(lambda table: table.sum() > 0)


def binary(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, count)


@pytest.mark.parametrize("case", range(5))
def test_published_entropies_are_met_to_their_float32(case: int) -> None:
    golden = np.load(GOLDEN)
    table = joint(golden[f"in/ls{case}_svm_outputs"], golden[f"in/ls{case}_svm_targets"])
    np.testing.assert_array_equal(table, golden[f"out/ls{case}_p"])
    for name, function in (
        ("conditional_entropy", conditional_entropy),
        ("mutual_information", mutual_information),
        ("entropy_joint", entropy),
    ):
        assert function(table) == pytest.approx(float(golden[f"out/ls{case}_{name}"]), rel=1e-6, abs=FLOAT32)


def test_published_score_and_a_table_of_any_shape_are_met() -> None:
    golden = np.load(GOLDEN)
    entropies = [float(golden[f"out/ls{case}_conditional_entropy"]) for case in range(5)]
    assert score(entropies) == pytest.approx(float(golden["out/separability_score"]), rel=1e-12)
    mine = [conditional_entropy(golden[f"out/ls{case}_p"]) for case in range(5)]
    assert score(mine) == pytest.approx(float(golden["out/separability_score"]), rel=1e-6)
    assert conditional_entropy(golden["in/pm"]) == pytest.approx(float(golden["out/pm_conditional_entropy"]), rel=1e-6)


def test_joint_counts_pairs_with_the_prediction_down_the_rows() -> None:
    table = joint(np.array([True, True, True, False]), np.array([0, 0, 1, 1]))
    np.testing.assert_array_equal(table, [[0, 0.25], [0.5, 0.25]])


@given(table=tables)
def test_entropies_obey_their_identities_and_bounds(table: np.ndarray) -> None:
    close = {"rel": 1e-9, "abs": 1e-9}
    assert 0 <= entropy(table) <= np.log2(table.size) + 1e-12
    assert conditional_entropy(table) == pytest.approx(entropy(table) - entropy(table.sum(axis=1)), **close)
    assert mutual_information(table) == pytest.approx(mutual_information(table.T), **close)
    assert 0 <= conditional_entropy(table) <= entropy(table.sum(axis=0))
    assert conditional_entropy(table * 7) == pytest.approx(conditional_entropy(table), **close)


@given(p=st.floats(0, 1), q=st.floats(0, 1))
def test_independent_variables_tell_nothing_and_equal_ones_everything(p: float, q: float) -> None:
    independent = np.outer([p, 1 - p], [q, 1 - q])
    assert conditional_entropy(independent) == pytest.approx(entropy(np.array([q, 1 - q])), abs=1e-9)
    assert conditional_entropy(np.diag([p, 1 - p])) == pytest.approx(0, abs=1e-12)
    assert str(entropy(np.array([1.0, 0.0]))) == "0.0"  # not -0.0


def test_a_binary_symmetric_channel_leaves_the_entropy_of_its_error() -> None:
    error = 0.11
    table = np.array([[1 - error, error], [error, 1 - error]]) / 2
    assert conditional_entropy(table) == pytest.approx(-error * np.log2(error) - (1 - error) * np.log2(1 - error))


def test_the_most_confident_are_kept_whichever_side_they_are_on() -> None:
    logits = np.array([0.5, -3.0, 2.0, -0.1, 40.0, -41.0])
    np.testing.assert_array_equal(most_confident(logits, 3), [1, 4, 5])
    np.testing.assert_array_equal(most_confident(logits, 2), [4, 5])  # both have p = 1 in float64
    np.testing.assert_array_equal(most_confident(np.ones(5), 2), [0, 1])


@given(
    logits=arrays(np.float64, st.integers(1, 40), elements=st.floats(-8, 8)),
    share=st.floats(0, 1),
)
def test_confidence_is_the_larger_of_softmax_of_the_logit_and_its_negative(logits: np.ndarray, share: float) -> None:
    keep = max(1, round(share * len(logits)))
    pairs = np.exp(np.stack([logits, -logits], axis=1))
    confidence = (pairs / pairs.sum(axis=1, keepdims=True)).max(axis=1)
    kept = most_confident(logits, keep)
    assert len(set(kept)) == keep
    left_out = np.delete(confidence, kept)
    assert not len(left_out) or confidence[kept].min() >= left_out.max() - 1e-12


def half_spaces(count: int, dim: int, attributes: int, *, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Latents, and logits that are linear in them."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((count, dim)).astype(np.float32)
    logits = z @ rng.standard_normal((dim, attributes))
    return z, logits + margin * np.sign(logits)


@needs_svm
def test_half_spaces_are_separable() -> None:
    z, logits = half_spaces(2000, 8, 3)
    found = separability(z, logits, keep=1000)
    assert found.score == pytest.approx(1, abs=0.01)
    assert min(found.accuracies) > 0.999
    assert found.unconverged == found.one_sided == ()
    np.testing.assert_allclose(found.positives, 0.5, atol=0.1)


@needs_svm
def test_attributes_that_latents_know_nothing_of_double_the_score_each() -> None:
    z, _ = half_spaces(4000, 4, 1)
    logits = np.random.default_rng(1).standard_normal((4000, 3))
    found = separability(z, logits, keep=2000)
    assert found.score == pytest.approx(8, rel=0.02)
    assert found.score == score(found.entropies)
    np.testing.assert_allclose(found.entropies, found.ceilings, rtol=0.01)


@needs_svm
def test_an_attribute_that_few_have_has_little_entropy_to_lose() -> None:
    z = np.random.default_rng(0).standard_normal((4000, 4))
    logits = np.where(np.arange(4000) % 20 == 0, 1.0, -1.0)[:, None]
    found = separability(z, logits, keep=4000)
    assert found.positives == (0.05,)
    assert found.ceilings[0] == pytest.approx(-0.05 * np.log2(0.05) - 0.95 * np.log2(0.95))
    assert found.entropies[0] == pytest.approx(found.ceilings[0])


@needs_svm
def test_a_bent_boundary_is_less_separable_than_a_straight_one() -> None:
    z, straight = half_spaces(2000, 2, 1)
    bent = (2 * np.sin(2 * z[:, :1]) + z[:, 1:]).astype(float)
    apart = (z[:, :1] * z[:, 1:]).astype(float)  # opposite quadrants
    values = [separability(z, logits, keep=1000).score for logits in (straight, bent, apart)]
    assert values == sorted(values)
    assert values[0] < 1.1 < values[1] < 1.9 < values[2] <= 2


@needs_svm
def test_only_the_surest_half_counts() -> None:
    z, logits = half_spaces(2000, 4, 1)
    unsure = np.argsort(np.abs(logits[:, 0]))[:1000]
    logits[unsure] *= np.random.default_rng(0).choice([-1, 1], (1000, 1))
    assert separability(z, logits, keep=1000).score < 1.01
    assert separability(z, logits, keep=2000).score > 1.4


@needs_svm
@pytest.mark.parametrize("sign", [-1, 1])
def test_an_attribute_on_one_side_only_counts_as_perfect_and_is_named(sign: int) -> None:
    z, logits = half_spaces(200, 4, 2)
    logits[:, 1] = sign * np.abs(logits[:, 1])
    found = separability(z, logits, keep=100)
    assert found.entropies[1] == 0
    assert found.accuracies[1] == 1
    assert found.one_sided == (1,)
    assert found.ceilings[1] == 0


@needs_svm
def test_an_svm_that_does_not_converge_is_reported_without_a_warning() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((50, 60)) * np.logspace(-2, 2, 60)  # fewer points than dimensions: the dual solver
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        found = separability(z, rng.standard_normal((50, 1)), keep=50)
    assert leaked == []
    assert found.unconverged == (0,)


@needs_svm
def test_equal_seeds_give_equal_numbers_where_the_svm_draws() -> None:
    rng = np.random.default_rng(0)
    z, logits = rng.standard_normal((60, 70)), rng.standard_normal((60, 2))
    before = np.random.get_state()[1][:5].copy()
    assert separability(z, logits, keep=30, seed=3) == separability(z, logits, keep=30, seed=3)
    np.testing.assert_array_equal(np.random.get_state()[1][:5], before)


def test_what_makes_no_sense_is_refused() -> None:
    z, logits = half_spaces(20, 4, 1)
    with pytest.raises(UserError, match=r"keep: 21 of 20 pictures"):
        separability(z, logits, keep=21)
    with pytest.raises(ValueError, match="latents hold values"):
        separability(z * np.nan, logits, keep=10)
    with pytest.raises(ValueError, match="logits hold values"):
        separability(z, logits * np.inf, keep=10)
    with pytest.raises(ValueError, match=r"\[20, 4\] and \[19, 1\]"):
        separability(z, logits[1:], keep=10)


@needs_svm
def test_a_missing_library_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(UserError, match=r"^--metrics: .*pip install 'stylegans\[metrics\]'$"):
        check_installed()
    z, logits = half_spaces(20, 4, 1)
    with pytest.raises(UserError, match="pip install"):
        separability(z, logits, keep=10)
