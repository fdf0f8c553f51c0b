import torch

from stylegans.nn.modulated import StyledConv, ToRGB


def test_styles_start_at_one():
    layer = StyledConv(8, 4, w_dim=16, size=(6, 6))
    torch.testing.assert_close(layer.affine(torch.zeros(2, 16)), torch.ones(2, 8))


def test_an_upsampling_layer_doubles_the_size():
    layer = StyledConv(8, 4, w_dim=16, size=(10, 6), up=2)
    assert layer(torch.randn(2, 8, 5, 3), torch.randn(2, 16), noise="const").shape == (2, 4, 10, 6)


def test_to_rgb_is_not_demodulated():
    layer = ToRGB(8, 3, w_dim=16)
    x, w = torch.randn(2, 8, 4, 4), torch.randn(2, 16)
    torch.testing.assert_close(layer(2 * x, w), 2 * layer(x, w))
