from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from stylegans.config import DCGAN, GAN, Mapping, ProGAN, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.errors import UserError
from stylegans.networks.families import build_generator
from stylegans.tools.figures import Figure, Omitted, contribution, figures, stochastic
from stylegans.tools.figures.collection import KINDS

NAMES = ["uncurated", "style-mixing", "noise-detail", "noise-layers", "truncation", "contributions", "interpolations"]
NOISE = {"noise-detail", "noise-layers"}
LAYERS = {"style-mixing", "truncation", "contributions"}

WIDTHS = {"channel_base": 64, "channel_max": 8}


def mapping(c_dim: int = 0) -> Mapping:
    return Mapping(z_dim=8, w_dim=8, num_layers=1, c_dim=c_dim)


ZOO: dict[str, tuple[Any, set[str]]] = {
    "two channels": (StyleGAN2(mapping=mapping(), resolution=(8, 8), img_channels=2, **WIDTHS), set()),
    "grey": (
        StyleGAN2(mapping=mapping(), resolution=(12, 20), base=(3, 5), img_channels=1, architecture="resnet", **WIDTHS),
        set(),
    ),
    "RGBA": (StyleGAN(mapping=mapping(), resolution=(16, 16), img_channels=4, **WIDTHS), set()),
    "classes, no noise": (
        StyleGAN3(mapping=mapping(3), resolution=(16, 16), num_layers=4, num_critical=1, **WIDTHS),
        NOISE,
    ),
    "one style": (
        StyleGAN(mapping=mapping(), resolution=(8, 8), use_styles=False, const_input=False, **WIDTHS),
        {"style-mixing", "contributions"},
    ),
    "growing": (ProGAN(z_dim=8, c_dim=3, resolution=(8, 8), **WIDTHS), NOISE | LAYERS),
    "DCGAN": (DCGAN(z_dim=8, resolution=(8, 8), **WIDTHS), NOISE | LAYERS),
    "GAN": (GAN(z_dim=8, resolution=(8, 8), channel_base=16, channel_max=16), NOISE | LAYERS),
}
"""Models, and the figures that they cannot have."""


def zoo(name: str) -> Any:
    return build_generator(ZOO[name][0]).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stochastic, "noise_detail", partial(stochastic.noise_detail, realisations=4))
    monkeypatch.setattr(contribution, "contributions", partial(contribution.contributions, samples=2))


@pytest.mark.parametrize("name", ZOO)
def test_every_family_and_shape_has_its_figures_and_is_told_which_it_cannot_have(name: str) -> None:
    found = list(figures(zoo(name), (2,)))
    assert [each.name for each in found] == list(KINDS) == NAMES
    assert [each.title for each in found] == [kind.title for kind in KINDS.values()]
    assert {each.name for each in found if isinstance(each, Omitted)} == ZOO[name][1]
    for each in found:
        if isinstance(each, Figure):
            assert each.picture.dtype == np.uint8
            assert each.picture.ndim == 3
            assert each.picture.shape[2] == 3
            assert each.caption.endswith(".")
        else:
            assert each.reason


def test_the_same_arguments_give_the_same_figures_and_leave_the_callers_numbers_alone() -> None:
    G = zoo("two channels")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    some = ("noise-detail", "contributions", "interpolations")
    once = list(figures(G, (2,), only=some))
    assert torch.equal(torch.rand(3), expected)
    for one, other in zip(once, figures(G, (2,), only=some), strict=True):
        assert isinstance(one, Figure)
        assert isinstance(other, Figure)
        assert np.array_equal(one.picture, other.picture)
        assert one.caption == other.caption


def test_some_can_be_chosen_by_name_and_come_in_the_usual_order() -> None:
    found = figures(zoo("GAN"), only=("interpolations", "uncurated"))
    assert [each.name for each in found] == ["uncurated", "interpolations"]


def test_figures_are_drawn_one_at_a_time() -> None:
    assert isinstance(next(figures(zoo("GAN"))), Figure)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"only": ("mixing",)}, "--only: 'mixing' is no figure; there are uncurated, style-mixing"),
        ({"only": ()}, "--only: '' is no figure"),
        ({"seed": -1}, "--seed: -1"),
        ({"seeds": ()}, "--seeds: none"),
        ({"truncation": float("nan")}, "--truncation: nan"),
        ({"truncation": 0.5}, "truncation: this model keeps no average"),
        ({"label": 3}, "--class: this model has no classes"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_drawn(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        figures(zoo("GAN"), **options)
