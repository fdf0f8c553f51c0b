import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from stylegans.augment.geometry import (
    REACH,
    SYM6,
    anisotropic_scale,
    bilinear,
    enlarging,
    fractional_translation,
    integer_translation,
    isotropic_scale,
    margin,
    quarter_turns,
    rotation,
    scaling,
    shrinking,
    translation,
    warp,
    x_flip,
)
from stylegans.ops.resample import downsample, fir_filter, upsample

sides = st.integers(8, 24)


def smooth(n=1, size=(32, 32), *, seed=0, dtype=torch.float32):
    """Pictures of a few low frequencies, without symmetry."""
    noise = torch.randn(n, 3, 4, 4, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=size, mode="bicubic", align_corners=True)


def moved(images, inverse):
    return warp(images, inverse, margin(inverse, images.shape[2:]))


def eye(n=1):
    return torch.eye(3).expand(n, 3, 3)


# --- the filter -----------------------------------------------------------------------------------------------------


def test_the_filter_equals_the_published_one(golden, relative_error):
    assert relative_error(fir_filter(SYM6), golden("ada_augment_percentile").state["Hz_geom"]) < 1e-6


def test_even_shifts_of_the_wavelets_filter_are_orthonormal():
    h = torch.tensor(SYM6, dtype=torch.float64)
    for shift in range(6):
        product = (h[2 * shift :] * h[: 12 - 2 * shift]).sum().item()
        assert product == pytest.approx(1.0 if shift == 0 else 0.0, abs=1e-9)


def test_the_wavelet_has_six_vanishing_moments():
    k = torch.arange(12, dtype=torch.float64)
    high = torch.tensor(SYM6, dtype=torch.float64) * (-1) ** k
    for order in range(6):
        assert (high * ((k - 5) / 6) ** order).sum().item() == pytest.approx(0, abs=1e-8)


@given(height=sides, width=sides)
def test_the_matrices_resample_like_the_filters(height, width):
    x = torch.randn(2, 3, height, width)
    left, right, top, bottom = width - 1, 2, 0, height - 2
    f = fir_filter(SYM6)
    enlarged = enlarging(height, top, bottom, like=x).T @ (x @ enlarging(width, left, right, like=x))
    expected = upsample(F.pad(x, [left, right, top, bottom], mode="reflect"), f)
    torch.testing.assert_close(enlarged, expected, rtol=1e-5, atol=1e-5)
    y = torch.randn(2, 3, 2 * (height + 2 * REACH), 2 * (width + 2 * REACH))
    shrunk = shrinking(height, like=x).T @ (y @ shrinking(width, like=x))
    torch.testing.assert_close(shrunk, downsample(y, f, padding=-2 * REACH, flip=True), rtol=1e-5, atol=1e-5)


def test_enlarging_then_shrinking_is_the_identity():
    x = torch.randn(5, 16, dtype=torch.float64)
    there_and_back = x @ enlarging(16, REACH, REACH, like=x) @ shrinking(16, like=x)
    torch.testing.assert_close(there_and_back, x, rtol=0, atol=1e-6)


# --- sampling -------------------------------------------------------------------------------------------------------


def test_sampling_equals_pytorchs_with_two_derivatives():
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    grid = 2.4 * torch.rand(2, 5, 4, 2, dtype=torch.float64) - 1.2
    results = []
    for sample in (bilinear, lambda x, grid: F.grid_sample(x, grid, align_corners=False)):
        y = sample(x, grid)
        (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(2).sum(), x)
        results.append((y, first, second))
    torch.testing.assert_close(*results)


def test_gradients_of_sampling_are_right():
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    grid = 2.4 * torch.rand(1, 3, 4, 2, dtype=torch.float64) - 1.2
    assert torch.autograd.gradcheck(lambda x: bilinear(x, grid), x)
    assert torch.autograd.gradgradcheck(lambda x: bilinear(x, grid), x)


# --- single steps ---------------------------------------------------------------------------------------------------


def test_a_flip_is_its_own_inverse_and_mirrors():
    flip = x_flip(torch.tensor([0.2, 0.49, 0.5, 0.9]))
    assert torch.equal(flip @ flip, eye(4))
    assert flip[:, 0, 0].tolist() == [1, 1, -1, -1]
    images = smooth()
    torch.testing.assert_close(
        moved(images, flip[3:]), images.flip(3), rtol=0, atol=0.1
    )  # the filter is nearly symmetric


def test_four_quarter_turns_are_none_and_one_turns_clockwise():
    turns = quarter_turns(torch.tensor([0.1, 0.3, 0.6, 0.9]))
    quarter = turns[1]
    assert torch.equal(quarter @ quarter @ quarter @ quarter, eye()[0])
    assert torch.equal(turns, torch.stack([eye()[0], quarter, quarter @ quarter, quarter.T]))
    images = smooth()
    for count, inverse in enumerate(turns):
        torch.testing.assert_close(moved(images, inverse[None]), images.rot90(count, dims=(2, 3)), rtol=0, atol=0.1)


