import itertools

import pytest
import torch

from stylegans.config import Training
from stylegans.data.pipeline import Batch
from stylegans.training.loop import train
from stylegans.training.schedule import learning_rate_factor
from stylegans.training.setup import start


def test_rates_stay_unless_asked():
    assert learning_rate_factor(Training(), 10**9) == 1


@pytest.mark.parametrize(("images", "factor"), [(0, 1), (1000, 1), (2000, 0.5), (3000, 0), (9000, 0)])
def test_rates_fall_linearly_to_zero(images, factor):
    assert learning_rate_factor(Training(anneal_from_kimg=1, anneal_to_kimg=3), images) == factor


def test_both_optimizers_follow(small_run):
    run = small_run(anneal_from_kimg=0.0, anneal_to_kimg=0.016)
    state, phases = start(run, device=torch.device("cpu"))
    full = state.g_optimizer.param_groups[0]["lr"]
    batch = Batch(torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.zeros(4, 0))
    rates = []
    for _ in itertools.islice(train(state, itertools.repeat(batch), phases), 5):
        rates.append(state.g_optimizer.param_groups[0]["lr"] / full)
    assert rates == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert state.d_optimizer.param_groups[0]["lr"] == 0
