from typing import Any

import numpy as np
import pytest
import torch

from stylegans.tools.figures import fixed_crop, sheet
from stylegans.tools.figures.fixed_crop import (
    FRAMES,
    STEPS,
    along,
    chance,
    fine,
    fixed_crops,
    followed,
    segment,
    standing,
    widened,
)
from stylegans.tools.figures.pictures import shown
from stylegans.tools.generate import render, styles
from stylegans.tools.walk import Course, route


def test_details_that_stay_are_all_of_the_power_and_those_of_noise_one_part_in_t() -> None:
    torch.manual_seed(0)
    still, noise = torch.randn(1, 3, 20, 20).expand(16, -1, -1, -1), torch.randn(16, 3, 20, 20)
    assert standing(still) == pytest.approx(1)
    assert standing(noise) == pytest.approx(1 / 16, rel=0.1)
    assert standing(torch.zeros(4, 1, 2, 2)) == 0


def test_a_pattern_that_moves_along_does_not_stand() -> None:
    wave = torch.sin(torch.arange(24) * 2 * torch.pi / 8).expand(24, 24)
    moving = torch.stack([wave.roll(t, dims=1) for t in range(8)])
    assert standing(moving) < 1e-9


def test_chance_is_that_of_independent_keyframes_on_the_same_curve() -> None:
    from stylegans.tools.curves import slopes, spline

    torch.manual_seed(0)
    keys = torch.randn(4, 20_000, dtype=torch.float64)
    derivatives = slopes(keys)
    found = standing(torch.stack([spline(keys, derivatives, 4 * k / 32) for k in range(32)]))
    assert found == pytest.approx(chance(32), rel=0.05)
    assert chance(32) == pytest.approx(chance(STEPS), rel=0.01)


def test_flat_and_slanted_pictures_have_no_fine_detail_inside() -> None:
    slant = torch.arange(8.0)[:, None] + 3 * torch.arange(9.0)
    assert fine(slant[None, None])[:, :, 1:-1, 1:-1].abs().max() < 1e-5
    assert (fine(torch.full((1, 3, 4, 4), 7.0)).abs() < 1e-5).all()


@pytest.mark.parametrize(
    ("at", "size", "whole", "expected"),
    [
        ((8, 16), (8, 8), (32, 32), (20, 0, 32)),
        ((700, 0), (256, 256), (1024, 1024), (128, 764, 128)),
        ((0, 0), (64, 64), (256, 256), (32, 0, 128)),
        ((192, 0), (64, 64), (256, 256), (32, 128, 128)),
    ],
)
def test_the_column_is_in_the_middle_of_the_crop_and_within_the_picture(
    at: tuple[int, int], size: tuple[int, int], whole: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    assert segment(at, size, whole) == expected


def test_the_walk_is_closed_and_passes_its_seeds(generator: Any) -> None:
    seeds = (3, 5, 1, 8)
    way = route(generator, Course(seeds, curve="smooth"))
    found = list(along(generator, way, seeds, 8))
    for image, seed in zip(found[::2], seeds, strict=True):
        torch.testing.assert_close(image, render(generator, styles(generator, (seed,)), (seed,))[0], atol=1e-4, rtol=0)


def test_a_strip_is_the_column_of_each_picture_side_by_side() -> None:
    torch.manual_seed(0)
    images = torch.rand(5, 3, 12, 10) * 2 - 1
    strip, share = followed(images, (2, 4), (4, 4), (6, 1, 9))
    assert strip.shape == (9, 5, 3)
    for t, picture in enumerate(shown(images)):
        assert np.array_equal(strip[:, t], picture[1:10, 6])
    assert 0 < share < 1
    assert followed(images[:1].expand(5, -1, -1, -1), (2, 4), (4, 4), (6, 1, 9))[1] == pytest.approx(1)


def test_a_strip_fills_the_width_and_is_as_high_as_a_panel() -> None:
    assert widened(np.zeros([32, 128, 3], dtype=np.uint8), 1052).shape == (128, 1024, 3)
    assert widened(np.zeros([128, 128, 1], dtype=np.uint8), 100).shape == (128, 128, 1)


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_pictures_crops_and_strips_of_every_shape(make: Any, channels: int) -> None:
    layouts = []
    layout = sheet.layout

    def watch(cells: Any, **labels: Any) -> Any:
        layouts.append((cells, labels))
        return layout(cells, **labels)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_crop, "layout", watch)
        figure = fixed_crops(make(resolution=(24, 40), channels=channels), (2,), steps=8, truncation=0.7)
    (cells, labels), (strips, names) = layouts
    assert [len(row) for row in cells] == [FRAMES] * 4
    assert labels["rows"] == ["picture", "crop"] * 2
    assert {each.shape[:2] for row in cells for each in row} == {(96, 160)}
    assert names["rows"] == ["seeds 2 to 5", "seeds 6 to 9"]
    assert all(len(row) == 1 and row[0].shape[1] % 8 == 0 for row in strips)
    assert "for 8 steps" in figure.caption
    assert "ψ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.7" in figure.caption
