from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stylegans.errors import UserError
from stylegans.tools.figures import noise
from stylegans.tools.figures.noise import noise_layers
from stylegans.tools.figures.pictures import panels, shown
from stylegans.tools.generate import styles


def test_columns_are_all_noise_none_fine_and_coarse(make: Any, laid_out: Callable[[Any], Any]) -> None:
    G = make(resolution=(24, 40), channels=1)
    cells, labels = laid_out(noise)
    figure = noise_layers(G, (2,))
    assert labels["columns"] == ["(a) all", "(b) none", "(c) fine", "(d) coarse"]
    assert "(c) at 20×12 to 40×24, (d) at 5×3 to 10×6" in figure.caption
    ws = styles(G, (2,))
    everything, nothing, fine, coarse = cells[0]
    assert np.array_equal(everything, panels(shown(G.synthesis(ws)))[0])
    assert np.array_equal(nothing, panels(shown(G.synthesis(ws, noise="none")))[0])
    assert len({each.tobytes() for each in (everything, nothing, fine, coarse)}) == 4
    assert {panel.shape[:2] for row in cells for panel in row} == {(96, 160)}
    assert labels["rows"] == ["picture", "detail"] * 2


def test_small_pictures_of_one_grid_have_neither_halves_nor_details(make: Any, laid_out: Callable[[Any], Any]) -> None:
    from stylegans.config import Mapping, StyleGAN2
    from stylegans.networks.stylegan2 import StyleGAN2Generator

    mapping = Mapping(z_dim=8, w_dim=8, num_layers=1)
    G = StyleGAN2Generator(StyleGAN2(mapping=mapping, resolution=(8, 8), base=(8, 8), channel_base=64, channel_max=8))
    cells, labels = laid_out(noise)
    assert "one resolution only" in noise_layers(G.eval()).caption
    assert labels["columns"] == ["(a) all", "(b) none"]
    assert len(cells) == 2


def test_a_model_without_noise_is_refused(one_style: Any) -> None:
    with pytest.raises(UserError, match="noise-layers: this model has no noise inputs"):
        noise_layers(one_style)
