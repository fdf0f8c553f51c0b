import pytest
import torch

from stylegans.ops.convolution import conv2d_resample
from stylegans.ops.resample import fir_filter


@pytest.mark.parametrize("plain", [True, False])
def test_convolution_equals_the_published_one(golden, relative_error, plain):
    vectors = golden("ada_ops_conv2d_resample")
    for case in vectors.config["cases"]:
        options = dict(case)
        key, w, f = (
            options.pop("key"),
            vectors.inputs[options.pop("w")],
            vectors.inputs.get(f"filter_{options.pop('f')}"),
        )
        found = conv2d_resample(vectors.inputs["x"], w, f, plain=plain, **options)
        assert relative_error(found, vectors.outputs[key]) < 1e-6, case


@pytest.mark.parametrize("plain", [True, False])
def test_convolution_equals_the_one_published_for_tensorflow(golden, relative_error, plain):
    vectors = golden("sg2_ops")
    weight = vectors.inputs["w"].permute(3, 2, 0, 1)
    factors = {"upsample_conv_2d": {"up": 2}, "conv_downsample_2d": {"down": 2}}
    for case in vectors.config["cases"]:
        if case["fn"] in factors:
            f = fir_filter(case["k"] or (1, 1))  # without a filter pixels are repeated or averaged
            found = conv2d_resample(vectors.inputs["x"], weight, f, padding=1, plain=plain, **factors[case["fn"]])
            assert relative_error(found, vectors.outputs[case["key"]]) < 1e-6, case


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("flip_weight", [True, False])
def test_merged_steps_equal_the_definition_with_their_derivatives(up, down, kernel, flip_weight, with_derivatives):
    f = fir_filter((1, 2, 5, 3)).double()
    x = torch.randn(2, 3, 6, 8, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 3, kernel, kernel, dtype=torch.float64, requires_grad=True)
    options = {"up": up, "down": down, "padding": kernel // 2, "flip_weight": flip_weight}
    expected, found = (
        with_derivatives(conv2d_resample(x, w, f, plain=plain, **options), [x, w]) for plain in (True, False)
    )
    assert expected[0].shape == (2, 4, 6 * up // down, 8 * up // down)
    torch.testing.assert_close(found, expected)
