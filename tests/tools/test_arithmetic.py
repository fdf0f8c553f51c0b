from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Mapping, ProGAN, StyleGAN
from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.networks.families import build_generator
from stylegans.networks.protocol import has_mapping_network
from stylegans.tools.arithmetic import (
    Group,
    combine,
    neighbourhood,
    square,
    vector_arithmetic,
)
from stylegans.tools.generate import generate, latents, render, styles

WOMAN, SMILING, MAN = Group((4, 5), sign=-1), Group((1, 2, 3)), Group((6,))


def pictures(G: Any, seeds: tuple[int, ...], **options: Any) -> np.ndarray:
    return np.concatenate([to_uint8(images) for _, images in generate(G, seeds, **options)])


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and int(np.abs(a.astype(int) - b.astype(int)).max()) <= 1


@given(groups=st.integers(1, 4), layers=st.integers(1, 3), dim=st.integers(1, 5))
def test_the_sum_has_the_signs_of_its_terms(groups: int, layers: int, dim: int) -> None:
    means = torch.randn(groups, layers, dim)
    signs = [(-1) ** i for i in range(groups)]
    expected = sum(sign * mean for sign, mean in zip(signs, means, strict=True))
    torch.testing.assert_close(combine(means, signs), expected[None])


def test_something_minus_itself_plus_another_is_the_other() -> None:
    a, b = torch.randn(2, 1, 8)
    torch.testing.assert_close(combine(torch.stack([a, a, b]), (1, -1, 1)), b[None])


def test_neighbours_fill_the_cube_around_the_result_and_repeat_with_their_seed() -> None:
    point = torch.randn(1, 3, 1000)
    around = neighbourhood(point, reach=0.25, seed=1)
    aside = around - point
    assert aside.shape == (8, 3, 1000)
    assert 0.249 < aside.max() <= 0.2501
    assert -0.249 > aside.min() >= -0.2501
    assert aside.std().item() == pytest.approx(0.25 / 3**0.5, rel=0.02)
    torch.testing.assert_close(aside, aside[:, :1].expand(-1, 3, -1), rtol=0, atol=1e-6)
    assert torch.equal(neighbourhood(point, reach=0.25, seed=1), around)
    assert not torch.equal(neighbourhood(point, reach=0.25, seed=2), around)


def test_one_group_of_one_seed_is_its_own_mean_and_result(generator: Any) -> None:
    found = vector_arithmetic(generator, [Group((7,))], truncation=0.7)
    expected = pictures(generator, (7,), truncation=0.7)
    for drawn in (found.members[0], found.means, found.result[None]):
        assert close(drawn, expected)


def test_in_z_the_result_is_drawn_from_the_sum_of_the_mean_latents(generator: Any) -> None:
    found = vector_arithmetic(generator, [SMILING, WOMAN, MAN])
    means = [latents(generator, group.seeds).mean(dim=0, keepdim=True) for group in (SMILING, WOMAN, MAN)]
    z = means[0] - means[1] + means[2]
    assert close(found.result[None], to_uint8(generator(z)))
    assert close(found.means, np.concatenate([to_uint8(generator(mean)) for mean in means]))
    assert [len(members) for members in found.members] == [3, 2, 1]
    assert close(found.members[1], pictures(generator, (4, 5)))
    assert found.neighbours.shape == (8, 32, 32, 3)


def test_in_w_the_result_is_drawn_from_the_sum_of_the_mean_styles(generator: Any) -> None:
    found = vector_arithmetic(generator, [SMILING, WOMAN, MAN], space="w", truncation=0.8)
    means = [
        styles(generator, group.seeds, truncation=0.8).mean(dim=0, keepdim=True) for group in (SMILING, WOMAN, MAN)
    ]
    assert close(found.result[None], to_uint8(render(generator, means[0] - means[1] + means[2], (0,))))
    assert close(found.means[1:2], to_uint8(render(generator, means[1], (0,))))


