import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from stylegans.augment.diffaugment import DiffAugment, check, draw, recolor, translate
from stylegans.errors import UserError

ALL = ("color", "translation", "cutout")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("policy", [(), ("color",), ("translation",), ("cutout",), ALL])
def test_both_derivatives_are_right(policy):
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    step = draw(policy, n=2, channels=3, size=(8, 8), generator=seeded())
    assert torch.autograd.gradcheck(lambda x: step(x).tanh(), images, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: step(x).tanh(), images, fast_mode=True)


@given(
    height=st.integers(8, 33),
    width=st.integers(8, 33),
    channels=st.sampled_from([1, 3, 4]),
    policy=st.sets(st.sampled_from(ALL)),
)
def test_parts_of_a_batch_have_the_whole_ones_result(height, width, channels, policy):
    images = torch.randn(5, channels, height, width, generator=seeded(1))
    step = draw(tuple(policy), n=5, channels=channels, size=(height, width), generator=seeded())
    whole = step(images)
    assert whole.shape == images.shape
    for index in (torch.tensor([0]), torch.tensor([4, 2])):
        torch.testing.assert_close(step.rows(index)(images[index]), whole[index])


def test_no_policy_is_the_input_itself():
    images = torch.randn(2, 3, 8, 8)
    assert draw((), n=2, channels=3, size=(8, 8), generator=seeded())(images) is images


def test_the_order_of_the_policy_does_not_matter():
    images = torch.randn(3, 3, 16, 16)
    forth, back = (draw(p, n=3, channels=3, size=(16, 16), generator=seeded())(images) for p in (ALL, ALL[::-1]))
    assert torch.equal(forth, back)


def test_amounts_fill_the_papers_ranges():
    step = draw(ALL, n=5000, channels=3, size=(32, 64), generator=seeded())
    for values, low, high in zip(step.color.T, (-0.5, 0.0, 0.5), (0.5, 2.0, 1.5), strict=True):
        assert low <= values.min() < low + 0.01
        assert high - 0.01 < values.max() <= high
    x, y = step.shift.T
    assert x.unique().tolist() == list(range(-8, 9))
    assert y.unique().tolist() == list(range(-4, 5))


def test_brightness_saturation_and_contrast_do_what_they_are_named_after():
    images = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(recolor(images, torch.tensor([[0.3, 1.0, 1.0]])), images + 0.3)
    grey = recolor(images, torch.tensor([[0.0, 0.0, 1.0]]))
    torch.testing.assert_close(grey, images.mean(dim=1, keepdim=True).expand_as(images))
    flat = recolor(images, torch.tensor([[0.0, 1.0, 0.5]]))
    torch.testing.assert_close(flat.mean(), images.mean())
    torch.testing.assert_close(flat.std(), 0.5 * images.std())


@given(x=st.integers(-3, 3), y=st.integers(-3, 3))
def test_a_translation_moves_pixels_exactly_and_fills_with_zeros(x, y):
    images = torch.randn(1, 2, 9, 11, generator=seeded())
    around = F.pad(images, [3, 3, 3, 3])
    expected = around[:, :, 3 - y : 12 - y, 3 - x : 14 - x]
    assert torch.equal(translate(images, torch.tensor([[x, y]])), expected)


def test_cutout_takes_at_most_a_quarter_of_every_picture():
    step = draw(("cutout",), n=500, channels=3, size=(16, 16), generator=seeded())
    lost = (step(torch.ones(500, 3, 16, 16)) == 0).double().mean(dim=(1, 2, 3))
    assert 0 < lost.min() < lost.max() <= 0.25 + 1 / 16


def test_colour_leaves_alpha_alone():
    images = torch.randn(2, 4, 8, 8)
    found = draw(("color",), n=2, channels=4, size=(8, 8), generator=seeded())(images)
    assert torch.equal(found[:, 3], images[:, 3])
    assert not torch.allclose(found[:, :3], images[:, :3])


def test_colour_is_refused_where_there_is_none():
    for channels in (1, 3, 4):
        check(ALL, channels=channels)
    check(("translation", "cutout"), channels=7)
    with pytest.raises(UserError, match=r"--training.augment.policy: color is for .* not 5"):
        draw(ALL, n=1, channels=5, size=(8, 8), generator=seeded())


def test_it_keeps_the_dtype():
    step = draw(ALL, n=2, channels=3, size=(8, 8), generator=seeded())
    assert isinstance(step, DiffAugment)
    assert step(torch.randn(2, 3, 8, 8, dtype=torch.float64)).dtype == torch.float64
