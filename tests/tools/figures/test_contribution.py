from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stylegans.errors import UserError
from stylegans.tools.figures import contribution
from stylegans.tools.figures.contribution import contributions, shares
from stylegans.tools.figures.pictures import draw, panels
from stylegans.tools.generate import styles


def test_the_last_sum_is_the_picture(make: Any, laid_out: Callable[[Any], Any]) -> None:
    G = make(resolution=(16, 24), channels=4)
    cells, labels = laid_out(contribution)
    contributions(G, (3,), samples=4, truncation=0.7)
    picture = panels(draw(G, styles(G, (3,), truncation=0.7)))[0]
    assert np.abs(cells[1][-1].astype(int) - picture).max() <= 1
    assert labels["rows"] == ["added", "sum so far"] * 2
    assert [text.split("\n")[0] for text in labels["columns"]][-1] == "24×16"


def test_shares_are_relative_standard_deviations(generator: Any) -> None:
    import torch

    from stylegans.networks.resolutions import parts
    from stylegans.tools.figures.pictures import enough

    found = shares(generator, samples=4, seed=7)
    images = [part.images.double() for part in parts(generator, styles(generator, enough((7,), 4)))]
    deviations = torch.stack([each.var(dim=0, correction=0).mean().sqrt() for each in images])
    np.testing.assert_allclose(found, deviations / deviations.sum(), rtol=1e-4)
    assert sum(found) == pytest.approx(1)


def test_where_nothing_varies_no_resolution_has_a_share(generator: Any) -> None:
    assert set(shares(generator, samples=3, truncation=0.0)) == {0.0}


def test_a_model_without_resolutions_is_refused(one_style: Any) -> None:
    with pytest.raises(UserError, match="contributions: neither its wiring"):
        contributions(one_style)