@given(u=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), height=st.integers(16, 40), width=st.integers(16, 40))
def test_an_integer_translation_moves_pixels_exactly_and_at_most_an_eighth(u, height, width):
    inverse = integer_translation(torch.tensor([u]), (height, width))
    right, down = (-inverse[0, :2, 2]).int().tolist()
    assert abs(right) <= math.ceil(width / 8)
    assert abs(down) <= math.ceil(height / 8)
    images = torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(0))
    around = F.pad(images, [6, 6, 6, 6], mode="reflect")
    expected = around[:, :, 6 - down : 6 - down + height, 6 - right : 6 - right + width]
    torch.testing.assert_close(moved(images, inverse), expected, rtol=0, atol=5e-5)


def test_a_scale_magnifies_about_the_centre():
    inverse = isotropic_scale(torch.tensor([5.0]))  # twice
    torch.testing.assert_close(inverse[0], torch.tensor([0.5, 0.5, 1.0]).diag())
    images = smooth(size=(33, 33))
    found = moved(images, inverse)
    torch.testing.assert_close(found[:, :, ::2, ::2], images[:, :, 8:25, 8:25], rtol=0, atol=0.05)


def test_an_anisotropic_scale_keeps_areas():
    inverse = anisotropic_scale(torch.randn(5))
    torch.testing.assert_close(torch.linalg.det(inverse), torch.ones(5))
    assert not torch.allclose(inverse[:, 0, 0], inverse[:, 1, 1])


def test_rotations_keep_lengths_and_cover_the_circle():
    inverse = rotation(torch.tensor([0.0, 0.25, 0.5, 0.75]))
    torch.testing.assert_close(inverse @ inverse.mT, eye(4), rtol=0, atol=1e-6)
    angles = torch.atan2(inverse[:, 1, 0], inverse[:, 0, 0])
    torch.testing.assert_close(angles.abs(), torch.tensor([math.pi, math.pi / 2, 0, math.pi / 2]), rtol=0, atol=1e-6)


def test_a_fractional_translation_is_an_eighth_of_each_side_per_deviation():
    inverse = fractional_translation(torch.tensor([[1.0, -2.0]]), (16, 32))
    assert inverse[0, :2, 2].tolist() == [-4, 4]


# --- the whole resampling -------------------------------------------------------------------------------------------


def test_the_identity_is_handed_through():
    images = torch.randn(2, 3, 8, 8)
    assert warp(images, eye(2), (3, 3, 3, 3)) is images


@given(angle=st.floats(0, 1), scale=st.floats(-1, 1), shift=st.floats(-0.3, 0.3), height=sides, width=sides)
def test_a_constant_picture_stays_constant(angle, scale, shift, height, width):
    inverse = rotation(torch.tensor([angle])) @ isotropic_scale(torch.tensor([scale]))
    inverse = inverse @ translation(torch.tensor([[shift * width, shift * height]]))
    around = margin(inverse, (height, width))
    if all(pixels < side - 1 for pixels, side in zip(around, (width, width, height, height), strict=True)):
        images = torch.full([1, 1, height, width], 0.7)
        torch.testing.assert_close(warp(images, inverse, around), images, rtol=0, atol=0.01)


@given(u=st.floats(0, 1), z=st.floats(-2, 2), height=st.integers(8, 32), width=st.integers(8, 32))
def test_any_motion_of_any_rectangle_is_finite_and_keeps_shape(u, z, height, width):
    inverse = rotation(torch.tensor([u, 0.5])) @ isotropic_scale(torch.tensor([z, 0.0]))
    images = torch.randn(2, 5, height, width)
    found = moved(images, inverse)
    assert found.shape == images.shape
    assert found.isfinite().all()


@given(u=st.floats(0, 1), z=st.floats(-0.5, 0.5))
def test_the_margin_is_all_that_is_looked_at(u, z):
    inverse = rotation(torch.tensor([u])) @ isotropic_scale(torch.tensor([z]))
    around = margin(inverse, (32, 32))
    assert max(around) < 31
    images = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    wider = tuple(min(pixels + 5, 31) for pixels in around)
    torch.testing.assert_close(warp(images, inverse, around), warp(images, inverse, wider), rtol=0, atol=1e-4)


def test_the_margin_of_a_batch_is_that_of_its_widest_pictures_and_less_than_the_side():
    shifts = translation(torch.tensor([[-3.0, 0.0], [5.0, 1.5]]))
    assert margin(shifts, (32, 32)) == (9, 11, 6, 8)
    assert margin(shifts, (8, 10)) == (9, 9, 6, 7)
    assert margin(scaling(torch.tensor([0.1]), torch.tensor([0.1])), (64, 64)) == (0, 0, 0, 0)


def test_motion_keeps_the_dtype():
    inverse = rotation(torch.tensor([0.1]))
    images = smooth(dtype=torch.float64)
    found = moved(images, inverse)
    assert found.dtype == torch.float64
    torch.testing.assert_close(moved(images.float(), inverse), found.float(), rtol=0, atol=1e-4)


def test_a_motion_and_its_inverse_return_a_smooth_picture():
    matrix = rotation(torch.tensor([0.55])) @ translation(torch.tensor([[1.3, -0.6]]))
    images = smooth(size=(48, 48))
    back = moved(moved(images, matrix), torch.linalg.inv(matrix))
    torch.testing.assert_close(back[:, :, 12:-12, 12:-12], images[:, :, 12:-12, 12:-12], rtol=0, atol=0.03)
