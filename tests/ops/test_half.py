import pytest
import torch

from stylegans.ops.half import prenormalised
from stylegans.ops.modulation import demodulation, modulated_conv2d
from stylegans.ops.resample import fir_filter

LARGEST = 65504


def test_weights_are_bounded_by_one_over_the_root_of_fan_in_and_styles_by_one():
    weight, styles = prenormalised(100 * torch.randn(5, 4, 3, 3), 100 * torch.randn(2, 4))
    torch.testing.assert_close(weight.abs().amax(dim=[1, 2, 3]), torch.full([5], 1 / 6))
    torch.testing.assert_close(styles.abs().amax(dim=1), torch.ones(2))


def test_of_zeros_stay_zeros():
    weight, styles = prenormalised(torch.zeros(2, 3, 3, 3), torch.zeros(2, 3))
    assert weight.abs().max() == styles.abs().max() == 0


def test_scales_leave_the_demodulated_product_and_its_gradient():
    weight, styles = torch.randn(5, 4, 3, 3, requires_grad=True), torch.randn(2, 4, requires_grad=True)
    y = torch.randn(2, 5, 4, 3, 3)

    def gradients(w, s):
        product = w * s[:, None, :, None, None] * demodulation(w, s)[:, :, None, None, None]
        return product, *torch.autograd.grad((product * y).sum(), [weight, styles])

    for found, expected in zip(gradients(*prenormalised(weight, styles)), gradients(weight, styles), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("up", [1, 2])
def test_the_largest_activations_and_weights_do_not_reach_infinity(up, relative_error):
    x = torch.full([1, 64, 4, 4], 256.0).half()
    weight, styles = 50 + torch.randn(3, 64, 3, 3), torch.full([1, 64], 30.0)
    f = fir_filter((1, 3, 3, 1))
    assert x.float().mul(30).amax() * 50 * 64 * 9 > LARGEST  # as it stands it would
    found = modulated_conv2d(x, weight, styles, f=f, up=up, padding=1)
    expected = modulated_conv2d(x.float(), weight, styles, f=f, up=up, padding=1)
    assert found.dtype == torch.float16
    assert found.isfinite().all()
    assert relative_error(found.float(), expected) < 2e-3
