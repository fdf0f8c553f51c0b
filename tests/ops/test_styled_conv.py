import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops.packed import Packed
from stylegans.ops.resample import fir_filter
from stylegans.ops.styled_conv import styled_conv2d, styled_rgb


def layer(*, n=1, inner=8, outer=6, size=(5, 4), up=1, noise="one", dtype=torch.float32, seed=0):
    """Arguments of a layer."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=random, dtype=dtype)

    height, width = size[0] * up, size[1] * up
    maps = {"none": None, "one": draw(1, height, width), "each": draw(n, 1, height, width)}
    options = {"bias": draw(outer), "noise": maps[noise], "up": up}
    return (draw(n, inner, *size), draw(outer, inner, 3, 3), draw(n, inner) + 1), options


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 3),
    inner=st.integers(1, 9),
    outer=st.integers(1, 9),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    up=st.sampled_from([1, 2]),
    noise=st.sampled_from(["none", "one", "each"]),
    taps=st.sampled_from([None, (1, 1), (1, 2, 1), (1, 3, 3, 1), (1, 2, 3, 4, 5)]),
    clamp=st.sampled_from([None, 0.5]),
    channels_last=st.booleans(),
)
def test_without_gradients_it_equals_the_plain_form(n, inner, outer, size, up, noise, taps, clamp, channels_last):
    (x, weight, styles), options = layer(n=n, inner=inner, outer=outer, size=size, up=up, noise=noise)
    options |= {"f": None if taps is None else fir_filter(taps), "clamp": clamp, "gain": 0.7}
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    before = x.clone()
    expected = styled_conv2d(x, weight, styles, plain=True, **options)
    for packed in (None, Packed()):
        found = styled_conv2d(x, weight, styles, packed=packed, **options)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * max(float(expected.abs().max()), 1))
    assert torch.equal(x, before)  # what it was given stays as it was


@pytest.mark.parametrize("up", [1, 2])
def test_with_gradients_first_and_second_derivatives_equal_the_plain_ones(up, with_derivatives):
    (x, weight, styles), options = layer(n=2, inner=3, outer=4, up=up, dtype=torch.float64)
    given_ = [each.requires_grad_() for each in (x, weight, styles)]
    options |= {"f": fir_filter((1, 3, 3, 1)).double()}
    expected, found = (
        with_derivatives(styled_conv2d(*given_, plain=plain, **options), given_) for plain in (True, False)
    )
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_gradients_for_any_one_input_keep_the_graph():
    (x, weight, styles), options = layer()
    for leaf in (x, weight, styles, options["bias"], options["noise"]):
        leaf.requires_grad_()
        styled_conv2d(x, weight, styles, **options).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.abs().sum() > 0
        leaf.requires_grad_(False)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")
def test_forward_derivatives_and_function_transforms_pass_through():
    (x, weight, styles), options = layer(dtype=torch.float64)

    def drawn(s):
        return styled_conv2d(x, weight, s, **options)

    _, forward = torch.func.jvp(drawn, (styles,), (torch.ones_like(styles),))
    near = (drawn(styles + 1e-6) - drawn(styles - 1e-6)) / 2e-6
    torch.testing.assert_close(forward, near, rtol=1e-5, atol=1e-6)


def test_half_precision_is_near():
    (x, weight, styles), options = layer(n=2, inner=32, outer=32, size=(40, 40), up=2)
    options |= {"f": fir_filter((1, 3, 3, 1))}
    expected = styled_conv2d(x, weight, styles, plain=True, **options)
    found = styled_conv2d(x.bfloat16(), weight, styles, **options)
    assert found.dtype is torch.bfloat16
    assert ((found.float() - expected).norm() / expected.norm()).item() < 1e-2


@pytest.mark.parametrize("up", [1, 2])
def test_a_packed_weight_follows_the_weight(up):
    (x, weight, styles), options = layer(inner=64, outer=64, size=(4, 4), up=up, noise="none")
    packed = Packed()
    first = styled_conv2d(x, weight, styles, packed=packed, **options)
    weight.mul_(torch.linspace(0.1, 2, 3))  # in place: the same memory
    expected = styled_conv2d(x, weight, styles, plain=True, **options)
    assert not torch.allclose(first, expected, atol=0.1)
    torch.testing.assert_close(
        styled_conv2d(x, weight, styles, packed=packed, **options), expected, rtol=1e-5, atol=1e-4
    )


def test_gain_is_root_two_unless_told():
    (x, weight, styles), options = layer()
    options["bias"] = options["bias"] + 1000  # nothing is rectified
    one, two = (styled_conv2d(x, weight, styles, gain=gain, **options) for gain in (1, math.sqrt(2)))
    torch.testing.assert_close(two, one * math.sqrt(2))
    torch.testing.assert_close(styled_conv2d(x, weight, styles, **options), two)


@pytest.mark.parametrize("size", [(16, 16), (18, 15), (40, 36)])
def test_wide_layers_equal_the_plain_form(size):
    (x, weight, styles), options = layer(n=2, inner=192, outer=200, size=size, noise="each")
    expected = styled_conv2d(x, weight, styles, plain=True, **options)
    found = styled_conv2d(x, weight, styles, packed=Packed(), **options)
    assert ((found - expected).abs().max() / expected.abs().max()).item() < 1e-5


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("clamp", [None, 0.5])
def test_a_picture_of_features_is_the_same_with_and_without_gradients(n, clamp):
    (x, _, styles), _ = layer(n=n, size=(64, 65))
    weight, bias = torch.randn(3, x.shape[1], 1, 1), torch.randn(3)
    x = x.contiguous(memory_format=torch.channels_last)
    before = x.clone()
    expected = torch.einsum("nihw,oi,ni->nohw", x, weight[:, :, 0, 0], styles) + bias[:, None, None]
    expected = expected if clamp is None else expected.clamp(-clamp, clamp)
    torch.testing.assert_close(styled_rgb(x, weight, styles, bias=bias, clamp=clamp), expected)
    found = styled_rgb(x, weight.requires_grad_(), styles, bias=bias, clamp=clamp)
    torch.testing.assert_close(found, expected)
    assert found.requires_grad
    assert torch.equal(x, before)
