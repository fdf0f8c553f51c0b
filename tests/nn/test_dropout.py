import copy

import pytest
import torch

from stylegans.errors import UserError
from stylegans.nn.dropout import Dropout


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_the_mean_is_kept_and_the_share_is_dropped(p):
    y = Dropout(p)(torch.ones(1000, 100))
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    torch.testing.assert_close(y.max(), torch.tensor(1 / (1 - p)))


def test_in_evaluation_nothing_happens():
    x = torch.randn(3, 4)
    assert Dropout(0.5).eval()(x) is x


def test_without_a_share_nothing_is_drawn():
    before = torch.get_rng_state()
    x = torch.randn(0)
    assert Dropout(0.0)(x) is x
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_dropped_continues_with_the_saved_state_of_its_generator():
    layer, x = Dropout(0.5), torch.ones(64)
    layer.random = torch.Generator().manual_seed(3)
    layer(x)
    saved = layer.random.get_state()
    expected = layer(x)
    other = Dropout(0.5)
    other.random = torch.Generator()
    other.random.set_state(saved)
    assert torch.equal(other(x), expected)


def test_with_its_own_generator_the_default_one_rests():
    layer = Dropout(0.5)
    layer.random = torch.Generator().manual_seed(3)
    before = torch.get_rng_state()
    layer(torch.ones(64))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_generator_is_no_part_of_the_state_and_copies_need_none():
    layer = Dropout(0.5)
    assert not layer.state_dict()
    assert copy.deepcopy(layer).random is None


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_an_impossible_share_is_refused(p):
    with pytest.raises(UserError, match="dropout"):
        Dropout(p)
