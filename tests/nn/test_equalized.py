import pytest
import torch

from stylegans.nn.equalized import EqualizedConv2d, EqualizedLinear


@pytest.mark.parametrize("width", [16, 512])
def test_a_linear_layer_keeps_unit_variance_whatever_its_width(width):
    layer = EqualizedLinear(width, 256)
    assert layer(torch.randn(256, width)).var().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("channels", [8, 128])
def test_a_convolution_keeps_unit_variance_whatever_its_width(channels):
    layer = EqualizedConv2d(channels, 64, 3)
    assert layer(torch.randn(4, channels, 16, 16))[:, :, 1:-1, 1:-1].var().item() == pytest.approx(1, rel=0.2)


def test_lr_multiplier_changes_the_stored_weights_not_the_output():
    torch.manual_seed(1)
    plain = EqualizedLinear(8, 4)
    torch.manual_seed(1)
    slow = EqualizedLinear(8, 4, lr_multiplier=0.01)
    torch.testing.assert_close(slow.weight, plain.weight * 100)
    x = torch.randn(3, 8)
    torch.testing.assert_close(slow(x), plain(x), rtol=1e-4, atol=1e-5)


def test_a_gain_scales_output_and_clamp():
    layer = EqualizedConv2d(3, 4, 3, activation="lrelu", clamp=0.5)
    x = torch.randn(1, 3, 8, 8) * 10
    torch.testing.assert_close(layer(x, gain=0.5), layer(x) * 0.5)
    assert layer(x).abs().max() <= 0.5
