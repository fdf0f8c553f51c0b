import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops.convolution import conv2d_resample
from stylegans.ops.packed import Packed
from stylegans.ops.resample import fir_filter
from stylegans.ops.scaled_conv import scaled_conv2d


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 3),
    inner=st.integers(1, 8),
    outer=st.integers(1, 8),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    up=st.sampled_from([1, 2]),
    padding=st.integers(0, 2),
    channels_last=st.booleans(),
    taps=st.sampled_from([None, (1, 1), (1, 2, 1), (1, 3, 3, 1), (1, 2, 4, 6, 6, 4, 2, 1)]),
)
def test_it_is_a_convolution_of_scaled_inputs_with_scaled_outputs(
    n, inner, outer, size, up, padding, channels_last, taps
):
    padding = 1 if up == 2 else max(padding, 1 if min(size) < 3 else 0)
    f = fir_filter(taps) if up == 2 and taps else None
    x, weight, bias = torch.randn(n, inner, *size), torch.randn(outer, inner, 3, 3), torch.randn(outer)
    styles, scales = torch.randn(n, inner), torch.randn(n, outer)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    before = x.clone()
    expected = conv2d_resample(
        x * styles[:, :, None, None], weight, f, up=up, padding=padding, flip_weight=up == 1, plain=True
    )
    expected = expected * scales[:, :, None, None] + bias[:, None, None]
    for packed in (None, Packed()):
        found = scaled_conv2d(x, weight, styles, scales, bias=bias, padding=padding, f=f, up=up, packed=packed)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * max(float(expected.abs().max()), 1))
    assert torch.equal(x, before)


@pytest.mark.parametrize("size", [2, 40])
def test_the_result_may_be_written_to(size):
    x, weight = torch.randn(1, 4, size, size), torch.randn(4, 4, 3, 3)
    given_ = [x, weight, torch.ones(1, 4), torch.ones(1, 4)]
    before = [each.clone() for each in given_]
    bias = torch.zeros(4)
    scaled_conv2d(*given_, bias=bias, padding=1).fill_(7)
    assert all(torch.equal(now, then) for now, then in zip([*given_, bias], [*before, torch.zeros(4)], strict=True))