@pytest.mark.parametrize("space", ["z", "w"])
def test_without_reach_the_neighbours_are_the_result(generator: Any, space: Any) -> None:
    found = vector_arithmetic(generator, [SMILING], space=space, reach=0)
    assert all(close(picture, found.result) for picture in found.neighbours)
    far = vector_arithmetic(generator, [SMILING], space=space)
    assert not any(np.array_equal(picture, far.result) for picture in far.neighbours)


def test_a_model_without_a_mapping_network_adds_up_in_z(one_style: Any) -> None:
    found = vector_arithmetic(one_style, [SMILING, WOMAN])
    assert found.result.shape == (4, 4, 3)
    with pytest.raises(UserError, match="space: this model has no mapping network"):
        vector_arithmetic(one_style, [SMILING], space="w")


@pytest.mark.parametrize(("depth", "there"), [(0, False), (2, True)])
@pytest.mark.parametrize("styled", [False, True])
def test_one_w_for_all_layers_may_come_from_a_mapping_network(styled: bool, depth: int, there: bool) -> None:
    """StyleGAN, table 4: the traditional generator with and without a mapping network, and the style-based one."""
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=depth)
    config = StyleGAN(mapping=mapping, resolution=(8, 8), channel_base=32, use_styles=styled, const_input=styled)
    G = build_generator(config).eval()
    assert G.num_ws == (4 if styled else 1)
    assert has_mapping_network(G) == there
    if there:
        found = vector_arithmetic(G, [SMILING, WOMAN, MAN], space="w")
        means = [styles(G, group.seeds).mean(dim=0, keepdim=True) for group in (SMILING, WOMAN, MAN)]
        assert close(found.result[None], to_uint8(render(G, means[0] - means[1] + means[2], (0,))))
    else:
        with pytest.raises(UserError, match="space: this model has no mapping network, so there is no w; use z"):
            vector_arithmetic(G, [SMILING], space="w")


def test_progressive_gan_adds_up_in_z_alone() -> None:
    G = build_generator(ProGAN(z_dim=8, c_dim=2, resolution=(8, 8), channel_base=32)).eval()
    assert vector_arithmetic(G, [SMILING, WOMAN], label=1).result.shape == (8, 8, 3)
    with pytest.raises(UserError, match="no mapping network"):
        vector_arithmetic(G, [SMILING], space="w")


def test_a_conditional_model_adds_up_within_a_class_or_in_w(conditional: Any) -> None:
    found = vector_arithmetic(conditional, [MAN], label=3)
    assert close(found.result[None], pictures(conditional, (6,), label=3))
    found = vector_arithmetic(conditional, [MAN], space="w")
    assert close(found.result[None], pictures(conditional, (6,)))
    with pytest.raises(UserError, match="--class: in z the result has no class"):
        vector_arithmetic(conditional, [MAN])


def test_the_result_stands_in_the_middle_of_its_neighbours(make: Any) -> None:
    found = vector_arithmetic(make(resolution=(24, 40)), [SMILING, WOMAN, MAN])
    sheet = square(found)
    assert sheet.shape == (3 * 24, 3 * 40, 3)
    cells = sheet.reshape(3, 24, 3, 40, 3).swapaxes(1, 2).reshape(9, 24, 40, 3)
    assert np.array_equal(cells[4], found.result)
    assert np.array_equal(np.delete(cells, 4, axis=0), found.neighbours)


@pytest.mark.parametrize(
    ("groups", "options", "says"),
    [
        ([], {}, "groups: there is nothing to add up"),
        ([SMILING, Group(())], {}, "groups: group 2 has no seeds"),
        ([SMILING], {"reach": -1}, "reach: -1"),
        ([SMILING], {"reach": float("nan")}, "reach: nan"),
        ([SMILING], {"label": 0}, "--class: this model has no classes"),
    ],
)
def test_what_cannot_be_added_up_is_said_in_one_line(generator: Any, groups: Any, options: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        vector_arithmetic(generator, groups, **options)
    assert "\n" not in str(caught.value)
