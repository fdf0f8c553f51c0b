import pytest
import torch

from stylegans.errors import UserError
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.apply import apply_direction
from stylegans.tools.directions.groups import find_difference
from stylegans.tools.generate import styles


def test_it_is_one_mean_less_the_other(generator: StyleGAN2Generator) -> None:
    found = find_difference(generator, (1, 5, 9), (2, 3), name="smile", samples=200)
    means = [styles(generator, seeds)[:, 0].mean(dim=0) for seeds in ((1, 5, 9), (2, 3))]
    torch.testing.assert_close(found.vector, means[0] - means[1])
    assert found.name == "smile"


def test_its_distance_leads_from_one_mean_to_the_other(generator: StyleGAN2Generator) -> None:
    found = find_difference(generator, (1, 5, 9), (2, 3), samples=200)
    positive, negative = (styles(generator, seeds).mean(dim=0, keepdim=True) for seeds in ((1, 5, 9), (2, 3)))
    moved = apply_direction(negative, found, found.facts["distance"])
    torch.testing.assert_close(moved, positive, rtol=1e-5, atol=1e-5)


def test_the_groups_of_a_class_are_of_that_class(conditional: StyleGAN2Generator) -> None:
    found = find_difference(conditional, (1,), (2,), label=4, samples=50)
    w = styles(conditional, (1, 2), label=4)[:, 0]
    torch.testing.assert_close(found.vector, w[0] - w[1])


def test_empty_groups_and_equal_ones_are_refused(generator: StyleGAN2Generator) -> None:
    with pytest.raises(UserError, match="--negative: a group has no seeds"):
        find_difference(generator, (1,), (), samples=10)
    with pytest.raises(UserError, match="both groups have the same mean"):
        find_difference(generator, (1, 2), (1, 2), samples=10)
