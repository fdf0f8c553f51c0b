import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops.filtered_lrelu import filtered_lrelu
from stylegans.ops.filters import lowpass


@pytest.mark.parametrize("plain", [True, False])
def test_both_forms_equal_the_published_one(golden, relative_error, plain):
    vectors = golden("sg3_ops_filtered_lrelu")
    f = {"fu": {"sep12": vectors.inputs["fu_sep12"], "none": None}}
    f["fd"] = {name: vectors.inputs[f"fd_{name}"] for name in ("sep12", "radial12", "asym2d")} | {"none": None}
    for case in vectors.config["cases"]:
        options = dict(case)
        key, b = options.pop("key"), vectors.inputs["b"] if options.pop("bias", True) else None
        options["up_filter"], options["down_filter"] = (f[name][options.pop(name)] for name in ("fu", "fd"))
        options["flip"] = options.pop("flip_filter", False)
        found = filtered_lrelu(vectors.inputs["x"], b, plain=plain, **options)
        assert relative_error(found, vectors.outputs[key]) < 1e-6, case


options = st.fixed_dictionaries(
    {
        "up": st.integers(1, 4),
        "down": st.integers(1, 4),
        "padding": st.tuples(*[st.integers(-2, 9)] * 4),
        "gain": st.sampled_from([1.0, 1.5]),
        "slope": st.sampled_from([0.2, 1.0]),
        "clamp": st.sampled_from([None, 0.8]),
        "flip": st.booleans(),
    }
)
taps = st.sampled_from([None, (1,), (5,), (6,), (3, 2), (2, 5), (6, 6)])


@given(options=options, fu=taps, fd=taps, bias=st.booleans(), size=st.tuples(*[st.integers(14, 16)] * 2))
def test_fast_form_equals_the_definition_with_its_derivatives(with_derivatives, options, fu, fd, bias, size):
    torch.manual_seed(sum(size))
    fu, fd = (taps and torch.randn(taps, dtype=torch.float64) for taps in (fu, fd))
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    b = torch.randn(3, dtype=torch.float64, requires_grad=True) if bias else None
    wanted = [x] if b is None else [x, b]
    options |= {"up_filter": fu, "down_filter": fd}
    expected, found = (
        with_derivatives(filtered_lrelu(x, b, plain=plain, **options), wanted) for plain in (True, False)
    )
    torch.testing.assert_close(found, expected)


def test_a_filtered_rectifier_commutes_with_a_shift_better_than_a_plain_one():
    """A band-limited signal shifted by a third of a pixel before or after (the law that the filters are there for)."""
    rate, n, shift = 16, 64, 1 / 3
    position = torch.arange(n, dtype=torch.float64)

    def signal(offset):
        wave = sum(torch.sin(2 * math.pi * k * (position - offset) / 32 + k) for k in (1, 2, 3, 5))
        return wave.expand(1, 1, n, n)

    def shifted(x):
        spectrum = torch.fft.rfft(x, dim=3)
        return torch.fft.irfft(spectrum * torch.exp(-2j * math.pi * torch.arange(n // 2 + 1) * shift / n), n, dim=3)

    up, down = (lowpass(12, cutoff=4, width=6, rate=2 * rate).double() for _ in range(2))

    def rectified(x):
        wide = torch.cat([x[..., -16:], x, x[..., :16]], dim=3)
        wide = torch.cat([wide[:, :, -16:], wide, wide[:, :, :16]], dim=2)
        return filtered_lrelu(wide, up_filter=up, down_filter=down, up=2, down=2, padding=(11, 10, 11, 10))[
            :, :, 16:-16, 16:-16
        ]

    def error(function):
        return (function(signal(shift)) - shifted(function(signal(0)))).square().mean().sqrt().item()

    plain = error(lambda x: torch.nn.functional.leaky_relu(x, 0.2) * math.sqrt(2))
    assert error(rectified) < plain / 5


@pytest.mark.parametrize("largest", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("radial", [False, True])
def test_a_bound_holds_whether_it_is_reached_or_not(largest, radial):
    taps = lowpass(12, cutoff=2.0, width=4.0, rate=16)
    taps = taps[:, None] * taps if radial else taps
    x = torch.randn(1, 2, 9, 9) * largest
    found, expected = (
        filtered_lrelu(x, torch.ones(2), up_filter=taps, up=2, padding=11, clamp=2.0, plain=plain)
        for plain in (False, True)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert found.abs().max() <= 2
    assert (found.abs().max() == 2) == (largest >= 1)
