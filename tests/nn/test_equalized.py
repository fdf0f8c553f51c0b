import math

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


@pytest.mark.parametrize(("layer", "size"), [(EqualizedLinear, (8, 4)), (EqualizedConv2d, (8, 4, 3))])
def test_hes_gain_scales_the_weights_not_the_bias_nor_what_is_stored(layer, size):
    plain, scaled = layer(*size), layer(*size, gain=3)
    torch.nn.init.ones_(plain.bias)
    scaled.load_state_dict(plain.state_dict())
    x = torch.randn(2, 8) if layer is EqualizedLinear else torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(scaled(x) - 1, 3 * (plain(x) - 1), rtol=1e-4, atol=1e-5)


def test_with_hes_gain_in_the_weights_rectified_layers_keep_the_scale_of_their_signal():
    x = torch.randn(64, 512)
    for _ in range(8):
        x = torch.nn.functional.leaky_relu(EqualizedLinear(512, 512, gain=math.sqrt(2))(x), 0.2)
    assert 0.7 < x.square().mean() < 2


def test_a_gain_scales_output_and_clamp():
    layer = EqualizedConv2d(3, 4, 3, activation="lrelu", clamp=0.5)
    x = torch.randn(1, 3, 8, 8) * 10
    torch.testing.assert_close(layer(x, gain=0.5), layer(x) * 0.5)
    assert layer(x).abs().max() <= 0.5
