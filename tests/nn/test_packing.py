import copy
import pickle

import torch
from torch import nn

from stylegans.nn.packing import Packing


class Layer(Packing):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 3, 3))


def squares(layer):
    return layer.packed.squares(layer.weight)


def test_what_is_known_is_kept_while_nothing_trains():
    layer = Layer().eval().requires_grad_(False)
    assert squares(layer) is squares(layer)
    layer.weight.mul_(2)
    torch.testing.assert_close(squares(layer), layer.weight.square().sum(dim=[2, 3]))


def test_nothing_is_kept_in_training_or_where_gradients_are_wanted():
    layer = Layer()
    assert squares(layer) is not squares(layer)
    layer.eval()
    assert squares(layer) is not squares(layer)
    assert squares(layer).requires_grad


def test_a_change_that_left_no_trace_in_training_is_seen_afterwards():
    layer = Layer().eval().requires_grad_(False)
    squares(layer)
    layer.train()
    layer.weight.data.mul_(2)  # as fused optimizers do: the version stays
    layer.eval()
    torch.testing.assert_close(squares(layer), layer.weight.square().sum(dim=[2, 3]))


def test_copies_begin_anew():
    layer = Layer().eval().requires_grad_(False)
    known = squares(layer)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert squares(other) is not known
        assert torch.equal(squares(other), known)
