from typing import Any

import pytest
import torch

from stylegans.config import Mapping, StyleGAN
from stylegans.networks.stylegan import StyleGANGenerator
from stylegans.tools.generate import styles
from stylegans.tools.noise_inputs import coarse_and_fine, noise_grids, synthesise_with


@pytest.fixture(scope="module")
def first() -> StyleGANGenerator:
    torch.manual_seed(0)
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=1)
    G = StyleGANGenerator(StyleGAN(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8))
    for name, parameter in G.requires_grad_(False).named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.3)
    return G.eval()


@pytest.fixture(params=["generator", "first"])
def G(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_all_inputs_give_the_usual_picture_and_none_the_one_without_noise(G: Any) -> None:
    ws = styles(G, (0, 1))
    assert torch.equal(synthesise_with(G, ws, tuple(noise_grids(G))), G.synthesis(ws))
    assert torch.equal(synthesise_with(G, ws, ()), G.synthesis(ws, noise="none"))


def test_one_input_alone_is_heard_and_nothing_of_the_model_changes(G: Any) -> None:
    ws = styles(G, (0,))
    before = {name: each.clone() for name, each in G.state_dict().items()}
    silence = G.synthesis(ws, noise="none")
    pictures = [synthesise_with(G, ws, (name,)) for name in noise_grids(G)]
    assert all(not torch.equal(picture, silence) for picture in pictures)
    assert len({picture.numpy().tobytes() for picture in pictures}) == len(pictures)
    assert all(torch.equal(each, before[name]) for name, each in G.state_dict().items())


def test_random_noise_of_an_input_does_not_depend_on_which_others_are_heard(G: Any) -> None:
    ws = styles(G, (0,))

    def draw(*inputs: str) -> torch.Tensor:
        return synthesise_with(G, ws, inputs, noise="random", generator=torch.Generator().manual_seed(3))

    assert torch.equal(
        draw(*noise_grids(G)), G.synthesis(ws, noise="random", generator=torch.Generator().manual_seed(3))
    )
    assert torch.equal(draw(), G.synthesis(ws, noise="none"))


def test_the_halves_are_the_papers_at_1024_and_hold_every_input() -> None:
    torch.manual_seed(0)
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=1)
    G = StyleGANGenerator(StyleGAN(mapping=mapping, resolution=(1024, 1024), channel_base=16, channel_max=1))
    sizes = noise_grids(G)
    coarse, fine = coarse_and_fine(G)
    assert {sizes[name][0] for name in coarse} == {4, 8, 16, 32}
    assert {sizes[name][0] for name in fine} == {64, 128, 256, 512, 1024}
    assert set(coarse) | set(fine) == set(sizes)


def test_a_model_without_noise_inputs_has_none(one_style: Any) -> None:
    assert noise_grids(one_style) == {}
    assert coarse_and_fine(one_style) == ((), ())
