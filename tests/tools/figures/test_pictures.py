from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.tools.figures.pictures import enough, grid_name, refuse, seed_groups, seed_labels, setting, shown
from stylegans.tools.generate import LARGEST_SEED


@given(seeds=st.lists(st.integers(0, LARGEST_SEED), min_size=1, max_size=12), count=st.integers(1, 20))
def test_seeds_are_used_in_their_order_and_then_those_that_follow(seeds: list[int], count: int) -> None:
    found = enough(seeds, count)
    given_once = list(dict.fromkeys(seeds))
    assert len(set(found)) == len(found) == count
    assert list(found[: len(given_once)]) == given_once[:count]
    assert all(0 <= seed <= LARGEST_SEED for seed in found)


def test_the_seeds_that_follow_skip_those_given() -> None:
    assert enough((3, 1), 5) == (3, 1, 2, 4, 5)
    assert enough((LARGEST_SEED,), 2) == (LARGEST_SEED, 0)
    with pytest.raises(UserError, match="--seeds: none"):
        enough((), 1)


def test_pictures_are_shown_in_grey_or_colours_whatever_their_channels() -> None:
    for channels, visible in ((1, 1), (2, 1), (3, 3), (4, 3), (5, 3)):
        assert shown(torch.zeros(2, channels, 6, 8)).shape == (2, 6, 8, visible)
    clear = torch.full([1, 4, 2, 2], -1.0)
    assert (shown(clear) == 255).all()


def test_a_label_says_the_class_that_a_seed_draws_and_only_then(generator: Any, conditional: Any) -> None:
    assert seed_labels(generator, (3,), None) == ["seed 3"]
    assert seed_labels(conditional, (3,), 2) == ["seed 3"]
    assert seed_labels(conditional, (3,), None)[0].startswith("seed 3\nclass ")
    assert [(group.name, group.count) for group in seed_groups(generator, (3, 4), None, rows=2)] == [
        ("Seed 3", 2),
        ("Seed 4", 2),
    ]


def test_a_caption_says_how_all_was_drawn() -> None:
    space = "\N{NO-BREAK SPACE}"
    assert setting() == ""
    assert setting(truncation=0.7, label=3) == f" Truncation ψ{space}={space}0.7. Class 3."
    assert setting(label=(0.5, -1.0)) == " Label 0.5, −1."


def test_grids_are_named_wide_by_high() -> None:
    assert (grid_name((8, 8)), grid_name((6, 10))) == ("8²", "10×6")


def test_a_reason_is_a_refusal() -> None:
    refuse("truncation", None)
    with pytest.raises(UserError, match="truncation: no average"):
        refuse("truncation", "no average")


def test_drawing_is_of_one_picture_at_a_time_and_the_same_again(generator: Any) -> None:
    from stylegans.tools.figures.pictures import draw
    from stylegans.tools.generate import styles

    ws = styles(generator, (1, 2))
    assert np.array_equal(draw(generator, ws), np.concatenate([draw(generator, ws[:1]), draw(generator, ws[1:])]))
