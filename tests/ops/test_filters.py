import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops.filters import gaussian, jinc, lowpass


def test_filters_equal_the_published_ones(golden, relative_error):
    vectors = golden("sg3_filter_design")
    for case in vectors.config["cases"]:
        f = lowpass(case["numtaps"], cutoff=case["cutoff"], width=case["width"], rate=case["fs"], radial=case["radial"])
        assert relative_error(f, vectors.outputs[case["key"]]) < 1e-6, case


@given(taps=st.integers(2, 30), cutoff=st.floats(1, 7), width=st.floats(1, 8), radial=st.booleans())
def test_a_filter_is_symmetric_and_keeps_a_constant(taps, cutoff, width, radial):
    f = lowpass(taps, cutoff=cutoff, width=width, rate=16, radial=radial)
    assert f.sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(f, f.flip(list(range(f.ndim))))


def response(f, frequency, rate):
    position = (torch.arange(len(f)) - (len(f) - 1) / 2) / rate
    return (f * torch.cos(2 * math.pi * frequency * position)).sum().item()


def test_a_filter_passes_below_its_transition_band_and_stops_above_it():
    f = lowpass(48, cutoff=4, width=2, rate=32)
    assert response(f, 2.5, 32) == pytest.approx(1, abs=0.02)
    assert response(f, 4, 32) == pytest.approx(0.5, abs=0.02)
    assert abs(response(f, 5.5, 32)) < 0.02


def test_a_radial_filter_is_the_same_in_every_direction():
    f = lowpass(48, cutoff=4, width=2, rate=32, radial=True)
    position = (torch.arange(48) - 23.5) / 32
    for frequency in (3, 4, 5):
        responses = [
            (f * torch.cos(2 * math.pi * (x * position[None, :] + y * position[:, None]))).sum().item()
            for x, y in ((frequency, 0), (frequency * math.sqrt(0.5),) * 2, (0.6 * frequency, 0.8 * frequency))
        ]
        assert responses == pytest.approx([responses[0]] * 3, abs=1e-2)


def test_one_tap_is_the_identity():
    assert lowpass(1, cutoff=4, width=2, rate=16) is None


def test_jinc_is_continuous_at_the_origin():
    near, at = jinc(torch.tensor([1e-6, 0.0], dtype=torch.float64), 3.0)
    assert near.item() == pytest.approx(at.item(), rel=1e-6)


def test_a_blur_falls_to_a_half_at_sigma_and_ends_at_three():
    f = gaussian(10)
    assert len(f) == 61
    assert (f[40] / f[30]).item() == pytest.approx(0.5)
    assert gaussian(0.3) is None
    assert gaussian(0) is None
