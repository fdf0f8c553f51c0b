from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.metrics.inception_score import inception_score, softmax

GOLDEN = Path(__file__).parent.parent / "golden" / "ada_metrics.npz"


@pytest.mark.parametrize("splits", [1, 10])
def test_the_published_inception_score_of_the_same_probabilities_is_met(splits: int) -> None:
    golden = np.load(GOLDEN)
    got = inception_score(golden["in/gen_probs"], splits=splits)
    assert got.mean == pytest.approx(float(golden[f"out/is_mean_splits{splits}"]), rel=1e-6)
    assert got.std == pytest.approx(float(golden[f"out/is_std_splits{splits}"]), rel=1e-6)


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_sure_and_even_predictions_score_the_number_of_classes(classes: int) -> None:
    got = inception_score(np.tile(np.eye(classes), (20, 1)), splits=5)
    assert got.mean == pytest.approx(classes)
    assert got.std == pytest.approx(0, abs=1e-12)


def test_predictions_that_are_all_the_same_score_one() -> None:
    assert inception_score(np.tile([0.5, 0.3, 0.2, 0.0], (50, 1))).mean == pytest.approx(1)
    assert inception_score(np.tile([1.0, 0.0], (50, 1))).mean == 1


@given(count=st.integers(1, 40), classes=st.integers(1, 12), splits=st.integers(1, 5), heat=st.floats(0, 50))
def test_the_score_lies_between_one_and_the_classes(count: int, classes: int, splits: int, heat: float) -> None:
    logits = heat * np.random.default_rng(count).standard_normal((count, classes))
    got = inception_score(softmax(logits), splits=min(splits, count))
    assert 1 - 1e-9 <= got.mean <= min(classes, count) + 1e-9


def test_splits_are_consecutive_and_keep_every_picture() -> None:
    p = softmax(np.random.default_rng(0).standard_normal((11, 4)))
    parts = [inception_score(part, splits=1).mean for part in (p[:3], p[3:7], p[7:])]
    got = inception_score(p, splits=3)
    assert got.mean == pytest.approx(np.mean(parts))
    assert got.std == pytest.approx(np.std(parts))


def test_softmax_is_float64_and_does_not_overflow() -> None:
    logits = np.array([[1000.0, 999.0, -1000.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    expected = torch.softmax(torch.from_numpy(logits).double(), dim=1).numpy()
    assert softmax(logits).dtype == np.float64
    np.testing.assert_allclose(softmax(logits), expected, rtol=1e-14)


def test_more_splits_than_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="3 pictures cannot be cut into 10 splits"):
        inception_score(np.full((3, 2), 0.5))
