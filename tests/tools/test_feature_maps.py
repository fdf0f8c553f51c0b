"""Every family gives the feature maps of its layers, in order, with their gradients."""

from typing import Any

import pytest
import torch

from stylegans.config import DCGAN, GAN, Mapping, ProGAN, ResNet, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.tools.feature_maps import feature_maps, recording

MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
PYRAMID: dict[str, Any] = {"resolution": (24, 40), "base": (3, 5), "channel_base": 64, "channel_max": 8}
STYLED: dict[str, Any] = {"mapping": MAPPING} | PYRAMID
GRIDS = [(3, 5), (6, 10), (12, 20), (24, 40)]

CONFIGS = {
    "stylegan": (StyleGAN(**STYLED), [grid for grid in GRIDS for _ in range(2)]),
    "traditional": (
        StyleGAN(**STYLED, use_styles=False, const_input=False, use_noise=False),
        [grid for grid in GRIDS for _ in range(2)],
    ),
    "orig": (StyleGAN2(**STYLED, architecture="orig"), GRIDS[:1] + [grid for grid in GRIDS[1:] for _ in range(2)]),
    "skip": (StyleGAN2(**STYLED), GRIDS[:1] + [grid for grid in GRIDS[1:] for _ in range(2)]),
    "resnet": (StyleGAN2(**STYLED, architecture="resnet"), GRIDS[:1] + [grid for grid in GRIDS[1:] for _ in range(2)]),
    "progan": (ProGAN(z_dim=8, **PYRAMID), GRIDS),
    "dcgan": (DCGAN(z_dim=8, **PYRAMID), GRIDS[1:-1]),
    "wgan-gp": (ResNet(z_dim=8, **PYRAMID), GRIDS[1:]),
    "gan": (GAN(z_dim=8, channel_base=8), []),
}


def network(config: Any) -> Any:
    torch.manual_seed(0)
    return build_generator(config).eval().requires_grad_(False)


@pytest.mark.parametrize("name", CONFIGS)
def test_there_is_a_map_for_each_layer_from_the_coarsest_on(name: str) -> None:
    config, grids = CONFIGS[name]
    G = network(config)
    ws = torch.randn(2, G.num_ws, G.w_dim, requires_grad=True)
    maps = feature_maps(G, ws)
    assert [tuple(features.shape[2:]) for _, features in maps] == grids
    assert all(len(features) == 2 and features.dtype == torch.float32 for _, features in maps)
    modules = dict(G.synthesis.named_modules())
    assert all(name in modules for name, _ in maps)
    for _, features in maps:
        (gradient,) = torch.autograd.grad(features.square().sum(), ws, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_the_maps_of_a_stylegan3_lie_on_the_pictures_area() -> None:
    config = StyleGAN3(mapping=MAPPING, resolution=(48, 64), base=(3, 4), channel_base=128, channel_max=4, num_layers=6)
    G = network(config)
    maps = feature_maps(G, torch.randn(1, G.num_ws, 8))
    shapes = [tuple(features.shape[2:]) for _, features in maps]
    assert len(maps) == 6
    assert shapes[-1] == (48, 64)
    assert all(width * 3 == height * 4 for height, width in shapes)
    assert sorted(shapes) == shapes


def test_a_shift_of_a_stylegan3s_input_shifts_every_map_alike() -> None:
    config = StyleGAN3(mapping=MAPPING, resolution=(32, 32), channel_base=256, channel_max=8, num_layers=6)
    G, ws = network(config), torch.randn(1, 8, 8)
    before = feature_maps(G, ws)
    G.synthesis.input.transform[0, 2] = 1 / 8
    for (_, a), (_, b) in zip(before, feature_maps(G, ws), strict=True):
        pixels = a.shape[3] // 8
        error = (a[..., pixels:] - b[..., :-pixels]).square().mean() / a.var()
        assert error < 0.02


@pytest.mark.parametrize("name", ["stylegan", "orig", "resnet", "progan"])
def test_the_last_map_is_what_the_picture_is_drawn_from(name: str) -> None:
    G = network(CONFIGS[name][0])
    ws = torch.randn(1, G.num_ws, 8)
    style = [ws[:, -1]] if name in ("orig", "resnet") else []
    torch.testing.assert_close(G.synthesis.blocks[-1].to_rgb(feature_maps(G, ws)[-1][1], *style), G.synthesis(ws))


def test_the_residual_sum_is_recorded_and_not_its_branch() -> None:
    G = network(CONFIGS["resnet"][0])
    x, ws = torch.randn(1, 8, 3, 5), torch.randn(1, G.num_ws, 8)
    block = G.synthesis.blocks[1]
    with recording(G) as maps:
        out = block(x, ws[:, 1:4], noise="const", generator=None)
    assert [name for name, _ in maps] == ["blocks.1.conv0", "blocks.1"]
    assert torch.equal(maps[1][1], out)


def test_levels_that_are_not_grown_yet_add_nothing() -> None:
    G = network(CONFIGS["stylegan"][0])
    set_lod(G, 1.5)
    assert [tuple(features.shape[2:]) for _, features in feature_maps(G, torch.randn(1, 8, 8))][-1] == (12, 20)


def test_afterwards_nothing_is_recorded_any_more() -> None:
    G = network(CONFIGS["skip"][0])
    ws = torch.randn(1, 8, 8)
    with recording(G) as maps:
        G.synthesis(ws)
    assert len(maps) == 7
    G.synthesis(ws)
    assert len(maps) == 7


def test_a_generator_of_the_protocol_alone_has_none(one_style: Any) -> None:
    assert feature_maps(one_style, torch.randn(2, 1, 4)) == []
