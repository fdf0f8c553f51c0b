from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import DCGAN, ProGAN
from stylegans.files.pictures import to_uint8
from stylegans.networks.families import build_generator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.apply import Move, apply_direction, apply_directions, caption, strip, to_and_fro
from stylegans.tools.directions.factorisation import find_sefa
from stylegans.tools.directions.files import Direction
from stylegans.tools.generate import render, styles
from stylegans.tools.noise_maps import draw

WS = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
ONE = Direction("one", torch.tensor([1.0, 0.0, 2.0, 0.0]), unit=0.5)
OTHER = Direction("other", torch.tensor([0.0, 1.0, 0.0, -1.0]))


@pytest.mark.parametrize("space", ["w", "z"])
def test_strength_0_is_the_identity_bit_for_bit(space: str) -> None:
    direction = Direction("one", ONE.vector, space="z" if space == "z" else "w")
    assert torch.equal(apply_direction(WS, direction, 0.0), WS)
    assert torch.equal(apply_directions(WS, [Move(direction, 0.0), Move(direction, -0.0)]), WS)


@given(layers=st.sets(st.integers(0, 5), min_size=1), strength=st.floats(-4, 4).filter(bool))
def test_only_the_chosen_layers_move_each_by_strength_times_step(layers: set[int], strength: float) -> None:
    moved = apply_direction(WS, ONE, strength, sorted(layers))
    for layer in range(6):
        expected = WS[:, layer] + strength * 0.5 * ONE.vector * (layer in layers)
        torch.testing.assert_close(moved[:, layer], expected)


def test_a_direction_moves_its_own_layers_unless_told_others() -> None:
    own = Direction("own", ONE.vector, layers=(1, 2))
    assert (apply_direction(WS, own, 1.0) != WS).any(dim=(0, 2)).tolist() == [False, True, True, False, False, False]
    assert (apply_direction(WS, own, 1.0, range(6)) != WS).any(dim=(0, 2)).all()


def test_a_vector_for_each_layer_moves_each_by_its_own() -> None:
    each = Direction("each", torch.arange(24.0).view(6, 4))
    torch.testing.assert_close(apply_direction(WS, each, 2.0), WS + 2 * each.vector)
    torch.testing.assert_close(apply_direction(WS, each, 2.0, [3])[:, 3], WS[:, 3] + 2 * each.vector[3])


def test_several_directions_add_up() -> None:
    both = apply_directions(WS, [Move(ONE, 2.0), Move(OTHER, -1.0)])
    torch.testing.assert_close(both, apply_direction(apply_direction(WS, ONE, 2.0), OTHER, -1.0))


@pytest.mark.parametrize("config", [ProGAN, DCGAN])
def test_in_z_the_latent_stays_on_its_sphere(config: Callable[..., DCGAN]) -> None:
    G = build_generator(config(z_dim=6, resolution=(8, 8), channel_base=32, channel_max=8)).eval()
    ws = styles(G, range(4))
    moved = apply_direction(ws, find_sefa(G, count=1, samples=100)[0], 3.0)
    torch.testing.assert_close(moved.norm(dim=-1), ws.norm(dim=-1))
    assert not torch.allclose(moved, ws, atol=0.1)


def test_the_column_of_strength_0_is_the_unedited_picture(make: Callable[..., StyleGAN2Generator]) -> None:
    for options in ({"channels": 1}, {"channels": 4}, {"channels": 5}, {"resolution": (16, 24)}):
        G = make(**options)
        ws = styles(G, (1, 2))
        pictures = strip(G, ws, [Move(find_sefa(G, count=1, samples=50)[0])], [-3.0, 0.0, 3.0])
        assert pictures.shape == (2, 3, *G.img_resolution, G.img_channels)
        for row, seed in enumerate((1, 2)):
            np.testing.assert_array_equal(pictures[row, 1], to_uint8(render(G, ws[row : row + 1], [seed]))[0])
            assert (pictures[row, 0] != pictures[row, 1]).any()


def test_a_latents_own_noise_is_drawn_with(generator: StyleGAN2Generator) -> None:
    ws, noise = styles(generator, (1, 2)), draw(generator, count=2, generator=torch.Generator().manual_seed(0))
    plain, own = (strip(generator, ws, [], [0.0], noise=maps) for maps in ({}, noise))
    assert (plain[0] != own[0]).any()


@pytest.mark.parametrize(("strength", "expected"), [(0.0, "0"), (1.5, "+1.5"), (-3.0, "−3"), (-0.25, "−0.25")])
def test_a_caption_has_its_sign(strength: float, expected: str) -> None:
    assert caption(strength) == expected


def test_to_and_fro_closes_and_reaches_both_ends() -> None:
    way = to_and_fro(-2.0, 4.0, 40)
    assert len(way) == 40
    assert (min(way), max(way)) == (-2.0, 4.0)
    np.testing.assert_allclose(way[1:20], way[:20:-1], atol=1e-12)  # back as it came; the last precedes the first
