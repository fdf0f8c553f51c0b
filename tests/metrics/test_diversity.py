import pytest
import torch

from stylegans.metrics.diversity import Spread


def test_a_spread_is_the_mean_squared_distance_over_all_pairs() -> None:
    vectors = torch.randn(12, 30) + 3
    spread = Spread()
    for batch in vectors.split(5):
        spread.update(batch)
    pairs = [(vectors[i] - vectors[j]).square().sum().item() for i in range(12) for j in range(i)]
    assert spread.count == 12
    assert spread.mean() == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_a_spread_of_equal_vectors_is_zero_and_of_one_is_refused() -> None:
    spread = Spread()
    spread.update(torch.full((1, 4), 1e4))
    with pytest.raises(ValueError, match="a pair needs two"):
        spread.mean()
    spread.update(torch.full((9, 4), 1e4))
    assert spread.mean() == pytest.approx(0, abs=1e-5)
