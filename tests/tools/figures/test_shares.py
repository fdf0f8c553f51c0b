from typing import Any

import numpy as np
import pytest

from stylegans.errors import UserError
from stylegans.tools.figures.collection import Request
from stylegans.tools.figures.shares import missing, shares_over_training, table

Entry = dict[str, Any]


def tick(kimg: float, **shares: float) -> Entry:
    return {"kimg": kimg, "losses": {}, "shares": {name.removeprefix("s"): share for name, share in shares.items()}}


LOG = [tick(1, s24x16=0.25, s6x4=0.75), tick(2, s24x16=0.25, s6x4=0.75)]


def test_the_areas_are_the_shares() -> None:
    figure = shares_over_training(LOG)
    pixels = figure.picture.reshape(-1, 3).astype(int)
    coloured = pixels[np.ptp(pixels, axis=1) > 40] @ [1 << 16, 1 << 8, 1]
    coarse, fine = sorted(np.unique(coloured, return_counts=True)[1])[:-3:-1]
    assert fine / (coarse + fine) == pytest.approx(0.25, abs=0.02)
    assert figure.picture.dtype == np.uint8
    assert "StyleGAN2, arXiv 1912.04958, figure 8" in figure.caption


def test_the_coarsest_lies_lowest_and_one_that_grows_later_begins_with_nothing() -> None:
    old = {"kimg": 0.5, "losses": {}}  # of a version that did not log them
    kimg, sizes, percent = table([old, tick(1, s8x8=1.0), tick(2, s8x8=0.9, s16x16=0.1), tick(3, s16x16=0.4, s8x8=0.6)])
    assert kimg.tolist() == [1, 2, 3]
    assert sizes == [(8, 8), (16, 16)]
    np.testing.assert_allclose(percent, [[100, 90, 60], [0, 10, 40]])


@pytest.mark.parametrize(
    ("entries", "says"), [([], "has none"), ([tick(1)], "has none"), ([tick(1), LOG[0]], "has 1")], ids=str
)
def test_a_log_with_too_few_shares_is_refused_in_one_line(entries: list[Entry], says: str, generator: Any) -> None:
    with pytest.raises(UserError, match=f"shares: it needs 2 ticks with the resolutions' shares; .* {says}"):
        shares_over_training(entries)
    reason = missing(generator, Request(log=entries))
    assert reason is not None
    assert reason.endswith(says)
    assert "\n" not in reason


def test_what_is_missing_is_the_log_or_the_resolutions(generator: Any, one_style: Any) -> None:
    assert missing(generator, Request(log=LOG)) is None
    assert "no run directory" in (missing(generator, Request()) or "")
    assert "neither its wiring" in (missing(one_style, Request(log=LOG)) or "")
