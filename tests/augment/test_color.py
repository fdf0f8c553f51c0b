import pytest
import torch

from stylegans.augment.color import brightness, contrast, hue, luma_flip, recolor, saturation


def luma(images):
    return images[:, :3].mean(dim=1)


def chroma(images):
    return (images[:, :3] - images[:, :3].mean(dim=1, keepdim=True)).norm(dim=1)


@pytest.fixture
def images():
    return torch.rand(3, 3, 8, 9) * 2 - 1


def test_brightness_adds_a_fifth_of_a_deviation(images):
    z = torch.tensor([-1.0, 0.0, 2.0])
    torch.testing.assert_close(recolor(images, brightness(z)), images + 0.2 * z.view(3, 1, 1, 1))


def test_contrast_multiplies_by_half_powers_of_two(images):
    z = torch.tensor([-2.0, 0.0, 2.0])
    torch.testing.assert_close(recolor(images, contrast(z)), images * torch.tensor([0.5, 1, 2]).view(3, 1, 1, 1))


def test_a_luma_flip_negates_luma_keeps_chroma_and_is_its_own_inverse(images):
    matrix = luma_flip(torch.tensor([0.6, 0.7, 0.8]))
    flipped = recolor(images, matrix)
    torch.testing.assert_close(luma(flipped), -luma(images), rtol=0, atol=1e-6)
    torch.testing.assert_close(chroma(flipped), chroma(images), rtol=0, atol=1e-6)
    torch.testing.assert_close(recolor(flipped, matrix), images, rtol=0, atol=1e-6)
    assert torch.equal(recolor(images, luma_flip(torch.tensor([0.1, 0.2, 0.49]))), images)


def test_hue_keeps_luma_and_the_amount_of_chroma(images):
    turned = recolor(images, hue(torch.tensor([0.1, 0.6, 0.9])))
    torch.testing.assert_close(luma(turned), luma(images), rtol=0, atol=1e-6)
    torch.testing.assert_close(chroma(turned), chroma(images), rtol=1e-5, atol=1e-6)
    assert (turned - images).abs().max() > 0.1


def test_a_third_of_a_turn_of_hue_permutes_the_channels(images):
    turned = recolor(images, hue(torch.full([3], 0.5 + 1 / 3)))
    torch.testing.assert_close(turned, images[:, [2, 0, 1]], rtol=0, atol=1e-5)


def test_saturation_keeps_luma_and_scales_chroma(images):
    changed = recolor(images, saturation(torch.tensor([-1.0, 1.0, 2.0])))
    torch.testing.assert_close(luma(changed), luma(images), rtol=0, atol=1e-6)
    factors = torch.tensor([0.5, 2, 4]).view(3, 1, 1)
    torch.testing.assert_close(chroma(changed), factors * chroma(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_neutral_numbers_change_nothing(channels):
    images, zero, half = torch.randn(2, channels, 8, 8), torch.zeros(2), torch.full([2], 0.5)
    for matrix in (brightness(zero), contrast(zero), luma_flip(zero), hue(half), saturation(zero)):
        torch.testing.assert_close(recolor(images, matrix), images, rtol=1e-6, atol=1e-6)


def test_alpha_is_left_alone_and_the_rest_is_as_rgb():
    images = torch.randn(2, 4, 8, 8)
    matrix = hue(torch.rand(2)) @ brightness(torch.randn(2)) @ contrast(torch.randn(2))
    found = recolor(images, matrix)
    assert torch.equal(found[:, 3], images[:, 3])
    torch.testing.assert_close(found[:, :3], recolor(images[:, :3], matrix))


def test_a_grey_picture_is_an_rgb_one_of_equal_channels():
    images = torch.randn(2, 1, 8, 8)
    matrix = luma_flip(torch.tensor([0.1, 0.9])) @ contrast(torch.randn(2)) @ brightness(torch.randn(2))
    expected = recolor(images.expand(-1, 3, -1, -1), matrix).mean(dim=1, keepdim=True)
    torch.testing.assert_close(recolor(images, matrix), expected, rtol=1e-5, atol=1e-6)
