import torch

from stylegans.nn.modulated import StyledConv, ToRGB
from stylegans.ops.styled_conv import styled_conv2d


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


def test_what_is_packed_follows_an_optimizer_that_leaves_no_trace():
    layer = StyledConv(32, 32, w_dim=4, size=(4, 4))
    x, w = torch.randn(1, 32, 4, 4), torch.randn(1, 4)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.5, fused=True)
    for _ in range(2):
        layer.eval().requires_grad_(False)
        expected = styled_conv2d(x, layer.weight, layer.affine(w), bias=layer.bias, plain=True)
        torch.testing.assert_close(layer(x, w, noise="none"), expected, rtol=1e-5, atol=1e-5)
        layer.train().requires_grad_(True)
        layer(x, w, noise="none").square().sum().backward()
        optimizer.step()
