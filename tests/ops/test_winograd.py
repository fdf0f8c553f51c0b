import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops import winograd
from stylegans.ops.convolution_gradients import conv2d


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 3),
    inner=st.integers(1, 5),
    outer=st.integers(1, 5),
    size=st.tuples(st.integers(3, 13), st.integers(3, 13)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    biased=st.booleans(),
    band=st.sampled_from([1, 3000, 1 << 30]),
    channels_last=st.booleans(),
)
def test_it_is_a_convolution(n, inner, outer, size, padding, biased, band, channels_last):
    x, w = torch.randn(n, inner, *size, dtype=torch.float64), torch.randn(outer, inner, 3, 3, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    bias = torch.randn(outer, dtype=torch.float64) if biased else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "BAND", band)
        found = winograd.convolved(x, winograd.transformed(w), bias, padding=padding)
    torch.testing.assert_close(found, F.conv2d(x, w, bias, padding=padding), rtol=1e-10, atol=1e-10)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_it_rounds_little():
    x, w = torch.randn(1, 256, 24, 24), torch.randn(256, 256, 3, 3)
    expected = F.conv2d(x.double(), w.double(), padding=1)
    found = winograd.convolved(x, winograd.transformed(w), padding=(1, 1))
    assert ((found - expected).abs().max() / expected.abs().max()).item() < 3e-6


@pytest.mark.parametrize("size", [(16, 16), (18, 15)])
def test_wide_convolutions_and_their_derivatives_equal_pytorchs(monkeypatch, size):
    monkeypatch.setattr(winograd, "CHANNELS", 4)
    monkeypatch.setattr(winograd, "TILES", 4)
    x = torch.randn(2, 6, *size, requires_grad=True)
    w, bias = torch.randn(5, 6, 3, 3, requires_grad=True), torch.randn(5, requires_grad=True)
    results = []
    for form in (conv2d, F.conv2d):
        y = form(x, w, bias, padding=(1, 1))
        first = torch.autograd.grad(y.pow(2).sum(), [x, w, bias], create_graph=True)
        second = torch.autograd.grad(sum(g.pow(2).sum() for g in first), [x, w, bias])
        results.append((y, *first, *second))
    for found, expected in zip(*results, strict=True):
        assert ((found - expected).norm() / expected.norm()).item() < 1e-5


def test_frozen_weights_take_it_too(monkeypatch):
    monkeypatch.setattr(winograd, "suits", lambda x, w: True)
    called = []
    convolved = winograd.convolved
    monkeypatch.setattr(
        winograd, "convolved", lambda *given, **options: called.append(1) or convolved(*given, **options)
    )
    x, w = torch.randn(1, 4, 8, 8, requires_grad=True), torch.randn(4, 4, 3, 3)
    conv2d(x, w, padding=(1, 1)).mul_(2).sum().backward()  # the result may be changed in place
    assert len(called) == 2  # the convolution, and the gradient of its input
    with torch.no_grad():
        conv2d(x, w, padding=(1, 1))
    assert len(called) == 3
