import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import DCGAN, Mapping, StyleGAN, StyleGAN2
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.resolution_shares import NUM, Deviation, shares, shares_now
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.networks.resolutions import parts

MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=1)
WIDTHS: dict[str, Any] = {"channel_base": 64, "channel_max": 8}


class Pictures:
    """A data set of which labels are asked."""

    xflip = False

    def __init__(self, c_dim: int = 0) -> None:
        self.c_dim = c_dim

    def __len__(self) -> int:
        return 10

    def image(self, index: int) -> np.ndarray:
        raise AssertionError("no real picture is needed")

    def label(self, index: int) -> np.ndarray:
        return np.eye(self.c_dim, dtype=np.float32)[index % self.c_dim]


def make(config: Any) -> Any:
    G = build_generator(config).eval().requires_grad_(False)
    for name, parameter in G.named_parameters():
        if name.endswith("bias"):
            parameter.normal_()
    return G


def skip(**options: Any) -> Any:
    usual: dict[str, Any] = {"mapping": MAPPING, "resolution": (16, 24), "base": (4, 6)}
    return make(StyleGAN2(**(usual | WIDTHS | options)))


def test_shares_are_relative_standard_deviations_however_the_pictures_are_batched() -> None:
    G = skip()
    ws = G.mapping(torch.randn(10, 8))
    images = [part.images.double() for part in parts(G, ws)]
    deviations = torch.stack([each.var(dim=0, correction=0).mean().sqrt() for each in images])
    for batch in (1, 3, 10):
        np.testing.assert_allclose(shares(G, ws.split(batch)), deviations / deviations.sum(), rtol=1e-4)


@given(count=st.integers(1, 20), batch=st.integers(1, 6), mean=st.floats(-1e3, 1e3), seed=st.integers(0, 99))
def test_a_deviation_is_that_of_all_pictures_far_from_zero_too(count: int, batch: int, mean: float, seed: int) -> None:
    images = torch.randn(count, 2, 3, 4, generator=torch.Generator().manual_seed(seed)) + mean
    found = Deviation(images[0])
    for some in images.split(batch):
        found.update(some)
    expected = images.double().var(dim=0, correction=0).mean().sqrt()
    assert found.value() == pytest.approx(float(expected), rel=1e-4, abs=1e-6)


def test_equal_pictures_deviate_by_exactly_nothing() -> None:
    picture = torch.randn(1, 3, 4, 4)
    found = Deviation(picture[0])
    for count in (1, 7):
        found.update(picture.expand(count, -1, -1, -1))
    assert found.value() == 0
    G = skip()
    assert set(shares(G, [torch.zeros(3, G.num_ws, 8)])) == {0.0}


def test_a_resolution_drawn_twice_as_strongly_has_twice_the_weight() -> None:
    G = skip()
    reals = RealFeatures(Pictures())
    before = shares_now(G, reals)
    G.synthesis.blocks[1].to_rgb.weight.mul_(2)
    after = shares_now(G, reals)
    size = (8, 12)
    assert list(before) == [(4, 6), (8, 12), (16, 24)]
    assert after[size] == pytest.approx(2 * before[size] / (1 + before[size]), rel=1e-5)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig", "grow"])
def test_in_every_wiring_they_sum_to_one_and_disturb_nothing(architecture: str) -> None:
    G = skip(architecture=architecture)
    before, weights = torch.get_rng_state(), {name: value.clone() for name, value in G.state_dict().items()}
    numpy_before = repr(np.random.get_state())
    found = shares_now(G, RealFeatures(Pictures()))
    assert sum(found.values()) == pytest.approx(1)
    assert all(share > 0 for share in found.values())
    assert found == shares_now(G, RealFeatures(Pictures()))
    assert torch.equal(torch.get_rng_state(), before)
    assert repr(np.random.get_state()) == numpy_before
    assert all(torch.equal(value, weights[name]) for name, value in G.state_dict().items())


@pytest.mark.parametrize(("lod", "there"), [(2.0, 1), (1.5, 2), (1.0, 2), (0.25, 3), (0.0, 3), (7.0, 1)])
def test_of_a_growing_network_the_levels_that_exist_are_reported(lod: float, there: int) -> None:
    G = make(StyleGAN(mapping=MAPPING, resolution=(16, 16), **WIDTHS))
    set_lod(G, lod)
    found = shares_now(G, RealFeatures(Pictures()))
    assert list(found) == [(4, 4), (8, 8), (16, 16)][:there]
    assert sum(found.values()) == pytest.approx(1)


def test_a_conditional_generator_is_given_the_labels_of_the_set() -> None:
    G = skip(mapping=Mapping(z_dim=8, w_dim=8, num_layers=1, c_dim=4))
    given: list[torch.Tensor] = []
    handle = G.mapping.register_forward_hook(lambda module, args, output: given.append(args[1]))
    shares_now(G, RealFeatures(Pictures(c_dim=4)))
    handle.remove()
    c = torch.cat(given)
    assert c.shape == (NUM, 4)
    assert set(c.argmax(dim=1).tolist()) == {0, 1, 2, 3}


def test_a_tick_draws_each_of_its_few_pictures_once() -> None:
    G = skip()
    drawn: list[int] = []
    G.synthesis.register_forward_hook(lambda module, args, output: drawn.append(len(output)))
    shares_now(G, RealFeatures(Pictures()))
    assert sum(drawn) == NUM


def test_there_are_none_of_a_network_without_resolutions_or_of_pictures_that_are_no_numbers() -> None:
    reals = RealFeatures(Pictures())
    assert shares_now(make(DCGAN(z_dim=8, resolution=(16, 16), **WIDTHS)), reals) == {}
    G = skip()
    G.synthesis.blocks[1].to_rgb.bias.fill_(math.nan)
    assert shares_now(G, reals) == {}
