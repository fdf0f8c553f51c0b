from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from stylegans.config import DCGAN, GAN, Mapping, ProGAN, ResNet, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.errors import UserError
from stylegans.networks.base import GeneratorNetwork
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.tools.directions.factorisation import eigenvectors, find_sefa, style_weights
from stylegans.tools.generate import styles

MAPPING = Mapping(z_dim=6, w_dim=8, num_layers=2)
SMALL: dict[str, Any] = {"resolution": (16, 16), "channel_base": 64, "channel_max": 8}
SMALL_3 = StyleGAN3(
    mapping=MAPPING, resolution=(32, 32), num_layers=6, num_critical=2, margin_size=4, channel_base=512, channel_max=8
)

ADAIN = [f"blocks.{level}.layer{i}.style.affine.weight" for level in range(3) for i in (0, 1)]
MODULATION = [
    "blocks.0.conv1.affine.weight",
    *(f"blocks.{level}.conv{i}.affine.weight" for level in (1, 2) for i in (0, 1)),
]
LAYERS_3 = [f"layers.{i}.affine.weight" for i in range(6)]


def build(config: Any) -> GeneratorNetwork:
    torch.manual_seed(0)
    return build_generator(config).eval()


def singular_vectors(G: GeneratorNetwork, names: list[str]) -> np.ndarray:
    """Of the weights of these names, one below the other, without their common scale."""
    state = G.synthesis.state_dict()
    stacked = np.concatenate([state[name].double().numpy().reshape(-1, G.w_dim) for name in names])
    return np.linalg.svd(stacked, full_matrices=False)[2]


def assert_same_axes(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=1)), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (StyleGAN(mapping=MAPPING, **SMALL), ADAIN),
        (StyleGAN2(mapping=MAPPING, **SMALL), MODULATION),
        (StyleGAN2(mapping=MAPPING, architecture="resnet", **SMALL), MODULATION),
        (SMALL_3, LAYERS_3),
    ],
    ids=["stylegan", "stylegan2", "stylegan2-resnet", "stylegan3"],
)
def test_directions_are_the_eigenvectors_of_the_stacked_style_weights(config: Any, names: list[str]) -> None:
    G = build(config)
    found = find_sefa(G, count=5, samples=10)
    assert [each.name for each in found] == [f"sefa{i}" for i in range(5)]
    assert_same_axes(np.stack([each.vector.numpy() for each in found]), singular_vectors(G, names)[:5])


@pytest.mark.parametrize(
    ("config", "layers", "names"),
    [
        (StyleGAN(mapping=MAPPING, **SMALL), (1, 2), ADAIN[1:3]),
        (StyleGAN2(mapping=MAPPING, **SMALL), (0, 3), [MODULATION[0], MODULATION[3]]),
        (StyleGAN2(mapping=MAPPING, **SMALL), (4, 5), MODULATION[4:]),
        (SMALL_3, (0, 1, 2), LAYERS_3[:2]),
    ],
)
def test_only_the_styles_of_the_chosen_layers_count(config: Any, layers: tuple[int, ...], names: list[str]) -> None:
    G = build(config)
    found = find_sefa(G, layers, count=3, samples=10)
    assert {each.layers for each in found} == {layers}
    assert_same_axes(np.stack([each.vector.numpy() for each in found]), singular_vectors(G, names)[:3])


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (ProGAN(z_dim=8, **SMALL), "input.weight"),
        (DCGAN(z_dim=8, **SMALL), "project.weight"),
        (ResNet(z_dim=8, base=(4, 4), **SMALL), "project.weight"),
        (GAN(z_dim=8, resolution=(8, 8), channel_base=64, channel_max=8), "layers.0.weight"),
        (StyleGAN(mapping=MAPPING, use_styles=False, const_input=False, **SMALL), "input.weight"),
    ],
    ids=["progan", "dcgan", "resnet", "gan", "stylegan-b"],
)
def test_without_styles_they_are_those_of_the_first_layers_weights(config: Any, name: str) -> None:
    G = build(config)
    found = find_sefa(G, count=4, samples=50)
    assert_same_axes(np.stack([each.vector.numpy() for each in found]), singular_vectors(G, [name])[:4])


def test_the_weights_are_those_that_act_their_scale_included() -> None:
    G = build(StyleGAN(mapping=MAPPING, **SMALL))
    one, other = torch.randn(2, 1, 8)
    style = G.synthesis.blocks[1].layer0.style.affine  # type: ignore[union-attr, index]
    change = (style(one) - style(other)).detach()[0]
    torch.testing.assert_close(style_weights(G, [2]).float() @ (one - other)[0], change, rtol=1e-5, atol=1e-6)


def test_the_label_of_a_model_without_styles_is_left_alone() -> None:
    G = build(ProGAN(z_dim=6, c_dim=2, **SMALL))
    for each in find_sefa(G, count=6, samples=50):
        assert each.space == "z"
        assert not each.vector[6:].any()


def test_levels_that_a_growing_network_has_not_reached_do_not_count() -> None:
    G = build(StyleGAN(mapping=MAPPING, **SMALL))
    whole = style_weights(G)
    set_lod(G, 1.0)
    torch.testing.assert_close(style_weights(G), whole[: len(style_weights(G, range(4)))])
    assert len(style_weights(G)) < len(whole)


def test_strength_is_in_standard_deviations_of_w_along_the_direction() -> None:
    G = build(StyleGAN2(mapping=MAPPING, **SMALL))
    w = styles(G, range(500))[:, 0].double()
    for each in find_sefa(G, count=3, samples=500):
        along = w @ each.vector.double()
        assert each.deviation == pytest.approx(float(along.std(correction=0)), rel=1e-5)
        assert float(each.vector.norm()) == pytest.approx(1, rel=1e-6)


def test_eigenvalues_fall_and_are_the_squared_change() -> None:
    A = torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    vectors, values = eigenvectors(A, 6)
    torch.testing.assert_close((A @ vectors.T).square().sum(dim=0), values)
    assert (values.diff() <= 0).all()
    assert (vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True)) > 0).all()  # one sign, on every machine


@pytest.mark.parametrize("count", [0, 9])
def test_more_directions_than_change_anything_are_refused(count: int) -> None:
    with pytest.raises(UserError, match=f"--count: {count} is not between 1 and 8"):
        find_sefa(build(StyleGAN2(mapping=MAPPING, **SMALL)), count=count, samples=10)


def test_layers_that_feed_only_the_picture_are_refused() -> None:
    with pytest.raises(UserError, match=r"--layers: no layer .* layers 0-4 do"):
        find_sefa(build(StyleGAN2(mapping=MAPPING, **SMALL)), [5], samples=10)


def test_a_kind_that_is_not_known_is_refused(one_style: nn.Module) -> None:
    with pytest.raises(UserError, match="--method: this model has neither styles nor a first layer"):
        find_sefa(one_style, samples=10)  # type: ignore[arg-type]
