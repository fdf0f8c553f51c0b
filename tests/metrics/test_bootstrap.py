from collections.abc import Callable

import numpy as np
import pytest

from stylegans.metrics.bootstrap import interval
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.kernel import squared_mmd
from stylegans.metrics.neighbours import kth_distances
from stylegans.metrics.precision_recall import share_on_manifold


def frechet(generated: np.ndarray, real: np.ndarray) -> float:
    return frechet_distance(statistics(generated), statistics(real))


def precision(generated: np.ndarray, real: np.ndarray) -> float:
    return share_on_manifold(generated, real, kth_distances(real, 3))


def mean(generated: np.ndarray, real: np.ndarray) -> float:
    return float(generated.mean() - real.mean())


def draw(random: np.random.Generator, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    generated, real = random.standard_normal((2, count, 8))
    return 0.8 * generated + 0.3, real


def test_of_a_difference_of_means_it_is_the_textbooks() -> None:
    generated, real = draw(np.random.default_rng(0), count=2000)
    low, high = interval(mean, generated[:, :1], real[:, :1], resamples=500, seed=0)
    error = np.sqrt((0.8**2 + 1) / 2000)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert (high + low) / 2 == pytest.approx(mean(generated[:, :1], real[:, :1]), abs=1e-9)
    narrow = interval(mean, generated[:, :1], real[:, :1], resamples=500, seed=0, level=0.5)
    assert (narrow[1] - narrow[0]) / (high - low) == pytest.approx(0.6745 / 1.9600, rel=1e-4)


@pytest.mark.parametrize("value", [frechet, squared_mmd, precision])
def test_it_holds_the_mean_over_fresh_pictures_about_as_often_as_it_says(value: Callable[..., float]) -> None:
    random = np.random.default_rng(0)
    truth = np.mean([value(*draw(random, count=60)) for _ in range(300)])
    held = 0
    for trial in range(25):
        low, high = interval(value, *draw(random, count=60), resamples=25, seed=trial)
        held += low <= truth <= high
    assert held >= 20  # of 25, where 95 of 100 are asked for: the chance of fewer is below one in a thousand


def test_with_replacement_it_would_not_hold_it() -> None:
    """Why halves are taken: duplicates move a Fréchet distance, a kernel distance and a precision far off."""
    random = np.random.default_rng(0)
    generated, real = draw(random, count=100)
    for value, sign in ((frechet, 1), (squared_mmd, 1), (precision, -1)):
        low, high = interval(value, generated, real, resamples=50, seed=0)
        again = [value(random.choice(generated, 100), random.choice(real, 100)) for _ in range(50)]
        shift = np.mean(again) - value(generated, real)
        assert sign * shift > 0.2 * (high - low)
        assert low < value(generated, real) < high


def test_a_seed_gives_the_same_interval() -> None:
    sets = draw(np.random.default_rng(0), count=20)
    first = interval(mean, *sets, resamples=10, seed=3)
    assert first == interval(mean, *sets, resamples=10, seed=3)
    assert first != interval(mean, *sets, resamples=10, seed=4)


def test_what_makes_no_sense_is_refused() -> None:
    generated, real = draw(np.random.default_rng(0), count=10)
    with pytest.raises(ValueError, match="halves of 3 and 10"):
        interval(mean, generated[:3], real, resamples=10, seed=0)
    with pytest.raises(ValueError, match="two resamples and a level"):
        interval(mean, generated, real, resamples=1, seed=0)
    with pytest.raises(ValueError, match="not 10 and 95"):
        interval(mean, generated, real, resamples=10, seed=0, level=95)
