"""Layers of two models in one: at the ends it is one of them, between each layer is one's or the other's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylegans import models
from stylegans.config import DCGAN, Mapping, ProGAN, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.errors import MissingFile, UserError
from stylegans.files.model_file import read_model_info
from stylegans.interop import rosinality_export
from stylegans.interop.foreign import NON_COMMERCIAL, NVIDIA
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.tools.blend import Model, blend, resolutions, share, write_blend
from stylegans.tools.feature_maps import feature_maps
from stylegans.tools.weights import Notes, Weights, as_part, write_generator

MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
PYRAMID: dict[str, Any] = {"resolution": (24, 40), "base": (3, 5), "channel_base": 64, "channel_max": 8}
STYLED: dict[str, Any] = {"mapping": MAPPING} | PYRAMID
SMALL3 = StyleGAN3(
    mapping=MAPPING, resolution=(48, 64), base=(3, 4), channel_base=128, channel_max=4, num_layers=6, margin_size=2
)

CONFIGS: dict[str, Any] = {
    "stylegan": StyleGAN(**STYLED),
    "traditional": StyleGAN(**STYLED, use_styles=False, const_input=False, use_noise=False),
    "orig": StyleGAN2(**STYLED, architecture="orig"),
    "skip": StyleGAN2(**STYLED),
    "resnet": StyleGAN2(**STYLED, architecture="resnet", img_channels=1),
    "grow": StyleGAN2(**STYLED, architecture="grow"),
    "conditional": StyleGAN2(**STYLED | {"mapping": replace(MAPPING, c_dim=3)}, img_channels=4),
    "stylegan3": SMALL3,
    "progan": ProGAN(z_dim=8, **PYRAMID),
}


def weights(config: Any, *, seed: int, **notes: str) -> Weights:
    torch.manual_seed(seed)
    network = build_generator(config)
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.3)
    return Weights(config, dict(network.state_dict()), Notes(**notes))


def pair(name: str) -> tuple[Weights, Weights]:
    return weights(CONFIGS[name], seed=1), weights(CONFIGS[name], seed=2)


def pictures(model: Weights) -> Tensor:
    G = models.build(as_part(model))
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, G.z_dim, generator=generator)
    images: Tensor = G(z, torch.eye(G.c_dim)[:2] if G.c_dim else None)
    return images


def same(a: Weights, b: Weights) -> bool:
    return a.state.keys() == b.state.keys() and all(torch.equal(a.state[name], b.state[name]) for name in a.state)


@pytest.mark.parametrize("name", CONFIGS)
def test_at_the_ends_it_is_a_or_b(name: str) -> None:
    a, b = pair(name)
    last = resolutions(a.config)[-1]
    assert same(blend(a, b, at=last), a)
    assert same(blend(a, b, at=0), b)
    assert torch.equal(pictures(blend(a, b, at=last)), pictures(a))
    assert torch.equal(pictures(blend(a, b, at=0)), pictures(b))


@pytest.mark.parametrize("name", CONFIGS)
def test_up_to_the_cut_the_features_are_as_and_beyond_others(name: str) -> None:
    a, b = pair(name)
    first, at = resolutions(a.config)[:2]
    G, mixed = models.build(as_part(a)), models.build(as_part(blend(a, b, at=at)))
    ws = torch.randn(1, G.num_ws, G.w_dim)
    beyond = 0
    for (_, mine), (_, found) in zip(feature_maps(G, ws), feature_maps(mixed, ws), strict=True):
        if max(mine.shape[2:]) <= at:
            assert torch.equal(mine, found)
        else:
            beyond += 1
            assert not torch.allclose(mine, found)
    assert beyond
    assert first < at


@pytest.mark.parametrize("name", CONFIGS)
def test_every_tensor_is_as_or_bs_and_a_to_rgb_layer_goes_with_its_grid(name: str) -> None:
    a, b = pair(name)
    at = resolutions(a.config)[1]
    mixed = blend(a, b, at=at)
    for key, tensor in mixed.state.items():
        assert tensor is a.state[key] or tensor is b.state[key]
        if ".blocks." in key:
            level = int(key.split(".")[2])
            assert tensor is (a if level <= 1 else b).state[key]
        if key.startswith("mapping.") or ".input." in key:
            assert tensor is a.state[key]
    if name == "stylegan3":
        assert mixed.state["synthesis.layers.6.weight"] is b.state["synthesis.layers.6.weight"]  # to RGB


def test_resolutions_are_the_larger_sides_and_a_stylegan3s_are_of_its_sampling_rates() -> None:
    assert resolutions(CONFIGS["skip"]) == (5, 10, 20, 40)
    assert resolutions(StyleGAN2()) == (4, 8, 16, 32, 64, 128, 256)
    assert resolutions(SMALL3) == (16, 32, 64)
    assert resolutions(StyleGAN3(resolution=(1024, 1024))) == (16, 32, 64, 128, 256, 512, 1024)


@given(level=st.integers(2, 8), at=st.integers(2, 8), width=st.floats(1, 8))
def test_bs_share_rises_with_the_resolution_and_is_half_in_the_middle(level: int, at: int, width: float) -> None:
    found = share(2**level, at=2**at, width=width)
    assert 0 <= found <= share(2 ** (level + 1), at=2**at, width=width) <= 1
    assert share(2**level, at=2**at) == float(level > at)
    mirrored = share(2 ** (2 * at + 1 - level), at=2**at, width=width) if 2 * at + 1 >= level else 1 - found
    assert found + mirrored == pytest.approx(1)
    assert share(2**level, at=0, width=width) == 1


def test_over_three_doublings_the_weights_go_over_by_thirds() -> None:
    a, b = pair("skip")
    mixed = blend(a, b, at=10, width=3)
    for level, alpha in enumerate((0, 1 / 3, 2 / 3, 1)):
        key = f"synthesis.blocks.{level}.conv1.weight"
        torch.testing.assert_close(mixed.state[key], a.state[key].lerp(b.state[key], alpha))
        key = f"synthesis.blocks.{level}.conv1.noise.noise_const"  # a mean of two would be less than noise
        assert torch.equal(mixed.state[key], (a if alpha < 0.5 else b).state[key])


@pytest.mark.parametrize("at", [0, 10, 40])
def test_the_mapping_network_comes_whole_from_the_one_that_is_named(at: int) -> None:
    a, b = pair("skip")
    choices: tuple[tuple[Model, Weights], ...] = (("a", a), ("b", b))
    for choice, whose in choices:
        mixed = blend(a, b, at=at, mapping=choice)
        assert all(tensor is whose.state[key] for key, tensor in mixed.state.items() if key.startswith("mapping."))


def test_mapping_networks_may_differ() -> None:
    deep = replace(CONFIGS["skip"], mapping=Mapping(z_dim=5, w_dim=8, num_layers=3, c_dim=2))
    a, b = weights(CONFIGS["skip"], seed=1), weights(deep, seed=2, labels="classes")
    with_a, with_b = blend(a, b, at=10, mapping="a"), blend(a, b, at=10, mapping="b")
    assert (with_a.config, with_a.notes.labels) == (CONFIGS["skip"], "")
    assert (with_b.config, with_b.notes.labels) == (deep, "classes")
    assert pictures(with_a).shape == pictures(with_b).shape == (2, 3, 24, 40)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (CONFIGS["resnet"], r"B: its img_channels is 1, that of A 3; only models of one shape can be blended"),
        (CONFIGS["stylegan"], "B: its family is stylegan, that of A stylegan2"),
        (replace(CONFIGS["skip"], channel_max=4), "B: its channel_max is 4, that of A 8"),
        (replace(CONFIGS["skip"], mapping=replace(MAPPING, w_dim=4)), r"B: its mapping\.w_dim is 4, that of A 8"),
    ],
)
def test_models_of_another_shape_are_refused_by_what_differs(other: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        blend(weights(CONFIGS["skip"], seed=1), weights(other, seed=2), at=10)
    assert "\n" not in str(caught.value)


def test_models_at_different_stages_of_growth_are_refused() -> None:
    a = weights(CONFIGS["stylegan"], seed=1)
    younger = models.build(as_part(weights(CONFIGS["stylegan"], seed=2)))
    set_lod(younger, 1.5)
    b = Weights(younger.config, younger.state_dict())
    with pytest.raises(UserError, match=r"B: its level of detail is 1\.5, that of A 0"):
        blend(a, b, at=10)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("skip", {"at": 33}, r"--at: 33 is no resolution of this .*; use 0 \(all of B\), 5, 10, 20, 40 \(all of A\)"),
        ("skip", {"at": -5}, "--at: -5"),
        ("skip", {"at": 10, "width": 0.5}, "--width: 0.5 doublings; use 1"),
        ("skip", {"at": 10, "width": float("nan")}, "--width: nan"),
        ("progan", {"at": 10, "mapping": "b"}, "--mapping: this model has no mapping network"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        blend(*pair(name), **options)
    assert "\n" not in str(caught.value)


def test_a_family_without_resolutions_is_refused() -> None:
    with pytest.raises(UserError, match="family dcgan cannot be blended"):
        resolutions(DCGAN())


def test_the_written_model_draws_and_tells_both_origins(tmp_path: Path) -> None:
    a, b = weights(CONFIGS["skip"], seed=1, data="faces", licence="CC0"), weights(CONFIGS["skip"], seed=2, data="cats")
    write_generator(tmp_path / "a.safetensors", a)
    write_generator(tmp_path / "b.safetensors", b)
    out = tmp_path / "out" / "c.safetensors"
    notes = write_blend(out, tmp_path / "a.safetensors", tmp_path / "b.safetensors", at=20)
    assert notes == Notes(data="faces, cats", licence="CC0")
    info = read_model_info(out)
    assert (info.family, info.data, info.licence) == ("stylegan2", "faces, cats", "CC0")
    z = torch.randn(1, 8)
    assert torch.equal(models.load(out)(z), models.build(as_part(blend(a, b, at=20)))(z))


def test_another_programs_checkpoint_blends_and_its_licence_travels(tmp_path: Path) -> None:
    config = StyleGAN2(mapping=MAPPING, resolution=(16, 16), channel_base=64, channel_max=8)
    rosinality_export.write(tmp_path / "a.pt", {"generator_ema": as_part(weights(config, seed=1))}, licence=NVIDIA)
    read = models.read(tmp_path / "a.pt").parts["generator_ema"].config
    write_generator(tmp_path / "b.safetensors", weights(read, seed=2, licence="CC0"))
    for names in (("a.pt", "b.safetensors"), ("b.safetensors", "a.pt"), ("a.pt", "a.pt")):
        notes = write_blend(tmp_path / "c.safetensors", *(tmp_path / name for name in names), at=8)
        assert NON_COMMERCIAL in notes.licence
        assert ("CC0" in notes.licence) == ("b.safetensors" in names)


def test_refusals_leave_nothing(tmp_path: Path) -> None:
    write_generator(tmp_path / "a.safetensors", weights(CONFIGS["skip"], seed=1))
    write_generator(tmp_path / "b.safetensors", weights(CONFIGS["orig"], seed=2))
    a, b, out = (tmp_path / f"{name}.safetensors" for name in ("a", "b", "out"))
    with pytest.raises(UserError, match=r"b\.safetensors: its architecture is orig, that of .*a\.safetensors skip"):
        write_blend(out, a, b, at=10)
    with pytest.raises(UserError, match="--at: 7"):
        write_blend(out, a, b, at=7)
    with pytest.raises(MissingFile, match="nowhere"):
        write_blend(out, a, tmp_path / "nowhere", at=10)
    assert not out.exists()
