import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Mapping, StyleGAN2, StyleGAN3
from stylegans.errors import UserError
from stylegans.networks.families import build_generator
from stylegans.tools.layers import group, groups_of, parse_layers


def test_coarse_and_middle_are_four_layers_each_and_fine_the_rest() -> None:
    assert group("coarse", 18) == (0, 1, 2, 3)
    assert group("middle", 18) == (4, 5, 6, 7)
    assert group("fine", 18) == tuple(range(8, 18))


def test_a_stylegan3_has_groups_of_its_own() -> None:
    narrow = {"mapping": Mapping(z_dim=4, w_dim=4, num_layers=1), "resolution": (16, 16), "channel_base": 16}
    groups = groups_of(build_generator(StyleGAN3(**narrow)))  # type: ignore[arg-type]
    assert parse_layers("coarse", 16, groups=groups) == tuple(range(7))
    assert parse_layers("middle", 16, groups=groups) == tuple(range(7, 11))
    assert parse_layers("fine", 16, groups=groups) == tuple(range(11, 16))
    assert parse_layers("coarse", 6, groups=groups_of(build_generator(StyleGAN2(**narrow)))) == (0, 1, 2, 3)  # type: ignore[arg-type]


@given(st.integers(1, 26))
def test_the_groups_that_are_not_empty_part_the_layers(num_ws: int) -> None:
    seen: list[int] = []
    for name in ("coarse", "middle", "fine"):
        try:
            seen.extend(group(name, num_ws))
        except UserError:
            assert num_ws <= {"middle": 4, "fine": 8}[name]
    assert seen == list(range(num_ws))


def test_ranges_are_inclusive_and_lists_are_united() -> None:
    assert parse_layers("0-3", 8) == (0, 1, 2, 3)
    assert parse_layers("2", 8) == (2,)
    assert parse_layers("7, 2-3 ,3", 8) == (2, 3, 7)
    assert parse_layers("coarse,6", 8) == (0, 1, 2, 3, 6)


def test_an_empty_group_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"--layers: this model has no fine layers; its 6 ws are coarse \(0-3\), mid"):
        parse_layers("fine", 6)


@pytest.mark.parametrize("text", ["", "big", "3-1", "-1", "1.5", "0-", "1-2-3", "coarse-fine"])
def test_what_names_no_layers_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--layers: '.*' is not coarse, middle, fine, a layer or a range like 0-3"):
        parse_layers(text, 8)


@pytest.mark.parametrize("text", ["8", "0-8", "3,99"])
def test_layers_beyond_the_model_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--layers: .* reaches beyond this model's layers, 0 to 7"):
        parse_layers(text, 8)
