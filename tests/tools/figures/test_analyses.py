from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegans.config import DCGAN, GAN, Mapping, ProGAN, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.tools.figures import Figure, Omitted, analyses, feature_statistics, fixed_crop, path_lengths
from stylegans.tools.figures.analyses import ANALYSES
from stylegans.tools.figures.collection import Request, drawn

NAMES = ["feature-maps", "fixed-crop", "path-lengths", "shares", "projections"]
OWN = NAMES[:3]

WIDTHS: dict[str, Any] = {"channel_base": 32, "channel_max": 4}


def mapping(c_dim: int = 0) -> Mapping:
    return Mapping(z_dim=4, w_dim=4, num_layers=1, c_dim=c_dim)


ZOO: dict[str, tuple[Any, set[str]]] = {
    "two channels": (StyleGAN2(mapping=mapping(), resolution=(8, 8), img_channels=2, **WIDTHS), set()),
    "grey": (StyleGAN2(mapping=mapping(), resolution=(12, 20), base=(3, 5), img_channels=1, **WIDTHS), set()),
    "RGBA": (StyleGAN(mapping=mapping(), resolution=(8, 8), img_channels=4, **WIDTHS), set()),
    "classes, no noise": (
        StyleGAN3(mapping=mapping(3), resolution=(16, 16), num_layers=4, num_critical=1, **WIDTHS),
        set(),
    ),
    "growing": (ProGAN(z_dim=4, c_dim=3, resolution=(8, 8), **WIDTHS), set()),
    "DCGAN": (DCGAN(z_dim=4, resolution=(16, 16), **WIDTHS), set()),
    "GAN": (GAN(z_dim=4, resolution=(8, 8), channel_base=16, channel_max=16), {"feature-maps"}),
}
"""Models, and the figures of this file's own kind that they cannot have."""


def zoo(name: str) -> Any:
    return build_generator(ZOO[name][0]).eval().requires_grad_(False)


class Squared:
    """In place of LPIPS."""

    name = "lpips_alexnet"

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().sum(dim=(1, 2, 3))


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_statistics, "layer_features", partial(feature_statistics.layer_features, samples=2))
    monkeypatch.setattr(fixed_crop, "fixed_crops", partial(fixed_crop.fixed_crops, steps=4))
    monkeypatch.setattr(path_lengths, "by_path_length", partial(path_lengths.by_path_length, samples=16))
    monkeypatch.setattr(path_lengths, "DIRECTIONS", 1)
    monkeypatch.setattr(analyses, "open_perceptual", lambda *, device: Squared())


def found(G: Any, request: Request, *names: str) -> list[Figure | Omitted]:
    return list(drawn(G, request, [ANALYSES[name] for name in names]))


@pytest.mark.parametrize("name", ZOO)
def test_every_family_and_shape_has_its_analyses_and_is_told_which_it_cannot_have(name: str) -> None:
    G = zoo(name)
    if name == "growing":
        set_lod(G, 0.5)
    for each in found(G, Request(seeds=(2,)), *OWN):
        assert each.title == ANALYSES[each.name].title
        assert isinstance(each, Omitted) == (each.name in ZOO[name][1])
        if isinstance(each, Figure):
            assert each.picture.dtype == np.uint8
            assert each.picture.ndim == 3
            assert each.picture.shape[2] == 3
            assert each.caption.endswith(".")
            assert "arXiv 1912.04958, section" in each.caption


def test_every_sign_of_the_captions_is_in_the_font() -> None:
    from stylegans.tools.figures.sheet import font

    missing = bytes(font().getmask("\ue123"))
    for each in found(zoo("grey"), Request(truncation=0.7), *OWN):
        assert isinstance(each, Figure)
        for sign in set(each.caption) - {" ", "\N{NO-BREAK SPACE}"}:
            assert bytes(font().getmask(sign)) != missing, sign


def test_they_stand_in_the_order_of_the_paper() -> None:
    assert list(ANALYSES) == NAMES


def test_the_same_request_gives_the_same_figures_and_leaves_the_callers_numbers_alone() -> None:
    G = zoo("two channels")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    once = found(G, Request(seed=3), *OWN)
    assert torch.equal(torch.rand(3), expected)
    for one, other in zip(once, found(G, Request(seed=3), *OWN), strict=True):
        assert isinstance(one, Figure)
        assert isinstance(other, Figure)
        assert np.array_equal(one.picture, other.picture)
        assert one.caption == other.caption


def test_without_log_and_real_pictures_the_reasons_are_said() -> None:
    shares, projections = found(zoo("grey"), Request(), "shares", "projections")
    assert isinstance(shares, Omitted)
    assert "run directory" in shares.reason
    assert isinstance(projections, Omitted)
    assert "--data" in projections.reason


def test_shares_get_the_log_and_projections_the_models_and_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    figure = Figure("name", "title", "caption", np.zeros([1, 1, 3], dtype=np.uint8))

    def spy(*given: Any, **options: Any) -> Figure:
        asked.append((*given, options))
        return figure

    can, reals, G, other = (lambda *_: None), torch.zeros(2, 1, 12, 20), zoo("grey"), zoo("grey")
    for name, function in (("shares", "shares_over_training"), ("projections", "projections")):
        module = SimpleNamespace(NAME=name, TITLE=name, missing=can, **{function: spy})
        monkeypatch.setattr(analyses, name, module)
    kinds = [ANALYSES["shares"].draw, ANALYSES["projections"].draw]
    for draw in kinds:
        draw(G, Request(name="a", log=[{"kimg": 1}], reals=reals, seed=4, steps=7, beside=("b", other)))
    kinds[1](G, Request(name="a", reals=reals))
    assert asked[0] == ([{"kimg": 1}], {})
    assert asked[1][0] == [("a", G), ("b", other)]
    assert asked[1][1] is reals
    assert asked[1][2] == {"seed": 4, "steps": 7}
    assert asked[2][0] == [("a", G)]
