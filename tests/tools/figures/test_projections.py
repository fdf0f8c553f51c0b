from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegans.config import Mapping, StyleGAN
from stylegans.errors import UserError
from stylegans.metrics.features import lpips
from stylegans.networks.families import build_generator
from stylegans.networks.protocol import Generator
from stylegans.tools import project as project_module
from stylegans.tools.figures import projections as module
from stylegans.tools.figures.collection import Request
from stylegans.tools.figures.pictures import panels, shown
from stylegans.tools.figures.projections import (
    CHART_HEIGHT,
    Projected,
    histograms,
    missing,
    own,
    pair,
    projected,
    projections,
)
from stylegans.tools.figures.sheet import MARGIN
from stylegans.tools.generate import styles
from stylegans.tools.perceptual import Perceptual


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_module, "CANDIDATES", 8)
    monkeypatch.setattr(project_module, "SAMPLES", 100)


def pictures(G: Generator, count: int) -> Tensor:
    """Smooth random pictures of the model's shape, as if they were real."""
    generator = torch.Generator().manual_seed(1)
    small = torch.rand(count, G.img_channels, 4, 4, generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(small, size=G.img_resolution, mode="bilinear")


def of(distances: list[float]) -> Projected:
    black = torch.full((len(distances), 3, 32, 32), -1.0)
    return Projected(black, black, tuple(distances))


# --- the search -----------------------------------------------------------------------------------------------------


def test_own_pictures_are_those_of_their_seeds_as_a_file_holds_them(generator: Any) -> None:
    found = own(generator, (3, 4))
    levels = (found + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert float((found[1] - generator.synthesis(styles(generator, (4,)))[0].clamp(-1, 1)).abs().max()) < 2 / 127.5


def test_the_distance_is_that_of_the_pair_and_an_own_picture_comes_nearer(make: Any) -> None:
    G, perceptual = make(resolution=(16, 16)), Perceptual(lpips.load())
    targets = torch.cat([own(G, (0,)), pictures(G, 1)])
    found = projected(G, targets, perceptual, steps=12)
    assert found.distances == pytest.approx(perceptual(found.images, targets).tolist(), rel=1e-3)
    assert found.distances[0] < found.distances[1]


# --- the figure -----------------------------------------------------------------------------------------------------


def test_each_row_has_a_pair_of_each_kind_for_each_model(make: Any, laid_out: Callable[[Any], Any]) -> None:
    G, other = make(resolution=(16, 24)), make(resolution=(16, 24))
    cells, labels = laid_out(module)
    reals = pictures(G, 2)
    figure = projections([("one", G), ("other", other)], reals, seed=5, steps=1)
    assert (len(cells), len(cells[0])) == (2, 4)
    assert labels["columns"] == ["generated", "real"] * 2
    assert [(group.name, group.count) for group in labels["column_groups"]] == [("one", 2), ("other", 2)]
    for column, targets in ((0, own(G, (5, 6))), (1, reals), (3, reals)):
        for row, target in enumerate(panels(shown(targets))):
            height, width = target.shape[:2]
            left = (cells[row][column].shape[1] - 2 * width - 4) // 2
            assert np.array_equal(cells[row][column][:height, left : left + width], target)
    assert "what 1 step of" in figure.caption
    assert "seeds 5 to 6" in figure.caption
    assert "figure 10" not in figure.caption


def test_the_distance_stands_below_the_pair() -> None:
    panel = np.zeros((128, 128, 3), dtype=np.uint8)
    one, other = pair(panel, panel, 0.1), pair(panel, panel, 0.2)
    assert np.array_equal(one[:128], other[:128])
    assert not np.array_equal(one[128:], other[128:])
    assert one[128:].min() < 100


def test_from_eight_of_each_kind_on_there_is_a_histogram(monkeypatch: pytest.MonkeyPatch, generator: Any) -> None:
    nearer = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.3]
    farther = [0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]
    heights = []
    for count in (7, 8):
        both = of(nearer[:count] + farther[:count])
        monkeypatch.setattr(module, "projected", lambda *_, both=both, **__: both)
        figure = projections([("a", generator)], pictures(generator, count), seed=0, steps=3)
        heights.append(figure.picture.shape[0])
    assert heights[1] - heights[0] == CHART_HEIGHT + 2 * MARGIN
    assert "8 generated and 8 real" in figure.caption
    assert "nearer in 88\N{NO-BREAK SPACE}% of the cases" in figure.caption


def test_a_distance_of_zero_has_a_place_in_the_histogram() -> None:
    found = {"generated": of([0.0] * 8), "real": of([0.1] * 8)}
    assert [chart.shape for chart in histograms([found, found], width=600)] == [(CHART_HEIGHT, 600, 3)] * 2


@pytest.mark.parametrize(
    "options", [{"channels": 1}, {"channels": 2}, {"channels": 4}, {"channels": 5}, {"c_dim": 3}, {"c_dim": 1}]
)
def test_every_kind_of_picture_is_drawn(make: Any, options: dict[str, int]) -> None:
    G = make(resolution=(16, 16), **options)
    figure = projections([("a", G)], pictures(G, 1), seed=2, steps=1)
    assert figure.picture.dtype == np.uint8
    assert "seed 2," in figure.caption


def test_a_stylegan_stands_beside_a_stylegan2(make: Any) -> None:
    torch.manual_seed(0)
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    older = build_generator(StyleGAN(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8)).eval()
    newer = make(resolution=(16, 16))
    reals = pictures(newer, 1)
    assert missing(older, Request(reals=reals, beside=("newer", newer))) is None
    assert projections([("older", older), ("newer", newer)], reals, seed=0, steps=1).picture.ndim == 3


# --- what cannot be drawn -------------------------------------------------------------------------------------------


def test_what_is_missing_is_said(make: Any, generator: Any, one_style: Any) -> None:
    reals = pictures(generator, 2)
    assert missing(generator, Request(reals=reals)) is None
    assert missing(generator, Request(reals=reals, beside=("same", generator))) is None
    for G, asked, reason in (
        (generator, Request(), "needs real pictures"),
        (one_style, Request(reals=pictures(one_style, 1)), "this model has no mapping network"),
        (generator, Request(reals=reals, beside=("old", one_style)), "the model beside has no mapping network"),
        (
            generator,
            Request(reals=reals[:, :1]),
            "this model draws pictures of 3 channels and 32 × 32, not 1 channel and 32",
        ),
        (
            generator,
            Request(reals=reals, beside=("wide", make(resolution=(16, 24)))),
            "the model beside draws pictures of 3",
        ),
    ):
        assert reason in (missing(G, asked) or "")


def test_what_makes_no_sense_is_refused(generator: Any, one_style: Any) -> None:
    reals = pictures(generator, 1)
    with pytest.raises(UserError, match="projections: this model has no mapping network"):
        projections([("a", one_style)], reals, seed=0, steps=1)
    with pytest.raises(UserError, match="projections: there are no real pictures"):
        projections([("a", generator)], reals[:0], seed=0, steps=1)
    with pytest.raises(UserError, match="--steps: 0"):
        projections([("a", generator)], reals, seed=0, steps=0)
