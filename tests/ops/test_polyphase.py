import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops import polyphase as module
from stylegans.ops import resample
from stylegans.ops.polyphase import polyphase, upsample
from stylegans.ops.resample import fir_filter, upfirdn


@pytest.mark.parametrize("factor", [{"up": 3}, {"down": 3}])
def test_derivatives_of_polyphase_resampling_are_right(factor):
    f = torch.randn(4, 5, dtype=torch.float64)
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)

    def resample(x):
        return polyphase(x, f, padding=(2, -1, 3, 1), **factor)

    assert torch.autograd.gradcheck(resample, x)
    assert torch.autograd.gradgradcheck(resample, x)


@given(up=st.integers(1, 4), taps=st.integers(1, 12), padding=st.tuples(*[st.integers(-3, 12)] * 4))
def test_polyphase_upsampling_in_any_memory_format_equals_upfirdn(up, taps, padding):
    x, f = torch.randn(2, 3, 18, 19), torch.randn(taps)
    for memory in (torch.contiguous_format, torch.channels_last):
        found = polyphase(x.contiguous(memory_format=memory), f, up=up, padding=padding)
        torch.testing.assert_close(found, upfirdn(x, f, up=up, padding=padding, plain=True), rtol=1e-4, atol=1e-4)


@given(
    up=st.tuples(*[st.integers(1, 3)] * 2),
    taps=st.tuples(*[st.integers(1, 5)] * 2),
    padding=st.tuples(*[st.integers(-3, 7)] * 4),
    size=st.tuples(*[st.integers(9, 12)] * 2),
)
def test_sums_of_shifted_pictures_are_the_definition(up, taps, padding, size):
    x, f = torch.randn(2, 3, *size, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    left, right, top, bottom = padding
    expected = upfirdn(x, f, up=up, padding=padding, flip=True, plain=True)
    geometry = resample.Resampling(*up, 1, 1, left, right, top, bottom, flip=True)
    found = module._shifted(x, f, geometry, *expected.shape[2:])
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [(63, 64), (64, 64), (5, 1000)])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_enlarged_pictures_are_the_same_in_whichever_form(size, channels, memory):
    x, f = torch.randn(1, channels, *size).contiguous(memory_format=memory), fir_filter((1, 3, 3, 1))
    around = resample.up_padding((4, 4), (2, 2))
    torch.testing.assert_close(upsample(x, f), upfirdn(x, f, up=2, padding=around, gain=4, plain=True))


def test_derivatives_of_enlarged_pictures_are_right(monkeypatch):
    monkeypatch.setattr(module, "SHIFTED_FROM", 1)
    x = torch.randn(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    f = fir_filter((1, 3, 3, 1)).double()
    assert torch.autograd.gradcheck(lambda x: upsample(x, f), x)
    assert torch.autograd.gradgradcheck(lambda x: upsample(x, f), x)
