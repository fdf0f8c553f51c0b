import numpy as np
import pytest

from stylegans.files.pictures import WHITE
from stylegans.metrics.memorisation import GAP, MARGIN, compare, figure, memorisation, memorisation_against


def cloud(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 8)).astype(np.float32)


def test_copies_of_training_pictures_are_counted_and_nothing_else() -> None:
    training, heldout = cloud(500, 0), cloud(500, 1)
    generated = np.concatenate([cloud(350, 2), training[:150]])
    fresh = memorisation_against(cloud(500, 3), training, heldout=heldout)
    assert fresh.copies < 0.03
    assert fresh.ratio == pytest.approx(1, abs=0.05)
    found = memorisation_against(generated, training, heldout=heldout)
    assert found.copies == pytest.approx(0.3, abs=0.02)
    assert found.ratio < 0.95
    assert memorisation(generated, training).copies == pytest.approx(0.3, abs=0.02)


def test_a_generator_that_only_copies_has_ratio_zero() -> None:
    training = cloud(100, 0)
    found = memorisation(training[::2], training)
    assert (found.generated, found.ratio, found.copies) == (0, 0, 1)


def test_poor_pictures_are_far_from_everything_and_no_copies() -> None:
    found = memorisation(cloud(100, 1) * 5, cloud(100, 0))
    assert found.ratio > 1.5
    assert found.copies == 0


def test_training_pictures_are_compared_with_the_others_and_not_with_themselves() -> None:
    training = np.array([[0.0], [1.0], [3.0], [3.0]])
    found = memorisation(np.array([[0.5], [7.0]]), training)
    assert found.generated == np.median([0.5, 4])
    assert found.baseline == np.median([1, 1, 0, 0])


def test_the_summary_is_of_medians_and_the_hundredth_of_the_baseline() -> None:
    found = compare(np.array([1.0, 2.0, 60.0]), np.arange(101.0))
    assert (found.generated, found.baseline, found.threshold) == (2, 50, 1)
    assert found.copies == pytest.approx(1 / 3)
    assert found.ratio == 2 / 50
    assert compare(np.ones(3), np.zeros(3)).ratio == np.inf


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (4, 4), (6, 3)])
def test_each_row_is_a_sample_a_gap_and_its_neighbours(channels: int, shown: int) -> None:
    n, k, height, width = 3, 2, 4, 5
    numbers = np.arange(1, n * (k + 1) + 1, dtype=np.uint8).reshape(n, k + 1)
    pictures = np.broadcast_to(numbers[:, :, None, None, None], (n, k + 1, channels, height, width))
    got = figure(pictures[:, 0], pictures[:, 1:])
    assert got.shape == (n * (height + GAP) - GAP, width + MARGIN + k * (width + GAP) - GAP, shown)
    assert got.dtype == np.uint8
    for row in range(n):
        line = got[row * (height + GAP), :, 0]
        assert (line[:width] == numbers[row, 0]).all()
        assert (line[width : width + MARGIN] == WHITE).all()
        assert (line[width + MARGIN : 2 * width + MARGIN] == numbers[row, 1]).all()
        assert (line[-width:] == numbers[row, 2]).all()
    assert (got[height : height + GAP] == WHITE).all()
