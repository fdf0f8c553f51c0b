import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops import convolution_gradients
from stylegans.ops.convolution_gradients import Geometry, conv2d, conv_transpose2d


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 3),
    inner=st.integers(1, 4),
    outer=st.integers(1, 4),
    size=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    taps=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    channels_last=st.booleans(),
    transposed=st.booleans(),
    phases_from=st.sampled_from([1, 1 << 40]),
)
def test_values_and_derivatives_of_three_orders_equal_pytorchs(
    n, inner, outer, size, taps, stride, padding, channels_last, transposed, phases_from
):
    x = torch.randn(n, inner, *size, dtype=torch.float64)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    w = torch.randn(*((inner, outer) if transposed else (outer, inner)), *taps, dtype=torch.float64).requires_grad_()
    x.requires_grad_()
    bias = torch.randn(outer, dtype=torch.float64, requires_grad=True)
    leaves = [x, w] if transposed else [x, w, bias]

    def ours():
        if transposed:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(convolution_gradients, "PHASES_FROM", phases_from)
                return conv_transpose2d(x, w, stride=stride)
        return conv2d(x, w, bias, stride=stride, padding=padding)

    def pytorchs():
        if transposed:
            return F.conv_transpose2d(x, w, stride=stride)
        return F.conv2d(x, w, bias, stride=stride, padding=padding)

    results = []
    for form in (ours, pytorchs):
        y = form()
        first = torch.autograd.grad(y.pow(3).sum(), leaves, create_graph=True)
        second = torch.autograd.grad(sum(g.pow(3).sum() for g in first), leaves, create_graph=True)
        third = torch.autograd.grad(sum(g.pow(2).sum() for g in second), leaves)
        results.append((y, *first, *second, *third))
    for found, expected in zip(*results, strict=True):
        size_of_it = max(expected.detach().abs().max().item(), 1)
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8 * size_of_it)


@pytest.mark.parametrize("form", [convolution_gradients._by_products, convolution_gradients._by_convolution])
@pytest.mark.parametrize("stride", [1, 2])
def test_both_forms_of_the_weight_gradient_equal_pytorchs(form, stride):
    x = torch.randn(2, 5, 9, 8).contiguous(memory_format=torch.channels_last)
    w = torch.randn(4, 5, 3, 3, requires_grad=True)
    y = F.conv2d(x, w, stride=stride, padding=1)
    g = torch.randn_like(y)
    (expected,) = torch.autograd.grad(y, w, g)
    torch.testing.assert_close(form(x, g, Geometry((stride, stride), (1, 1)), (3, 3)), expected)


def test_gradients_go_only_where_they_are_asked_for():
    x, w = torch.randn(1, 2, 4, 4, requires_grad=True), torch.randn(3, 2, 3, 3, requires_grad=True)
    torch.autograd.grad(conv2d(x, w).sum(), w)
    torch.autograd.grad(conv2d(x, w).sum(), x)
    assert conv2d(x.detach(), w.detach()).grad_fn is None


def test_a_penalty_does_not_pay_for_the_weights_gradients(monkeypatch):
    x, w = torch.randn(1, 2, 6, 6, requires_grad=True), torch.randn(3, 2, 3, 3, requires_grad=True)
    made = []
    products = convolution_gradients._by_products
    monkeypatch.setattr(convolution_gradients, "_has_avx512", lambda: False)
    monkeypatch.setattr(convolution_gradients, "_by_products", lambda *given: made.append(given) or products(*given))
    (gradient,) = torch.autograd.grad(conv2d(x, w).square().sum(), x, create_graph=True)
    assert not made
    gradient.square().sum().backward()
    assert len(made) == 2  # through the convolution, and through its transpose
    assert w.grad is not None


@pytest.mark.parametrize("size", [(1, 1), (5, 4)])
def test_four_phases_are_a_transposed_convolution(size):
    x, w = torch.randn(2, 3, *size, dtype=torch.float64), torch.randn(3, 4, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(convolution_gradients._by_phases(x, w), F.conv_transpose2d(x, w, stride=2))


@pytest.mark.parametrize("avx512", [False, True])
@pytest.mark.parametrize("outer", [3, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_a_transposed_convolution_is_the_same_in_whichever_form(avx512, outer, dtype, monkeypatch):
    monkeypatch.setattr(convolution_gradients, "PHASES_FROM", 1)
    monkeypatch.setattr(convolution_gradients, "_has_avx512", lambda: avx512)
    x, w = torch.randn(1, 2, 5, 6).to(dtype), torch.randn(2, outer, 3, 3).to(dtype)
    assert convolution_gradients._phases_suit(x, w) == (not avx512 or (outer == 64 and dtype is torch.float32))
    found = convolution_gradients.conv_transpose2d(x, w, stride=2)
    exact = F.conv_transpose2d(x.double(), w.double(), stride=2)
    assert (found - exact).abs().max() < (1e-5 if dtype is torch.float32 else 0.02) * exact.abs().max()
