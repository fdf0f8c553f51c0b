import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops.activation import bias_act
from stylegans.ops.dispatch import kernels

options = st.fixed_dictionaries(
    {
        "act": st.sampled_from(["linear", "relu", "lrelu"]),
        "alpha": st.sampled_from([0.2, 0.05]),
        "gain": st.sampled_from([None, 0.5, 3.0]),
        "clamp": st.sampled_from([None, 0.8]),
    }
)


def test_kernel_equals_the_published_activations_with_their_gradients(golden, relative_error, device):
    vectors = golden("ada_ops_bias_act")
    for case in vectors.config["cases"]:
        options = dict(case)
        key, has_bias = options.pop("key"), options.pop("bias", True)
        bias = vectors.inputs["b" if options.get("dim", 1) == 1 else "b_dim2"].to(device) if has_bias else None
        x = vectors.inputs["x"].to(device).requires_grad_()
        y = bias_act(x, bias, **options)
        (gradient,) = torch.autograd.grad((y * vectors.inputs["dy"].to(device)).sum(), x)
        assert relative_error(y.cpu(), vectors.outputs[key]) < 1e-6, case
        assert relative_error(gradient.cpu(), vectors.outputs[f"{key}_dx"]) < 1e-6, case


@settings(max_examples=20)
@given(
    options=options,
    memory=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    bias=st.booleans(),
    noise=st.sampled_from([None, (5, 7), (1, 1, 5, 7), (3, 1, 5, 7)]),
)
def test_kernel_equals_the_plain_form_with_its_derivatives(twins, device, options, memory, bias, noise):
    inputs = [torch.randn(3, 4, 5, 7, device=device).contiguous(memory_format=memory)]
    inputs += [torch.randn(4, device=device)] if bias else []
    inputs += [] if noise is None else [torch.randn(noise, device=device)]

    def op(x, *others):
        given = list(others)
        b = given.pop(0) if bias else None
        return bias_act(x, b, noise=given.pop() if given else None, **options)

    for found, expected, rounding in twins(op, inputs):
        assert found.shape == expected.shape
        assert (found - expected).norm() <= 1e-5 * expected.norm() + 4 * rounding


@pytest.mark.parametrize(("shape", "dim"), [((6, 5), 1), ((6, 5), 0), ((2, 3, 4), 2), ((2, 3, 4), -2), ((300, 1), 1)])
def test_any_shape_and_axis(twins, device, shape, dim):
    inputs = [torch.randn(shape, device=device), torch.randn(shape[dim], device=device)]
    for found, expected, rounding in twins(lambda x, b: bias_act(x, b, act="lrelu", dim=dim, clamp=1.0), inputs):
        assert (found - expected).norm() <= 1e-5 * expected.norm() + 4 * rounding


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(device, dtype):
    x, b = torch.randn(2, 8, 9, 12, device=device).to(dtype), torch.randn(8, device=device)
    found = bias_act(x, b, act="lrelu", clamp=256)
    with kernels(False):
        expected = bias_act(x.double(), b, act="lrelu", clamp=256)
    assert found.dtype == dtype
    assert ((found - expected).abs() <= expected.abs() * torch.finfo(dtype).eps + 1e-6).all()


def test_what_is_not_a_number_stays_so(device):
    x = torch.tensor([[float("nan"), float("inf"), -float("inf"), 1.0]], device=device)
    y = bias_act(x, torch.zeros(4, device=device), act="lrelu", gain=1, clamp=256)
    torch.testing.assert_close(y.cpu(), torch.tensor([[float("nan"), 256.0, -256.0, 1.0]]), equal_nan=True)


def test_a_bias_in_float32_gets_its_gradient_in_float32(device):
    x = torch.randn(2, 3, 4, 4, device=device, dtype=torch.bfloat16, requires_grad=True)
    b = torch.zeros(3, device=device, requires_grad=True)
    bias_act(x, b, act="lrelu").sum().backward()
    assert (x.grad.dtype, b.grad.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("act", ["tanh", "sigmoid", "elu", "selu", "softplus", "swish"])
def test_what_is_not_linear_in_pieces_runs_as_plain_pytorch(monkeypatch, device, act):
    monkeypatch.setattr("stylegans.ops.kernels.bias_act.bias_act", None)
    bias_act(torch.zeros(1, 2, device=device), torch.zeros(2, device=device), act=act)
    with pytest.raises(TypeError):
        bias_act(torch.zeros(1, 2, device=device), torch.zeros(2, device=device), act="lrelu")


@pytest.mark.parametrize("noise", [(4, 5, 7), (1, 4, 5, 7), (3, 4, 5, 7), (1, 7), (5, 1)])
def test_other_noise_runs_as_plain_pytorch(monkeypatch, device, noise):
    monkeypatch.setattr("stylegans.ops.kernels.bias_act.bias_act", None)
    x, noise = torch.zeros(3, 4, 5, 7, device=device), torch.randn(noise, device=device)
    torch.testing.assert_close(bias_act(x, noise=noise), noise.expand(3, 4, 5, 7))


def test_a_bias_of_the_wrong_length_is_refused_and_read_by_no_kernel(device):
    with pytest.raises(RuntimeError):
        bias_act(torch.zeros(1, 4, 2, 2, device=device), torch.zeros(3, device=device))
