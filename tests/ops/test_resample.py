import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops.resample import downsample, filter2d, fir_filter, upfirdn, upsample

FUNCTIONS = {"upfirdn2d": upfirdn, "filter2d": filter2d, "upsample2d": upsample, "downsample2d": downsample}


def renamed(options):
    return {("flip" if name == "flip_filter" else name): value for name, value in options.items()}


def filters(vectors):
    made = {}
    for name, options in vectors.config["setup_filter"].items():
        if options is not None:
            options = renamed(options)
            made[name] = fir_filter(options.pop("f"), **options)
    return made | {"none": None}


def test_filters_equal_the_published_ones(golden, relative_error):
    vectors = golden("ada_ops_upfirdn2d")
    for name, f in filters(vectors).items():
        if f is not None:
            assert relative_error(f, vectors.inputs[f"filter_{name}"]) < 1e-6


def test_resampling_equals_the_published_one(golden, relative_error):
    vectors = golden("ada_ops_upfirdn2d")
    known = filters(vectors)
    for case in vectors.config["cases"]:
        options = renamed(case)
        function, key, f = FUNCTIONS[options.pop("fn")], options.pop("key"), known[options.pop("f")]
        found = function(vectors.inputs["x"], f, **options)
        assert relative_error(found, vectors.outputs[key]) < 1e-6, case


def test_resampling_equals_the_one_published_for_tensorflow(golden, relative_error):
    vectors = golden("sg2_ops")
    functions = {"filter_2d": filter2d, "upsample_2d": upsample, "downsample_2d": downsample}
    for case in vectors.config["cases"]:
        options = dict(case)
        key, name = options.pop("key"), options.pop("fn")
        if name in functions:
            f = fir_filter(options.pop("k") or (1, 1))  # without a filter pixels are repeated or averaged
            found = functions[name](vectors.inputs["x"], f, **options)
            assert relative_error(found, vectors.outputs[key]) < 1e-6, case


geometry = st.fixed_dictionaries(
    {
        "up": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "down": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "padding": st.tuples(*[st.integers(-1, 4)] * 4),
        "flip": st.booleans(),
        "gain": st.sampled_from([1.0, 4.0]),
    }
)


@given(
    options=geometry, taps=st.sampled_from([(4, 4), (1, 3), (3, 5), (6,)]), size=st.tuples(*[st.integers(8, 11)] * 2)
)
def test_fast_form_equals_the_definition_with_its_derivatives(with_derivatives, options, taps, size):
    torch.manual_seed(sum(size))
    f = torch.randn(taps, dtype=torch.float64)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    expected, found = (with_derivatives(upfirdn(x, f, plain=plain, **options), [x]) for plain in (True, False))
    torch.testing.assert_close(found, expected)


def test_gradients_of_the_fast_form_are_right():
    f = torch.randn(3, 4, dtype=torch.float64)
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)

    def resample(x):
        return upfirdn(x, f, up=(2, 3), down=(3, 2), padding=(2, -1, 3, 1))

    assert torch.autograd.gradcheck(resample, x)
    assert torch.autograd.gradgradcheck(resample, x)


@pytest.mark.parametrize("taps", [(1, 3, 3, 1), (1, 1), (1, 2, 1), (1, 2, 5, 3)])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_constant_picture_stays_constant_away_from_the_border(taps, factor):
    f, x = fir_filter(taps), torch.ones(1, 1, 12, 12)
    large, small = upsample(x, f, up=factor), downsample(x, f, down=factor)
    assert large.shape[2:] == (12 * factor, 12 * factor)
    assert small.shape[2:] == (12 // factor, 12 // factor)
    if factor == 2 and taps != (1, 2, 5, 3):  # a filter must match its factor to leave no ripple
        torch.testing.assert_close(large[:, :, 4:-4, 4:-4], torch.ones(1, 1, 16, 16))
    torch.testing.assert_close(small[:, :, 1:-1, 1:-1], torch.ones_like(small[:, :, 1:-1, 1:-1]))


def test_long_filters_stay_separable_and_equal_their_outer_product():
    taps = torch.randn(8)
    separable, full = fir_filter(taps), fir_filter(taps, separable=False)
    assert separable.ndim == 1
    assert full.ndim == 2
    x = torch.randn(1, 2, 9, 9)
    torch.testing.assert_close(upsample(x, separable), upsample(x, full), rtol=1e-4, atol=1e-4)
