from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.augment import pipeline
from stylegans.augment.pipeline import NEED_COLOR, NUMBERS, PIPES, check, draw, draw_numbers, transformation
from stylegans.config import Pipe
from stylegans.errors import UserError

SETS = sorted(PIPES)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def percentile(singles, q, *, n, channels, noise):
    """Every random number at its percentile ``q``, as the published vectors were made: the noise's deviation is that of
    a folded normal, and the second rotation stays neutral."""
    normal, folded = torch.erfinv(torch.tensor(2 * q - 1)).item(), torch.erfinv(torch.tensor(q)).item()
    numbers = {}
    for number in NUMBERS:
        if number.of in singles and not (channels == 1 and number.of in NEED_COLOR):
            value = {"rotate after": number.neutral, "noise": folded}.get(
                number.name, q if number.kind == "uniform" else normal
            )
            numbers[number.name] = torch.full([n, number.count] if number.count > 1 else [n], value)
    return (
        numbers
        | ({"noise field": noise} if "noise" in singles else {})
        | ({"cutout": torch.full([n, 2], q)} if "cutout" in singles else {})
    )


def worst_of(vectors, relative_error):
    images, errors = vectors.inputs["images"], {}
    for key, expected in vectors.outputs.items():
        name, q = key.split("/")
        noise = vectors.inputs.get(f"noise/{key}")
        singles = vectors.config["cases"][name]
        numbers = percentile(singles, float(q), n=len(images), channels=images.shape[1], noise=noise)
        errors[key] = relative_error(transformation(numbers, size=images.shape[2:])(images), expected)
    return errors


# --- the published pipeline -----------------------------------------------------------------------------------------


def test_every_augmentation_at_every_percentile_equals_the_published_one(golden, relative_error):
    errors = worst_of(golden("ada_augment_percentile"), relative_error)
    assert len(errors) == 85
    assert max(errors.values()) < 1e-5, errors


def test_grey_pictures_equal_the_published_ones(golden, relative_error):
    errors = worst_of(golden("ada_augment_gray"), relative_error)
    assert len(errors) == 4
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.parametrize("name", ["run0_bgc", "run1_bgc", "run2_bgcfnc", "run3_bgcfnc"])
def test_the_same_seed_gives_the_published_random_numbers_and_pictures(golden, relative_error, name):
    vectors = golden("ada_augment_random")
    run, images = vectors.config["runs"][name], vectors.inputs["images"]
    step = draw(run["set"], n=4, channels=3, size=(32, 32), p=run["p"], generator=seeded(run["seed"]))
    assert relative_error(step(images), vectors.outputs[name]) < 1e-5


def test_the_sets_are_those_of_the_config_and_grow_by_their_initials():
    assert set(PIPES) == set(get_args(Pipe))
    assert set(PIPES["bgcfnc"]) == set(get_args(pipeline.Single))
    parts = dict(zip("bgcfn", ["blit", "geom", "color", "filter", "noise"], strict=True))
    for name in ("bg", "bgc", "bgcf", "bgcfn"):
        assert PIPES[name] == sum((PIPES[parts[initial]] for initial in name), ())


# --- laws of every set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipe", SETS)
def test_at_p_0_the_result_is_the_input_itself(pipe):
    images = torch.randn(3, 3, 8, 8)
    assert draw(pipe, n=3, channels=3, size=(8, 8), p=0.0, generator=seeded())(images) is images


@pytest.mark.parametrize("pipe", SETS)
def test_at_p_1_pictures_change(pipe):
    images = torch.randn(6, 3, 16, 16)
    found = draw(pipe, n=6, channels=3, size=(16, 16), p=1.0, generator=seeded())(images)
    assert (found - images).abs().amax(dim=(1, 2, 3)).gt(0.01).sum() >= 4


@pytest.mark.parametrize("pipe", SETS)
def test_both_derivatives_are_right(pipe):
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    step = draw(pipe, n=2, channels=3, size=(8, 8), p=1.0, generator=seeded(3))

    def curved(x):  # an augmentation is affine: only beside something curved do its second derivatives show
        return step(x).tanh()

    assert torch.autograd.gradcheck(curved, images, fast_mode=True)
    assert torch.autograd.gradgradcheck(curved, images, fast_mode=True)


