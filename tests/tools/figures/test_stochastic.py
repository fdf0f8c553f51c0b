from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from stylegans.errors import UserError
from stylegans.tools.figures import stochastic
from stylegans.tools.figures.stochastic import CROPS, FRAME, deviation, drawn, framed, levels, noise_detail
from stylegans.tools.generate import styles


@pytest.fixture
def silent(make: Any) -> Any:
    G = make(resolution=(16, 16))
    for name, parameter in G.named_parameters():
        if name.endswith("noise_strength"):
            parameter.zero_()
    return G


def test_noise_of_strength_0_deviates_nowhere(silent: Any, laid_out: Callable[[Any], Any]) -> None:
    ws = styles(silent, (0,))
    assert (deviation(map(levels, drawn(silent, ws, 5, seed=0))) == 0).all()
    cells, _ = laid_out(stochastic)
    assert "white is 0.0 of 255" in noise_detail(silent, realisations=5).caption
    assert all((row[-1] == 0).all() for row in cells)


def test_the_deviation_is_the_populations_over_the_realisations(generator: Any) -> None:
    pictures = list(drawn(generator, styles(generator, (1,)), 7, seed=3))
    assert not torch.equal(pictures[0], pictures[1])
    shown = torch.stack([levels(picture) for picture in pictures]).double()
    expected = shown.std(dim=0, correction=0).square().mean(dim=0).sqrt()
    np.testing.assert_allclose(deviation(map(levels, pictures)), expected, rtol=1e-10)


def test_realisations_are_the_same_again_and_others_for_another_seed(generator: Any) -> None:
    ws = styles(generator, (1,))
    once, again, other = ([*drawn(generator, ws, 2, seed=seed)] for seed in (0, 0, 1))
    assert all(map(torch.equal, once, again))
    assert not torch.equal(once[0], other[0])
    assert not torch.equal(once[0], once[1])


def test_each_row_has_a_picture_its_details_and_its_map(make: Any, laid_out: Callable[[Any], Any]) -> None:
    cells, labels = laid_out(stochastic)
    figure = noise_detail(make(resolution=(24, 40), channels=2), (4, 7), realisations=5)
    assert {panel.shape[:2] for row in cells for panel in row} == {(96, 160)}
    assert [len(row) for row in cells] == [2 + CROPS] * 2
    assert labels["rows"] == ["seed 4", "seed 7"]
    assert max(panel.max() for *_, panel in cells) == 255
    assert "over 5 realisations" in figure.caption


def test_the_detail_is_what_the_frame_holds() -> None:
    picture = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32, 1)
    large = framed(picture, (8, 16), (8, 8))
    red = (large == FRAME).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (4 * 8, 4 * 16 - 1, 4 * 16, 4 * 24 - 1)
    assert (large[~red] == picture.repeat(4, 0).repeat(4, 1).repeat(3, 2)[~red]).all()


def test_levels_are_those_that_figures_show() -> None:
    clear = torch.cat([torch.ones(3, 2, 2), -torch.ones(1, 2, 2)])
    assert (levels(-clear) == 0).all()
    assert (levels(clear) == 255).all()
    assert levels(torch.zeros(2, 4, 4)).shape == (1, 4, 4)


def test_a_model_without_noise_and_too_few_realisations_are_refused(one_style: Any, generator: Any) -> None:
    with pytest.raises(UserError, match="noise-detail: this model has no noise inputs"):
        noise_detail(one_style)
    with pytest.raises(UserError, match="realisations: 3"):
        noise_detail(generator, realisations=3)
