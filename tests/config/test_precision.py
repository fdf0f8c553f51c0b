from dataclasses import replace

import pytest

from stylegans.config.adjust import validate, with_size
from stylegans.config.precision import reduced_from, why_not, with_clamp
from stylegans.errors import UserError
from stylegans.presets import get


def with_training(run, **changes):
    return replace(run, training=replace(run.training, **changes))


@pytest.mark.parametrize(("resolution", "smallest"), [(1024, 128), (256, 32), (64, 8), (32, 8), (16, 8)])
def test_float16_takes_the_four_finest_resolutions_from_8_up_as_published(resolution, smallest):
    assert reduced_from("float16", resolution) == smallest


@pytest.mark.parametrize("resolution", [16, 64, 1024])
def test_bfloat16_begins_at_32(resolution):
    assert reduced_from("bfloat16", resolution) == 32


@pytest.mark.parametrize(
    ("preset", "bfloat16", "float16"),
    [
        ("stylegan2", True, True),
        ("stylegan2-ada", True, True),
        ("stylegan3-t", True, True),
        ("stylegan", True, False),
        ("progan", True, False),
        ("dcgan", False, False),
    ],
)
def test_float16_is_for_networks_with_clamps_and_bfloat16_for_pyramids(preset, bfloat16, float16):
    run = get(preset)
    assert (why_not(run, "bfloat16") is None) == bfloat16
    assert (why_not(run, "float16") is None) == float16


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_approximate_penalty_needs_all_digits(precision):
    run = with_size(get("stylegan2"), (32, 32))
    validate(with_training(run, precision=precision))
    with pytest.raises(UserError, match=f"--precision: --penalty approx needs more digits than {precision} has"):
        validate(with_training(run, precision=precision, penalty="approx"))


def test_float16_clamps_at_256_as_published_and_leaves_another_bound():
    run = get("stylegan2")
    assert run.generator.conv_clamp is None
    assert with_clamp(with_training(run, precision="bfloat16")).generator.conv_clamp is None
    half = with_clamp(with_training(run, precision="float16"))
    assert half.generator.conv_clamp == half.discriminator.conv_clamp == 256
    other = replace(run, generator=replace(run.generator, conv_clamp=64.0))
    assert with_clamp(with_training(other, precision="float16")).generator.conv_clamp == 64
