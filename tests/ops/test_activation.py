import math

import pytest
import torch

from stylegans.ops.activation import ACTIVATIONS, bias_act


def test_activations_equal_the_published_ones_with_their_gradients(golden, relative_error):
    vectors = golden("ada_ops_bias_act")
    for case in vectors.config["cases"]:
        options = dict(case)
        key, has_bias = options.pop("key"), options.pop("bias", True)
        bias = vectors.inputs["b" if options.get("dim", 1) == 1 else "b_dim2"] if has_bias else None
        x = vectors.inputs["x"].clone().requires_grad_()
        y = bias_act(x, bias, **options)
        (gradient,) = torch.autograd.grad((y * vectors.inputs["dy"]).sum(), x)
        assert relative_error(y, vectors.outputs[key]) < 1e-6, case
        assert relative_error(gradient, vectors.outputs[f"{key}_dx"]) < 1e-6, case


def test_default_gains_are_the_published_ones(golden):
    published = golden("ada_ops_bias_act").config["def_gain"]
    assert {name: kind.gain for name, kind in ACTIVATIONS.items()} == published


@pytest.mark.parametrize("act", ["relu", "lrelu"])
def test_rectifiers_keep_the_second_moment(act):
    y = bias_act(torch.randn(100_000), torch.zeros(1), act=act, dim=0)
    assert y.square().mean().item() == pytest.approx(1, rel=0.05)
    assert ACTIVATIONS[act].gain == math.sqrt(2)


def test_clamp_comes_after_gain():
    assert bias_act(torch.tensor([[10.0]]), act="linear", gain=3, clamp=5).item() == 5
