from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stylegans.errors import UserError
from stylegans.tools.figures import truncation
from stylegans.tools.figures.pictures import draw, panels
from stylegans.tools.figures.truncation import PSIS, truncation_sweep
from stylegans.tools.generate import styles


@pytest.mark.parametrize("kind", ["generator", "conditional"])
def test_at_0_all_seeds_and_classes_give_one_picture(
    kind: str, request: pytest.FixtureRequest, laid_out: Callable[[Any], Any]
) -> None:
    G = request.getfixturevalue(kind)
    cells, labels = laid_out(truncation)
    truncation_sweep(G, (3, 1, 4))
    assert [text.replace("\N{NO-BREAK SPACE}", "") for text in labels["columns"]] == [
        "ψ=1", "ψ=0.7", "ψ=0.5", "ψ=0", "ψ=−0.5", "ψ=−1"
    ]  # fmt: skip
    at_0 = PSIS.index(0)
    assert all(np.array_equal(row[at_0], cells[0][at_0]) for row in cells)
    assert len({row[0].tobytes() for row in cells}) == len(cells)


def test_at_1_it_is_the_seeds_own_picture(generator: Any, laid_out: Callable[[Any], Any]) -> None:
    cells, _ = laid_out(truncation)
    truncation_sweep(generator, (3,))
    assert np.array_equal(cells[0][0], panels(draw(generator, styles(generator, (3,))))[0])


def test_a_model_without_an_average_is_refused(one_style: Any) -> None:
    with pytest.raises(UserError, match="truncation: this model keeps no average"):
        truncation_sweep(one_style)
