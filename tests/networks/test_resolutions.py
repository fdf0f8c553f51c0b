from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegans.config import DCGAN, Mapping, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.networks.resolutions import average_ws, definition, grids, parts
from stylegans.ops.resample import upsample

MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=1)
WIDTHS: dict[str, Any] = {"channel_base": 64, "channel_max": 8}

CONFIGS: dict[str, Any] = {
    "skip": StyleGAN2(mapping=MAPPING, resolution=(16, 24), base=(4, 6), conv_clamp=256, **WIDTHS),
    "resnet": StyleGAN2(mapping=MAPPING, resolution=(16, 24), base=(4, 6), architecture="resnet", **WIDTHS),
    "orig": StyleGAN2(mapping=MAPPING, resolution=(16, 16), architecture="orig", img_channels=4, **WIDTHS),
    "grow": StyleGAN2(mapping=MAPPING, resolution=(16, 16), architecture="grow", use_noise=False, **WIDTHS),
    "stylegan": StyleGAN(mapping=MAPPING, resolution=(16, 16), img_channels=1, **WIDTHS),
    "stylegan3": StyleGAN3(mapping=MAPPING, resolution=(32, 32), **WIDTHS),
    "one grid": StyleGAN2(mapping=MAPPING, resolution=(8, 8), base=(8, 8), **WIDTHS),
}


@pytest.fixture(scope="module")
def build() -> Callable[[str], Any]:
    def make(name: str) -> Any:
        torch.manual_seed(0)
        G = build_generator(CONFIGS[name]).eval().requires_grad_(False)
        for parameter_name, parameter in G.named_parameters():
            if parameter_name.endswith(("noise_strength", "bias")):
                parameter.normal_()
        G.mapping.w_avg.normal_()
        return G

    return make


def styles(G: Any, count: int) -> Tensor:
    ws: Tensor = G.mapping(torch.randn(count, G.z_dim))
    return ws


def close(found: Tensor, expected: Tensor) -> bool:
    return float((found - expected).norm() / expected.norm()) < 1e-5


@pytest.mark.parametrize("name", CONFIGS)
def test_the_parts_sum_to_the_picture(name: str, build: Callable[[str], Any]) -> None:
    G = build(name)
    ws = styles(G, 3)
    found = parts(G, ws)
    total = torch.stack([part.images for part in found]).sum(dim=0)
    assert close(total, G.synthesis(ws))
    sizes = [part.size for part in found if part.size is not None]
    assert sizes == [grid.size for grid in grids(G)]
    assert sizes[-1] == G.img_resolution


@pytest.mark.parametrize("name", CONFIGS)
def test_every_w_enters_at_one_grid(name: str, build: Callable[[str], Any]) -> None:
    G = build(name)
    layers = [layer for grid in grids(G) for layer in grid.layers]
    assert layers == list(range(G.num_ws))


def test_in_the_skip_wiring_a_part_is_what_the_grids_own_layer_draws(build: Callable[[str], Any]) -> None:
    G = build("skip")
    ws = styles(G, 1)
    with torch.no_grad():
        network = G.synthesis
        x = network.input(1)
        x = network.blocks[0](x, ws[:, 0:2], noise="const", generator=None)
        expected = upsample(upsample(network.blocks[0].to_rgb(x, ws[:, 1]), network.f), network.f)
    assert close(parts(G, ws)[0].images, expected)


def test_in_the_residual_wiring_a_silent_branch_adds_nothing(build: Callable[[str], Any]) -> None:
    G = build("resnet")
    last = G.synthesis.blocks[-1]
    for parameter in (last.conv1.weight, last.conv1.bias, last.conv1.noise.noise_strength):
        parameter.zero_()
    found = parts(G, styles(G, 1))
    assert float(found[-1].images.abs().max()) < 1e-5 * float(found[0].images.abs().max())
    assert float(found[1].images.abs().max()) > 0


def test_by_styles_a_part_changes_with_its_own_and_coarser_styles_only(build: Callable[[str], Any]) -> None:
    G = build("stylegan")
    ws = styles(G, 1)
    finer = ws.clone()
    finer[:, list(grids(G)[-1].layers)] += 1
    before, after = parts(G, ws), parts(G, finer)
    for one, other in zip(before[:-1], after[:-1], strict=True):
        assert torch.equal(one.images, other.images)
    assert not torch.equal(before[-1].images, after[-1].images)
    mean = average_ws(G)
    assert mean is not None
    assert torch.equal(before[0].images, G.synthesis(mean))


def test_of_the_average_picture_the_styles_add_nothing(build: Callable[[str], Any]) -> None:
    G = build("orig")
    mean = average_ws(G)
    assert mean is not None
    assert all(float(part.images.abs().max()) == 0 for part in parts(G, mean)[1:])


def test_a_level_that_has_not_grown_yet_adds_nothing(build: Callable[[str], Any]) -> None:
    G = build("stylegan")
    set_lod(G, 1.0)
    ws = styles(G, 1)
    found = parts(G, ws)
    assert float(found[-1].images.abs().max()) == 0
    assert close(torch.stack([part.images for part in found]).sum(dim=0), G.synthesis(ws))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("skip", "skip"), ("resnet", "resnet"), ("orig", "styles"), ("grow", "styles"), ("stylegan3", "styles")],
)
def test_the_wiring_decides_what_a_part_is(name: str, expected: str, build: Callable[[str], Any]) -> None:
    assert definition(build(name)) == expected


@pytest.mark.parametrize(
    "config",
    [
        DCGAN(z_dim=8, resolution=(16, 16), **WIDTHS),
        StyleGAN(mapping=MAPPING, resolution=(16, 16), const_input=False, use_styles=False, **WIDTHS),
    ],
    ids=["dcgan", "styles at the input only"],
)
def test_a_network_without_styles_has_no_parts(config: Any) -> None:
    G: Any = build_generator(config).eval()
    assert grids(G) == ()
    assert definition(G) is None
    with pytest.raises(ValueError, match="no resolutions"):
        parts(G, torch.zeros(1, 1, G.w_dim))
