import pytest
import torch

from stylegans.errors import UserError
from stylegans.nn.maxout import Maxout


def test_two_pieces_give_the_larger_of_two_linear_functions():
    layer = Maxout(5, 3, 2, irange=1.0)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(7, 5)
    one, two = (x @ layer.weight[:, piece].t() + layer.bias[:, piece] for piece in (0, 1))
    torch.testing.assert_close(layer(x), torch.maximum(one, two))


def test_one_piece_is_a_linear_layer():
    layer = Maxout(5, 3, 1, irange=1.0)
    x = torch.randn(7, 5)
    torch.testing.assert_close(layer(x), torch.nn.functional.linear(x, layer.weight[:, 0], layer.bias[:, 0]))


def test_two_pieces_of_which_one_is_zero_rectify():
    layer = Maxout(4, 4, 2, irange=0.0)
    with torch.no_grad():
        layer.weight[:, 1] = torch.eye(4)
    x = torch.randn(3, 4)
    torch.testing.assert_close(layer(x), x.relu())


def test_a_unit_is_convex():
    layer = Maxout(6, 8, 5, irange=1.0)
    a, b = torch.randn(2, 50, 6)
    assert (layer((a + b) / 2) <= (layer(a) + layer(b)) / 2 + 1e-5).all()


def test_the_gradient_is_the_weight_of_the_largest_piece():
    layer = Maxout(5, 1, 4, irange=1.0)
    x = torch.randn(1, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x).sum(), x)
    largest = (layer.weight[0] @ x[0]).argmax()
    torch.testing.assert_close(gradient[0], layer.weight[0, largest])


def test_weights_lie_in_the_range_and_biases_are_zero():
    layer = Maxout(100, 20, 5, irange=0.05)
    assert 0.049 < layer.weight.abs().max() <= 0.05
    assert not layer.bias.any()


def test_a_unit_without_pieces_is_refused():
    with pytest.raises(UserError, match="pieces: 0"):
        Maxout(4, 4, 0, irange=0.1)
