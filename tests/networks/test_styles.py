import pytest
import torch

from stylegans.errors import UserError
from stylegans.networks.styles import broadcast, draw_cutoff, mix, truncate


def test_truncation_zero_gives_the_mean_and_one_changes_nothing():
    ws, mean = torch.randn(2, 4, 3), torch.randn(3)
    torch.testing.assert_close(truncate(ws, mean, truncation=0), mean.expand(2, 4, 3))
    assert truncate(ws, mean, truncation=1) is ws


def test_truncation_of_the_first_layers_leaves_the_rest():
    ws, mean = torch.randn(2, 4, 3), torch.randn(3)
    cut = truncate(ws, mean, truncation=0.5, layers=1)
    torch.testing.assert_close(cut[:, 0], (ws[:, 0] + mean) / 2)
    assert torch.equal(cut[:, 1:], ws[:, 1:])


@pytest.mark.parametrize("layers", [-1, 5])
def test_more_layers_than_there_are_is_refused(layers):
    with pytest.raises(UserError, match="truncation layers"):
        truncate(torch.zeros(1, 4, 3), torch.zeros(3), truncation=0.5, layers=layers)


def test_mixing_changes_only_later_layers():
    a, b = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    mixed = mix(a, b, 2)
    assert torch.equal(mixed[:, :2], a[:, :2])
    assert torch.equal(mixed[:, 2:], b[:, 2:])


def test_broadcast_repeats_w():
    w = torch.randn(2, 3)
    assert all(torch.equal(layer, w) for layer in broadcast(w, 4).unbind(dim=1))


def test_cutoffs_are_uniform_over_the_inner_layers_with_the_given_probability():
    random = torch.Generator().manual_seed(0)
    cutoffs = torch.tensor([draw_cutoff(5, probability=0.9, generator=random) for _ in range(4000)])
    counts = torch.bincount(cutoffs, minlength=6) / 4000
    torch.testing.assert_close(counts, torch.tensor([0, 0.225, 0.225, 0.225, 0.225, 0.1]), atol=0.02, rtol=0)
    assert draw_cutoff(5, probability=0, generator=random) == 5
    assert draw_cutoff(1, probability=1, generator=random) == 1
