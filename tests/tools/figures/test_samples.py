from typing import Any

import numpy as np
import pytest

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.tools.figures.samples import ROWS, SHARES, mosaic, span, uncurated
from stylegans.tools.figures.sheet import MARGIN, panel
from stylegans.tools.generate import generate


def numbered(height: int, width: int) -> np.ndarray:
    count = ROWS * sum(SHARES)
    return np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(height, 1).repeat(width, 2)


@pytest.mark.parametrize("size", [(8, 8), (24, 40), (128, 128), (512, 256), (1024, 1024)])
def test_every_picture_stands_in_the_mosaic_once_and_fills_it(size: tuple[int, int]) -> None:
    values, pixels = np.unique(mosaic(numbered(*size)), return_counts=True)
    assert values.tolist() == list(range(ROWS * sum(SHARES)))
    largest = pixels[0]
    expected = [largest // share**2 for share in SHARES for _ in range(ROWS * share)]
    assert pixels.tolist() == expected


def test_pictures_are_those_of_the_seeds_and_small_ones_are_enlarged_exactly(make: Any) -> None:
    G = make(resolution=(16, 24), channels=1)
    figure = uncurated(G, (3, 9))
    ((_, images),) = generate(G, (3,))
    first = panel(to_uint8(images)[0], (256, 384))
    shown = figure.picture[MARGIN : MARGIN + first.shape[0], MARGIN : MARGIN + first.shape[1], :1]
    assert np.abs(shown.astype(int) - first).max() <= 1
    assert "3, 9, 10" in figure.caption


def test_truncation_and_class_are_said(conditional: Any) -> None:
    assert "Class 2." in uncurated(conditional, label=2, truncation=0.5).caption
    assert "class that its seed draws" in uncurated(conditional).caption
    with pytest.raises(UserError, match="--class: 9"):
        uncurated(conditional, label=9)


def test_seeds_are_told_as_a_range_where_they_are_one() -> None:
    assert span((5, 6, 7)) == "5 to 7"
    assert span((5, 1, 2, 3, 4, 6, 7, 8)) == "5, 1, 2, 3, 4, 6, … 8"
