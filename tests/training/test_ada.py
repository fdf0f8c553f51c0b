import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Augment
from stylegans.training.ada import Signs, adapted

ADA = Augment(mode="ada", target=0.6, speed_kimg=500)


def signs_of(*scores: float) -> Signs:
    signs = Signs()
    signs.add(torch.tensor(scores).reshape(-1, 1))
    return signs


def test_the_mean_is_of_signs_not_of_scores():
    signs = signs_of(100.0, 0.1, -0.001, 7.0)
    assert signs.mean() == 0.5
    signs.add(torch.tensor([[-3.0], [-2.0]]))
    assert signs.mean() == 0
    assert signs.count == 6


def test_p_rises_from_0_to_1_in_the_kimg_of_its_speed():
    p, batches = 0.0, 0
    while p < 1:
        p, batches = adapted(p, signs_of(*[1.0] * 64), augment=ADA), batches + 1
    assert batches * 64 == pytest.approx(500_000, abs=64)


def test_p_follows_the_target():
    certain, doubtful = signs_of(*[1.0] * 9, -1.0), signs_of(*[1.0] * 7, *[-1.0] * 3)
    assert certain.mean() == pytest.approx(0.8)
    assert doubtful.mean() == pytest.approx(0.4)
    assert adapted(0.5, certain, augment=ADA) == 0.5 + 10 / 500_000
    assert adapted(0.5, doubtful, augment=ADA) == 0.5 - 10 / 500_000


def test_at_the_target_and_without_scores_p_stays():
    assert adapted(0.3, signs_of(1, 1, 1, 1, -1), augment=ADA) == 0.3
    assert adapted(0.3, Signs(), augment=ADA) == 0.3


@given(
    p=st.floats(0, 1),
    scores=st.lists(st.floats(-9, 9), min_size=1, max_size=8),
    speed=st.floats(1e-4, 1000),
)
def test_p_stays_a_probability(p, scores, speed):
    assert 0 <= adapted(p, signs_of(*scores), augment=Augment(mode="ada", speed_kimg=speed)) <= 1


def test_signs_survive_a_checkpoint():
    signs, again = signs_of(1, -1, 1), Signs()
    again.load_list(signs.to_list(), device=torch.device("cpu"))
    assert (again.mean(), again.count) == (signs.mean(), 3)
    again.load_list(Signs().to_list(), device=torch.device("cpu"))
    assert again.mean() is None
