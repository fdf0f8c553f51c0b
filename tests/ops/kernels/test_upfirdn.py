import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.ops.dispatch import kernels
from stylegans.ops.resample import downsample, filter2d, fir_filter, upfirdn, upsample

FUNCTIONS = {"upfirdn2d": upfirdn, "filter2d": filter2d, "upsample2d": upsample, "downsample2d": downsample}

geometry = st.fixed_dictionaries(
    {
        "up": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "down": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.tuples(*[st.integers(-1, 4)] * 4),
        "flip": st.booleans(),
        "gain": st.sampled_from([1.0, 4.0]),
    }
)
taps = st.sampled_from([(4, 4), (1, 3), (3, 5), (6,), (9, 2)])
formats = st.sampled_from([torch.contiguous_format, torch.channels_last])


def check(twins, device, options, taps, memory, size):
    torch.manual_seed(sum(size))
    f = torch.randn(taps, device=device)
    x = torch.randn(2, 3, *size, device=device).contiguous(memory_format=memory)
    for found, expected, rounding in twins(lambda x: upfirdn(x, f, **options), [x]):
        assert found.shape == expected.shape
        assert found.is_contiguous(memory_format=memory)
        assert (found - expected).norm() <= 1e-5 * expected.norm() + 4 * rounding


@settings(max_examples=6)
@given(options=geometry, taps=taps, memory=formats, size=st.tuples(*[st.integers(11, 14)] * 2))
def test_kernel_equals_the_plain_form_with_its_derivatives(twins, device, options, taps, memory, size):
    check(twins, device, options, taps, memory, size)


@pytest.mark.long
@settings(max_examples=80)
@given(options=geometry, taps=taps, memory=formats, size=st.tuples(*[st.integers(11, 40)] * 2))
def test_kernel_equals_the_plain_form_in_more_cases(twins, device, options, taps, memory, size):
    check(twins, device, options, taps, memory, size)


def test_kernel_equals_the_published_resampling(golden, relative_error, device):
    vectors = golden("ada_ops_upfirdn2d")
    known = {"none": None}
    for name, options in vectors.config["setup_filter"].items():
        if options is not None:
            options = {("flip" if key == "flip_filter" else key): value for key, value in options.items()}
            known[name] = fir_filter(options.pop("f"), **options).to(device)
    for case in vectors.config["cases"]:
        options = {("flip" if key == "flip_filter" else key): value for key, value in case.items()}
        function, key, f = FUNCTIONS[options.pop("fn")], options.pop("key"), known[options.pop("f")]
        found = function(vectors.inputs["x"].to(device), f, **options)
        assert relative_error(found.cpu(), vectors.outputs[key]) < 1e-6, case


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_half_precision_is_rounded_once(device, dtype, memory):
    x = torch.randn(2, 8, 9, 12, device=device).to(dtype).contiguous(memory_format=memory)
    f = fir_filter([1, 3, 3, 1]).to(device)
    found = upsample(x, f)
    with kernels(False):
        expected = upsample(x.double(), f)
    assert found.dtype == dtype
    assert ((found - expected).abs() <= expected.abs() * torch.finfo(dtype).eps + 1e-6).all()


def test_views_of_every_kind_are_read_right(device):
    x, f = torch.randn(3, 4, 10, 12, device=device), torch.randn(3, 3, device=device)
    for view in (x[:, 1:3], x[..., 2:9], x.flip(3)[..., ::2], x[:1, :1].expand(2, 3, 10, 12), x.transpose(2, 3)):
        found = upfirdn(view, f, padding=1)
        with kernels(False):
            torch.testing.assert_close(found, upfirdn(view, f, padding=1), rtol=1e-5, atol=1e-5)


def test_the_op_runs_the_kernel(monkeypatch, device):
    calls = []
    monkeypatch.setattr("stylegans.ops.kernels.upfirdn.upfirdn", lambda x, f, **_: calls.append(1) or x)
    x, f = torch.zeros(1, 1, 4, 4, device=device), torch.ones(1, 1, device=device)
    upfirdn(x, f)
    upfirdn(x, f, plain=True)
    with kernels(False):
        upfirdn(x, f)
    assert len(calls) == 1