@given(
    pipe=st.sampled_from(["bg", "bgc", "bgcfnc"]),
    p=st.floats(0.05, 1),
    height=st.integers(8, 20),
    width=st.integers(8, 20),
    channels=st.sampled_from([1, 3, 4]),
    seed=st.integers(0, 1000),
)
def test_parts_of_a_batch_have_the_whole_ones_result(pipe, p, height, width, channels, seed):
    generator = seeded(seed)
    images = torch.randn(5, channels, height, width, generator=generator)
    step = draw(pipe, n=5, channels=channels, size=(height, width), p=p, generator=generator)
    whole = step(images)
    assert whole.shape == images.shape
    assert whole.isfinite().all()
    for index in (torch.tensor([0, 1]), torch.tensor([4, 2, 3])):
        torch.testing.assert_close(step.rows(index)(images[index]), whole[index], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pipe", ["bgcfnc", "cutout"])
def test_the_same_generator_draws_the_same_and_goes_on(pipe):
    images, generator = torch.randn(4, 3, 8, 8), seeded()

    def once():
        return draw(pipe, n=4, channels=3, size=(8, 8), p=0.7, generator=generator)(images)

    first, second = once(), once()
    generator.manual_seed(0)
    assert torch.equal(once(), first)
    assert not torch.equal(first, second)


def test_it_keeps_the_dtype():
    step = draw("bgcfnc", n=2, channels=3, size=(8, 8), p=1.0, generator=seeded())
    assert step(torch.randn(2, 3, 8, 8, dtype=torch.float64)).dtype == torch.float64


# --- how often, how much --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.2, 0.7, 1.0])
def test_every_number_is_neutral_with_probability_1_less_p(p):
    n = 4000
    numbers = draw_numbers(PIPES["bgcfnc"], n=n, channels=3, size=(1, 1), p=p, generator=seeded())
    for number in NUMBERS:
        value = numbers[number.name].reshape(n, -1)
        share = (value != number.neutral).any(dim=1).double().mean().item()
        expected = 1 - (1 - p) ** 0.5 if number.of == "rotate" else p
        assert share == pytest.approx(expected, abs=0.03), number.name
    before, after = numbers["rotate before"] != 0.5, numbers["rotate after"] != 0.5
    assert (before | after).double().mean().item() == pytest.approx(p, abs=0.03)
    assert (numbers["cutout"] >= 0).all(dim=1).double().mean().item() == pytest.approx(p, abs=0.03)


def test_a_picture_that_was_not_chosen_is_left_exactly_as_it_was():
    images = torch.randn(64, 3, 8, 8)
    numbers = draw_numbers(PIPES["bgcf"], n=64, channels=3, size=(8, 8), p=0.05, generator=seeded())
    step = transformation(numbers, size=(8, 8))
    neutral = torch.ones(64, dtype=torch.bool)
    for number in NUMBERS:
        if number.name in numbers:
            neutral &= (numbers[number.name].reshape(64, -1) == number.neutral).all(dim=1)
    assert 10 < neutral.sum() < 50
    torch.testing.assert_close(step(images)[neutral], images[neutral], rtol=0, atol=1e-6)


def test_the_deviation_of_noise_is_a_folded_normal_of_a_tenth():
    step = draw("noise", n=2000, channels=1, size=(16, 16), p=1.0, generator=seeded())
    deviations = step(torch.zeros(2000, 1, 16, 16)).flatten(1).std(dim=1)
    assert deviations.square().mean().sqrt().item() == pytest.approx(0.1, rel=0.05)
    assert deviations.mean().item() == pytest.approx(0.1 * (2 / torch.pi) ** 0.5, rel=0.05)


def test_flips_turns_and_luma_flips_spare_half_a_quarter_and_half_of_the_chosen():
    n = 4000
    numbers = draw_numbers(PIPES["bgc"], n=n, channels=3, size=(8, 8), p=1.0, generator=seeded())
    for name, spared in (("xflip", 0.5), ("rotate90", 0.25), ("lumaflip", 0.5)):
        step = transformation({name: numbers[name]}, size=(8, 8))
        matrix = step.color if name == "lumaflip" else step.inverse
        still = (matrix == torch.eye(matrix.shape[-1])).flatten(1).all(dim=1)
        assert still.double().mean().item() == pytest.approx(spared, abs=0.03)


# --- channels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipe", ["color", "bgc"])
def test_colour_leaves_alpha_alone(pipe):
    images = torch.randn(4, 4, 12, 9)
    numbers = draw_numbers(PIPES[pipe], n=4, channels=4, size=(12, 9), p=1.0, generator=seeded())
    found = transformation(numbers, size=(12, 9))(images)
    moves = {name: value for name, value in numbers.items() if name in pipeline.geometry_steps((12, 9))}
    torch.testing.assert_close(found[:, 3], transformation(moves, size=(12, 9))(images)[:, 3])
    assert not torch.allclose(found[:, :3], images[:, :3])


@pytest.mark.parametrize("pipe", ["blit", "geom", "bg", "filter", "noise", "cutout"])
@pytest.mark.parametrize("channels", [2, 5])
def test_sets_without_colour_act_on_any_channels(pipe, channels):
    check(pipe, channels=channels)
    step = draw(pipe, n=2, channels=channels, size=(8, 10), p=1.0, generator=seeded())
    assert step(torch.randn(2, channels, 8, 10)).shape == (2, channels, 8, 10)


@pytest.mark.parametrize("pipe", ["color", "bgc", "bgcf", "bgcfn", "bgcfnc"])
def test_sets_with_colour_are_refused_where_there_is_none(pipe):
    for channels in (1, 3, 4):
        check(pipe, channels=channels)
    with pytest.raises(UserError, match=rf"--aug-pipe {pipe}: .* 5 channels .* bg") as caught:
        draw(pipe, n=1, channels=5, size=(8, 8), p=0.0, generator=seeded())
    assert "\n" not in str(caught.value)
