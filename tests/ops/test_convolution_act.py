import pytest
import torch

from stylegans.ops import convolution_act
from stylegans.ops.activation import RECTIFIERS
from stylegans.ops.convolution_act import conv2d_act
from stylegans.ops.resample import fir_filter


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("act", [*RECTIFIERS, "swish"])
@pytest.mark.parametrize("clamp", [None, 0.4])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("large", [2**20, 1], ids=["weights scaled", "maps scaled"])
def test_it_equals_the_steps_one_by_one_with_first_and_second_derivatives(
    up, down, kernel, act, clamp, biased, large, with_derivatives, monkeypatch
):
    monkeypatch.setattr(convolution_act, "LARGE", large)
    f = fir_filter((1, 3, 3, 1)).double()
    x = torch.randn(2, 40, 2, 2, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 40, kernel, kernel, dtype=torch.float64, requires_grad=True)
    b = torch.randn(4, dtype=torch.float64, requires_grad=True) if biased else None
    leaves = [x, w, b] if b is not None else [x, w]
    options = {"weight_gain": 0.3, "up": up, "down": down, "padding": kernel // 2, "act": act, "clamp": clamp}
    expected, found = (
        with_derivatives(conv2d_act(x, w, f, b, plain=plain, **options), leaves) for plain in (True, False)
    )
    torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_what_it_is_given_stays_as_it_was():
    x, w, b = torch.randn(1, 4, 8, 8), torch.randn(4, 4, 1, 1), torch.randn(4)
    before = [each.clone() for each in (x, w, b)]
    conv2d_act(x, w, None, b, act="lrelu", clamp=0.1)
    assert all(torch.equal(now, then) for now, then in zip((x, w, b), before, strict=True))


def test_on_small_maps_no_copy_of_large_weights_is_kept(monkeypatch):
    monkeypatch.setattr(convolution_act, "LARGE", 1)
    x, w = torch.randn(1, 4, 2, 2), torch.randn(4, 4, 3, 3, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        conv2d_act(x, w, None, torch.zeros(4), weight_gain=0.5, padding=1, act="lrelu")
    weights = [t for t in kept if t.shape == w.shape]
    assert weights
    assert all(t.data_ptr() == w.data_ptr() for t in weights)
