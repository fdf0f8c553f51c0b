import pytest
import torch

from stylegans.nn.modulated import StyledConv
from stylegans.nn.revised import NormalizedStyledConv, unit_deviation
from stylegans.ops.modulation import modulated_conv2d


def layers(in_channels, out_channels, *, size):
    """Figure 2(c) and 2(d) with the same parameters."""
    pair = [kind(in_channels, out_channels, w_dim=8, size=size) for kind in (NormalizedStyledConv, StyledConv)]
    pair[1].load_state_dict(pair[0].state_dict())
    return pair


def test_every_channel_of_every_sample_has_deviation_one_around_its_own_mean():
    x = 5 + 3 * torch.randn(2, 4, 6, 5)
    y = unit_deviation(x)
    torch.testing.assert_close(y.std(dim=[2, 3], correction=0), torch.ones(2, 4))
    torch.testing.assert_close(y.mean(dim=[2, 3]), x.mean(dim=[2, 3]) / x.std(dim=[2, 3], correction=0))


def style_block(layer, x, w):
    """What the style acts on, of either kind of layer."""
    if isinstance(layer, NormalizedStyledConv):
        return layer.style_block(x, w)
    return modulated_conv2d(x, layer.weight, layer.affine(w), padding=1)


def test_a_flat_channel_stays_finite_with_its_gradient():
    x = torch.zeros(1, 2, 4, 4, requires_grad=True)
    unit_deviation(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_normalization_takes_the_scale_of_the_style_out():
    normalized, _ = layers(4, 3, size=(8, 8))
    x, w = torch.randn(2, 4, 8, 8), torch.randn(2, 8)
    once = normalized.style_block(x, w)
    with torch.no_grad():
        normalized.affine.weight.mul_(10)
        normalized.affine.bias.mul_(10)
    torch.testing.assert_close(normalized.style_block(x, w), once, rtol=1e-4, atol=1e-4)


def test_demodulation_equals_normalization_in_expectation_on_independent_unit_input():
    # Both divide the same convolution: (c) by the deviation it finds over the pixels of a channel, (d) by the one it
    # expects. A sum of independent inputs of unit variance, each times s·w, has variance Σ (s·w)², which is what (d)
    # computes; the variance found scatters around it the less the more pixels there are. The zeros beyond the border
    # take from what is found: of 64 rows 63 are reached by a kernel's outer rows, so (1 + 2·63/64)² / 9 remains.
    normalized, demodulated = layers(16, 32, size=(64, 64))
    x, w = torch.randn(8, 16, 64, 64), torch.randn(8, 8)
    ratio = (normalized.style_block(x, w) / style_block(demodulated, x, w)).mean(dim=[2, 3])  # the same at every pixel
    remains = (1 + 2 * 63 / 64) ** 2 / 9
    assert ratio.mean().item() == pytest.approx(remains**-0.5, rel=0.005)
    assert (ratio - ratio.mean()).abs().max() < 0.1


def test_on_dependent_input_they_differ():
    normalized, demodulated = layers(16, 32, size=(64, 64))
    x, w = torch.randn(8, 1, 64, 64).expand(-1, 16, -1, -1), torch.randn(8, 8)  # all channels alike
    ratio = (normalized.style_block(x, w) / style_block(demodulated, x, w)).mean(dim=[2, 3])
    assert (ratio.log().abs() > 0.1).float().mean() > 0.5


def test_a_peak_scales_the_rest_of_its_channel_only_where_the_deviation_is_measured():
    normalized, demodulated = layers(4, 3, size=(16, 16))
    x, w = torch.randn(1, 4, 16, 16), torch.randn(1, 8)
    peak = x.clone()
    peak[:, :, 0, 0] = 1000.0
    for layer, kept in ((normalized, False), (demodulated, True)):
        before, after = (style_block(layer, features, w)[:, :, 8:, 8:].abs().mean() for features in (x, peak))
        assert (after == before) if kept else (after < before / 4)


def test_noise_and_bias_stay_outside():
    normalized, _ = layers(4, 3, size=(8, 8))
    x, w = torch.randn(2, 4, 8, 8), torch.randn(2, 8)
    with torch.no_grad():
        normalized.bias.fill_(100.0)  # no pixel is rectified
        normalized.noise.noise_strength.fill_(1.0)
    expected = (normalized.style_block(x, w) + normalized.noise.noise_const + 100) * 2**0.5
    torch.testing.assert_close(normalized(x, w, noise="const"), expected)
