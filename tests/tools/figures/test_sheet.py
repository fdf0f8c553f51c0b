import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.tools.figures.sheet import LARGE, SMALL, Group, layout, panel, panel_size, text_size

SIDES = st.integers(3, 1100)


def ink(picture: np.ndarray) -> int:
    return int((picture < 128).all(axis=2).sum())


@given(height=SIDES, width=SIDES)
def test_a_panel_is_neither_small_nor_large_and_keeps_its_shape(height: int, width: int) -> None:
    panel_height, panel_width = panel_size((height, width))
    assert SMALL <= max(panel_height, panel_width) <= 2 * SMALL
    assert max(panel_height, panel_width) <= LARGE
    assert panel_height / height == pytest.approx(panel_width / width, abs=1 / min(height, width))


@pytest.mark.parametrize(("side", "shown"), [(8, 128), (32, 128), (100, 200), (256, 256), (1024, 256)])
def test_small_pictures_are_enlarged_by_whole_factors_and_large_ones_halved(side: int, shown: int) -> None:
    assert panel_size((side, side)) == (shown, shown)


def test_enlarging_repeats_pixels_and_reducing_averages_areas() -> None:
    picture = np.array([[[0], [100]], [[200], [100]]], dtype=np.uint8)
    assert np.array_equal(panel(picture, (4, 6))[:, :, 0], np.repeat(np.repeat(picture[:, :, 0], 2, 0), 2, 1))
    assert (panel(picture, (1, 1)) == 100).all()


def test_panels_lie_in_rows_and_columns_with_white_between() -> None:
    black = np.zeros([10, 12, 1], dtype=np.uint8)
    sheet = layout([[black, black], [None, black]])
    assert ink(sheet) == 3 * 120
    assert (sheet[0] == 255).all()
    assert (sheet[:, 0] == 255).all()


def test_groups_lie_apart_and_names_are_written() -> None:
    black = np.zeros([100, 100, 3], dtype=np.uint8)
    plain = layout([[black], [black]])
    apart = layout([[black], [black]], row_groups=[Group("", 1), Group("", 1)])
    assert apart.shape[0] > plain.shape[0]
    named = layout([[black], [black]], rows=["a", "b"], columns=["ψ"], column_groups=[Group("σ", 1)])
    assert ink(named) > ink(plain)


def test_a_name_longer_than_its_members_makes_room() -> None:
    white = np.full([10, 10, 3], 255, dtype=np.uint8)
    name = "Coarse styles"
    length = text_size(name, weight="bold")[0]
    assert layout([[white], [white]], row_groups=[Group(name, 2)]).shape[0] > length
    assert layout([[white, white]], column_groups=[Group(name, 2)]).shape[1] > length
    assert layout([[white, white]], columns=[name, "a"]).shape[1] > 2 * text_size(name)[0]


def test_transparency_is_laid_on_white_and_grey_stays_grey() -> None:
    clear = np.zeros([10, 10, 4], dtype=np.uint8)
    assert (layout([[clear]]) == 255).all()
    grey = layout([[np.full([10, 10, 1], 7, dtype=np.uint8)]])
    assert (grey == grey[:, :, :1]).all()
    assert grey.shape[2] == 3


@pytest.mark.parametrize("letter", ["ψ", "σ", "−", "²", "×", "→", "–"])
def test_every_sign_that_labels_use_is_in_the_font(letter: str) -> None:
    from stylegans.tools.figures.sheet import font

    for weight in ("regular", "bold"):
        assert bytes(font(weight).getmask(letter)) != bytes(font(weight).getmask("\ue123"))
