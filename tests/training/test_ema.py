import pytest
import torch
from torch import nn

from stylegans.training import ema


def test_influence_halves_over_the_half_life():
    beta = ema.decay(batch=10, half_life=1000, seen=10**9, rampup=None)
    assert beta ** (1000 / 10) == pytest.approx(0.5)


def test_ramp_up_shortens_the_half_life_early():
    early = ema.decay(batch=10, half_life=10_000, seen=1000, rampup=0.05)
    assert early == pytest.approx(0.5 ** (10 / 50))
    late = ema.decay(batch=10, half_life=10_000, seen=10**9, rampup=0.05)
    assert late == ema.decay(batch=10, half_life=10_000, seen=10**9, rampup=None)


def test_parameters_are_averaged_and_buffers_copied():
    network, average = nn.BatchNorm1d(3), nn.BatchNorm1d(3).requires_grad_(False)
    nn.init.constant_(network.weight, 5)
    network.running_mean.fill_(7)
    ema.update(average, network, beta=0.75)
    torch.testing.assert_close(average.weight, torch.full([3], 0.75 * 1 + 0.25 * 5))
    torch.testing.assert_close(average.running_mean, torch.full([3], 7.0))
