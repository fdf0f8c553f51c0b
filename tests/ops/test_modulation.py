import pytest
import torch

from stylegans.ops.modulation import modulated_conv2d
from stylegans.ops.resample import fir_filter


@pytest.mark.parametrize("plain", [True, False])
def test_modulated_convolution_equals_the_published_one(golden, relative_error, plain):
    vectors = golden("ada_ops_modulated_conv2d")
    for case in vectors.config["cases"]:
        options = dict(case)
        key, w, noise = options.pop("key"), vectors.inputs[options.pop("w")], options.pop("noise")
        del options["fused_modconv"]  # theirs; both give the same numbers
        f, styles = vectors.inputs["filter_fasym4"], vectors.inputs["styles"]
        found = modulated_conv2d(vectors.inputs["x"], w, styles, f=f, plain=plain, **options)
        if noise:
            found = found + vectors.inputs[f"noise_up{options['up']}"]
        assert relative_error(found, vectors.outputs[key]) < 1e-6, case


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [1, 2])
def test_fast_form_equals_per_sample_weights_with_first_and_second_derivatives(demodulate, up, with_derivatives):
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    s = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    f = fir_filter((1, 3, 3, 1)).double()
    options = {"f": f, "up": up, "padding": 1, "demodulate": demodulate}
    expected, found = (
        with_derivatives(modulated_conv2d(x, w, s, plain=plain, **options), [x, w, s]) for plain in (True, False)
    )
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_demodulation_takes_the_scale_of_the_style_out():
    x, w, s = torch.randn(2, 3, 5, 5), torch.randn(4, 3, 3, 3), torch.rand(2, 3) + 0.5
    torch.testing.assert_close(
        modulated_conv2d(x, w, s, padding=1), modulated_conv2d(x, w, 100 * s, padding=1), rtol=1e-4, atol=1e-4
    )


def test_demodulated_output_has_unit_variance_on_independent_unit_input():
    x, w, s = torch.randn(8, 64, 16, 16), torch.randn(32, 64, 3, 3), torch.rand(8, 64) * 3
    y = modulated_conv2d(x, w, s)
    assert y.var().item() == pytest.approx(1, rel=0.05)
