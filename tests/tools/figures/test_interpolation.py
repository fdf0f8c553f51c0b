from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from stylegans.tools.figures import interpolation
from stylegans.tools.figures.interpolation import PAIRS, STEPS, interpolations, path
from stylegans.tools.generate import latents, styles
from stylegans.tools.walk import slerp


@pytest.mark.parametrize("kind", ["generator", "conditional"])
def test_the_rows_of_z_and_w_have_the_same_ends(
    kind: str, request: pytest.FixtureRequest, laid_out: Callable[[Any], Any]
) -> None:
    cells, labels = laid_out(interpolation)
    interpolations(request.getfixturevalue(kind), (3, 1), truncation=0.7)
    assert labels["rows"] == ["Z", "W"] * PAIRS
    assert [len(row) for row in cells] == [STEPS] * 2 * PAIRS
    assert labels["row_groups"][0].name.startswith("Seeds 3 → 1")
    for z, w in zip(cells[::2], cells[1::2], strict=True):
        assert np.array_equal(z[0], w[0])
        assert np.array_equal(z[-1], w[-1])
        assert not np.array_equal(z[STEPS // 2], w[STEPS // 2])


def test_in_w_the_path_is_straight_and_in_z_on_the_arc(generator: Any) -> None:
    ends = styles(generator, (1, 5))
    w = path(generator, 1, 5, space="w", steps=3)
    torch.testing.assert_close(w[1], (ends[0] + ends[1]) / 2)
    z = latents(generator, (1, 5))
    torch.testing.assert_close(
        path(generator, 1, 5, space="z", steps=3)[1:2], generator.mapping(slerp(z[:1], z[1:], torch.tensor(0.5)))
    )


def test_classes_are_named_where_the_seeds_draw_them(conditional: Any, laid_out: Callable[[Any], Any]) -> None:
    _, labels = laid_out(interpolation)
    interpolations(conditional)
    assert "\nclasses " in labels["row_groups"][0].name
    interpolations(conditional, label=2)
    assert labels["row_groups"][0].name == "Seeds 0 → 1"


def test_without_a_mapping_network_there_are_the_rows_of_z_alone(
    one_style: Any, laid_out: Callable[[Any], Any]
) -> None:
    cells, labels = laid_out(interpolation)
    figure = interpolations(one_style)
    assert labels["rows"] == ["Z"] * PAIRS == ["Z"] * len(cells)
    assert "W" not in figure.caption.replace("White", "")
