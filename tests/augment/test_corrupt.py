import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.augment.corrupt import BANDS, EXPECTED_POWER, NOWHERE, SMOOTH, amplify, band_gains, bands, cut_out


def test_the_smoothing_filter_is_half_the_autocorrelation_of_sym2():
    root = 3**0.5
    low = torch.tensor([1 - root, 3 - root, 3 + root, 1 + root], dtype=torch.float64) / 32**0.5
    found = [(low[max(-k, 0) : 4 - max(k, 0)] * low[max(k, 0) : 4 + min(k, 0)]).sum().item() / 2 for k in range(-3, 4)]
    assert found == pytest.approx(SMOOTH, abs=1e-12)


def test_the_bands_equal_the_published_filter_bank(golden):
    published = golden("ada_augment_percentile").state["Hz_fbank"]  # [4, 43]
    found = bands(101, like=torch.zeros(1))[:, 50, 50 - 21 : 50 + 22]  # what becomes of the middle pixel
    torch.testing.assert_close(found, published, rtol=0, atol=1e-7)


@given(side=st.integers(8, 50))
def test_the_bands_add_up_to_the_picture(side):
    total = bands(side, like=torch.zeros(1, dtype=torch.float64)).sum(dim=0)
    torch.testing.assert_close(total, torch.eye(side, dtype=torch.float64))


def test_the_bands_divide_the_frequencies_by_octaves():
    response = torch.fft.rfft(bands(128, like=torch.zeros(1))[:, 64]).abs()  # [4, 65]
    assert response.argmax(dim=0)[[2, 12, 24, 60]].tolist() == [0, 1, 2, 3]


@given(z=st.floats(-3, 3), band=st.integers(0, BANDS - 1))
def test_one_bands_gain_keeps_the_power_of_a_natural_picture(z, band):
    amounts = torch.zeros(1, BANDS)
    amounts[0, band] = z
    gains, power = band_gains(amounts), torch.tensor(EXPECTED_POWER)
    assert ((gains.square() * power).sum() / power.sum()).item() == pytest.approx(1, rel=1e-5)
    assert (gains[0, band] / gains[0, band - 1]).item() == pytest.approx(2**z, rel=1e-4)


def test_neutral_gains_are_one_exactly_and_hand_the_picture_through():
    gains = band_gains(torch.zeros(2, BANDS))
    assert torch.equal(gains, torch.ones(2, BANDS))
    images = torch.randn(2, 3, 8, 8)
    assert amplify(images, gains) is images


def test_amplifying_is_separable_filtering_of_reflected_pictures(golden):
    published = golden("ada_augment_percentile").state["Hz_fbank"]
    images, gains = torch.randn(2, 3, 40, 30), band_gains(torch.randn(2, BANDS))
    padded = torch.nn.functional.pad(images, [21] * 4, mode="reflect")
    expected = []
    for picture, f in zip(padded, gains @ published, strict=True):
        rows = torch.nn.functional.conv2d(picture[:, None], f.view(1, 1, 1, -1))
        expected.append(torch.nn.functional.conv2d(rows, f.view(1, 1, -1, 1))[:, 0])
    torch.testing.assert_close(amplify(images, gains), torch.stack(expected), rtol=1e-5, atol=1e-5)


def test_a_constant_picture_is_all_in_the_lowest_band():
    gains = torch.tensor([[0.5, 3.0, 7.0, 9.0]])
    images = torch.ones(1, 2, 8, 11)
    torch.testing.assert_close(amplify(images, gains), images * 0.25, rtol=0, atol=1e-5)  # 0.5 along each axis


@given(height=st.integers(8, 40), width=st.integers(8, 40), x=st.floats(0.3, 0.7), y=st.floats(0.3, 0.7))
def test_a_hole_is_a_quarter_of_the_picture_around_its_centre(height, width, x, y):
    hole = cut_out(torch.ones(1, 1, height, width), torch.tensor([[x, y]]))[0, 0] == 0
    rows, columns = hole.any(dim=1).nonzero().squeeze(1), hole.any(dim=0).nonzero().squeeze(1)
    assert hole.sum() == len(rows) * len(columns)
    assert abs(len(rows) - height / 2) <= 1
    assert abs(len(columns) - width / 2) <= 1
    assert abs((rows.double().mean().item() + 0.5) / height - y) <= 1 / height
    assert abs((columns.double().mean().item() + 0.5) / width - x) <= 1 / width


def test_a_hole_at_the_corner_is_cut_by_it_and_one_nowhere_is_none():
    images = torch.ones(2, 3, 16, 16)
    found = cut_out(images, torch.tensor([[0.0, 0.0], [NOWHERE, NOWHERE]]))
    assert (found[0, 0] == 0).sum() == 16
    assert torch.equal(found[1], images[1])
