from typing import Any

import numpy as np
import pytest

from stylegans.tools.figures.charts import chart, rounded, stacked
from stylegans.tools.figures.sheet import INK


def test_a_chart_has_the_size_that_is_asked_for_in_ink_on_white() -> None:
    def plot(axes: Any) -> None:
        axes.set(xlabel="‖x‖², −1")

    drawn = chart((120, 201), plot)
    assert drawn.shape == (120, 201, 3)
    assert drawn.dtype == np.uint8
    assert (drawn[0] == 255).all()
    assert drawn.min() >= min(INK)


def test_drawing_leaves_matplotlibs_settings_alone() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    chart((60, 80), lambda axes: None)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("limits", "expected"), [((0.9, 60), ["1", "2", "5", "10", "20", "50"]), ((0.9, 2e4), ["1", "10", "100", "1000"])]
)
def test_logarithmic_ticks_are_round_plain_numbers(limits: tuple[float, float], expected: list[str]) -> None:
    seen: list[str] = []

    def plot(axes: Any) -> None:
        axes.set(yscale="log", ylim=limits)
        rounded(axes.yaxis)
        at = [value for value in axes.yaxis.get_major_locator()() if limits[0] <= value <= limits[1]]
        seen.extend(axes.yaxis.get_major_formatter().format_ticks(at))

    chart((200, 200), plot)
    assert seen[: len(expected)] == expected


def test_sheets_stand_one_below_the_other_in_the_middle() -> None:
    wide, narrow = np.full([4, 10, 3], 7, dtype=np.uint8), np.full([3, 4, 3], 9, dtype=np.uint8)
    whole = stacked([wide, narrow])
    assert whole.shape == (7, 10, 3)
    assert (whole[:4] == 7).all()
    assert (whole[4:, 3:7] == 9).all()
    assert (whole[4:, :3] == 255).all()
    assert (whole[4:, 7:] == 255).all()
