from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from stylegans.errors import UserError
from stylegans.tools.figures import mixing
from stylegans.tools.figures.mixing import COLUMNS, ROWS, layer_groups, mixed, style_mixing
from stylegans.tools.figures.pictures import draw, panels
from stylegans.tools.generate import styles
from stylegans.tools.mix import mix_layers


def test_only_the_chosen_layers_change() -> None:
    a, b = torch.zeros(2, 6, 3), torch.arange(1.0, 4)[:, None, None].expand(3, 6, 3)
    found = mixed(a, b, [(0, 1), (5,)])
    assert found.shape == (2, 3, 6, 3)
    assert found[0, :, :, 0].tolist() == [[k, k, 0, 0, 0, 0] for k in (1, 2, 3)]
    assert found[1, :, :, 0].tolist() == [[0, 0, 0, 0, 0, k] for k in (1, 2, 3)]


def test_a_panel_is_the_rows_picture_with_the_columns_styles_of_its_group(
    make: Any, laid_out: Callable[[Any], Any]
) -> None:
    G = make(resolution=(16, 24), channels=1)
    cells, labels = laid_out(mixing)
    style_mixing(G, (5, 1), truncation=0.8)
    groups = layer_groups(G)
    assert groups == {"coarse": (0, 1, 2, 3), "middle": (4, 5, 6, 7)}
    assert cells[0][0] is None
    assert [len(row) for row in cells] == [1 + COLUMNS] * (1 + 2 * ROWS)
    assert labels["rows"] == ["", "seed 5", "seed 1", "seed 2", "seed 3"]
    assert labels["columns"][1:] == [f"seed {seed}" for seed in (4, 6, 7, 8, 9)]
    a, b = styles(G, (1,), truncation=0.8), styles(G, (7,), truncation=0.8)
    for panel_at, ws in ((cells[2][3], mix_layers(a, b, groups["coarse"])), (cells[2][0], a), (cells[0][3], b)):
        assert np.abs(panel_at.astype(int) - panels(draw(G, ws))[0]).max() <= 1


def test_every_class_is_named(conditional: Any, laid_out: Callable[[Any], Any]) -> None:
    _, labels = laid_out(mixing)
    style_mixing(conditional)
    assert all("\nclass " in text for text in labels["rows"][1:] + labels["columns"][1:])


def test_a_model_with_one_style_is_refused(one_style: Any) -> None:
    with pytest.raises(UserError, match="style-mixing: one style serves all layers"):
        style_mixing(one_style)
