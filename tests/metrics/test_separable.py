import torch
from torch.nn import functional as F

from stylegans.metrics.separable import filtered


def test_it_is_a_correlation_with_the_outer_product_of_the_taps() -> None:
    images = torch.rand(2, 3, 9, 12, dtype=torch.float64)
    taps = [1.0, 2.0, -4.0]
    kernel = torch.outer(torch.tensor(taps), torch.tensor(taps)).double()[None, None]
    expected = F.conv2d(images.flatten(0, 1)[:, None], kernel).view(2, 3, 7, 10)
    torch.testing.assert_close(filtered(images, taps), expected)


def test_one_tap_scales_and_a_filter_of_the_pictures_size_leaves_one_number() -> None:
    images = torch.rand(1, 1, 4, 4)
    torch.testing.assert_close(filtered(images, [3.0]), 9 * images)
    torch.testing.assert_close(filtered(images, [0.25] * 4), images.mean().view(1, 1, 1, 1))
