import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops.dispatch import kernels
from stylegans.ops.filtered_lrelu import filtered_lrelu
from stylegans.ops.filters import lowpass

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
formats = st.sampled_from([torch.contiguous_format, torch.channels_last])


def check(twins, device, options, fu, fd, memory, size):
    torch.manual_seed(sum(size))
    fu, fd = (taps and torch.randn(taps, device=device) for taps in (fu, fd))
    x = torch.randn(1, 2, *size, device=device).contiguous(memory_format=memory)
    b = torch.randn(2, device=device)
    options |= {"up_filter": fu, "down_filter": fd}
    for found, expected, rounding in twins(lambda x, b: filtered_lrelu(x, b, **options), [x, b]):
        assert found.shape == expected.shape
        assert (found - expected).norm() <= 1e-5 * expected.norm() + 4 * rounding


@settings(max_examples=4)
@given(options=options, fu=taps, fd=taps, memory=formats, size=st.tuples(*[st.integers(14, 16)] * 2))
def test_kernel_equals_the_plain_form_with_its_derivatives(twins, device, options, fu, fd, memory, size):
    check(twins, device, options, fu, fd, memory, size)


@pytest.mark.long
@settings(max_examples=60)
@given(options=options, fu=taps, fd=taps, memory=formats, size=st.tuples(*[st.integers(14, 45)] * 2))
def test_kernel_equals_the_plain_form_in_more_cases(twins, device, options, fu, fd, memory, size):
    check(twins, device, options, fu, fd, memory, size)


@pytest.mark.parametrize(
    ("up", "down", "radial"), [(2, 2, False), pytest.param(4, 2, True, marks=pytest.mark.long, id="radial")]
)
def test_tiles_join_without_a_seam(twins, device, up, down, radial):
    """A layer as StyleGAN3 has it, two tiles wide and high there and back."""
    fu = lowpass(6 * up, cutoff=4, width=6, rate=16 * up).to(device)
    fd = lowpass(6 * down, cutoff=4, width=6, rate=16 * down, radial=radial).to(device)
    x, b = torch.randn(1, 1, 34, 30, device=device), torch.randn(1, device=device)
    layer = {"up_filter": fu, "down_filter": fd, "up": up, "down": down, "padding": (9, 8, 7, 9), "clamp": 0.5}
    for found, expected, _ in twins(lambda x, b: filtered_lrelu(x, b, **layer), [x, b]):
        assert (found - expected).abs().max() <= 2e-5 * expected.abs().max()


def test_kernel_equals_the_published_form(golden, relative_error, device):
    vectors = golden("sg3_ops_filtered_lrelu")
    inputs = {name: value.to(device) for name, value in vectors.inputs.items()}
    f = {"fu": {"sep12": inputs["fu_sep12"], "none": None}}
    f["fd"] = {name: inputs[f"fd_{name}"] for name in ("sep12", "radial12", "asym2d")} | {"none": None}
    for case in vectors.config["cases"]:
        options = dict(case)
        key, b = options.pop("key"), inputs["b"] if options.pop("bias", True) else None
        options["up_filter"], options["down_filter"] = (f[name][options.pop(name)] for name in ("fu", "fd"))
        options["flip"] = options.pop("flip_filter", False)
        found = filtered_lrelu(inputs["x"], b, **options)
        assert relative_error(found.cpu(), vectors.outputs[key]) < 1e-6, case


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_as_near_as_the_plain_form(device, dtype, relative_error):
    f = lowpass(12, cutoff=4, width=6, rate=32).to(device)
    x, b = torch.randn(1, 2, 16, 12, device=device).to(dtype), torch.randn(2, device=device)

    def layer(x):
        x = x.detach().requires_grad_()
        y = filtered_lrelu(x, b, up_filter=f, down_filter=f, up=2, down=2, padding=(11, 10, 11, 10), clamp=1.0)
        return y.double(), torch.autograd.grad(y.double().pow(2).sum(), x)[0].double()

    found = layer(x)
    with kernels(False):
        plain, exact = layer(x), layer(x.double())
    eps = torch.finfo(dtype).eps
    near = (
        3 * eps if device == "cpu" and dtype == torch.bfloat16 else eps
    )  # the interpreter cuts off where a GPU rounds
    assert relative_error(found[0], exact[0]) < max(1.2 * relative_error(plain[0], exact[0]), near)
    assert relative_error(found[1], exact[1]) < 10 * eps  # some samples come to lie on another piece


def test_backward_keeps_two_bits_of_every_upsampled_sample(device):
    f = torch.ones(4, device=device)
    x = torch.randn(1, 2, 16, 16, device=device, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        filtered_lrelu(x, up_filter=f, down_filter=f, up=2, down=2, padding=3)
    (mask,) = (t for t in kept if t.dtype == torch.uint8)
    middle = 16 * 2 + 6 - 3
    assert mask.shape == (1, 2, middle - 1, -(-(middle - 1) // 4))
    assert all(t is mask or t.numel() == 4 for t in kept)


def test_filters_too_long_for_a_tile_take_other_kernels(device, monkeypatch):
    from stylegans.ops.kernels import filtered_lrelu as kernel  # once Triton knows that it interprets

    short, long = (torch.randn(taps, device=device) for taps in (24, 70))
    assert kernel.fits(short, short, up=4, down=4)
    assert not kernel.fits(long, short, up=1, down=2)
    monkeypatch.setattr(kernel, "filtered_lrelu", None)
    x = torch.randn(1, 1, 3, 4, device=device)
    found = filtered_lrelu(x, up_filter=long, up=2, down=2, padding=40)
    with kernels(False):
        expected = filtered_lrelu(x, up_filter=long, up=2, down=2, padding=40)
    assert (found - expected).norm() <= 1e-5 * expected.norm()
