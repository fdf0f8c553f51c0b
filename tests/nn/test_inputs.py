import pytest
import torch

from stylegans.nn.inputs import ConstantInput, DenseInput


def test_every_sample_starts_from_the_same_constant():
    x = ConstantInput(5, (3, 4))(2)
    assert x.shape == (2, 5, 3, 4)
    assert torch.equal(x[0], x[1])


def test_stylegans_constant_starts_as_ones():
    assert torch.equal(ConstantInput(5, (3, 4), init=torch.ones)(1), torch.ones(1, 5, 3, 4))


def test_a_dense_input_is_a_linear_map_of_w_with_a_bias_per_channel():
    layer = DenseInput(6, 5, (3, 4))
    torch.nn.init.normal_(layer.bias)
    a, b = torch.randn(2, 6), torch.randn(2, 6)
    assert layer(a).shape == (2, 5, 3, 4)
    torch.testing.assert_close(layer(a + 2 * b), layer(a) + 2 * layer(b) - 2 * layer.bias[:, None, None])
    torch.testing.assert_close(layer(torch.zeros(2, 6)), layer.bias[:, None, None].expand(2, 5, 3, 4))


def test_without_a_bias_nothing_comes_of_nothing():
    layer = DenseInput(6, 5, (3, 4), bias=False)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert not layer(torch.zeros(2, 6)).any()


@pytest.mark.parametrize("size", [(4, 4), (3, 5)])
def test_the_fan_in_of_a_dense_input_counts_the_kernel(size):
    layer = DenseInput(64, 256, size)
    assert layer(torch.randn(64, 64)).var().item() == pytest.approx(2 / (size[0] * size[1]), rel=0.1)
