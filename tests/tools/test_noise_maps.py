from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Mapping, StyleGAN
from stylegans.networks.families import build_generator
from stylegans.networks.protocol import Generator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools import noise_maps


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_the_stored_maps_draw_what_const_draws(make: Callable[..., StyleGAN2Generator]) -> None:
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    older = build_generator(StyleGAN(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8)).eval()
    for G in (make(), make(resolution=(16, 24), channels=1), older):
        ws = G.mapping(torch.randn(2, G.z_dim, generator=seeded()))
        maps = noise_maps.stored(G)
        assert torch.equal(noise_maps.synthesise(G, ws, maps), G.synthesis(ws))
        other = noise_maps.synthesise(G, ws, noise_maps.draw(G, count=2, generator=seeded()))
        assert torch.equal(noise_maps.synthesise(G, ws, {}), G.synthesis(ws))
        if G is not older:  # whose strengths are 0 before training
            assert not torch.allclose(other, G.synthesis(ws))


def test_a_model_without_noise_inputs_has_no_maps(one_style: Generator) -> None:
    assert noise_maps.stored(one_style) == {}
    assert noise_maps.draw(one_style, count=2, generator=seeded()) == {}
    with pytest.raises(ValueError, match="no correlation"):
        noise_maps.correlation({})


def test_maps_are_the_same_for_every_picture_and_normal(generator: StyleGAN2Generator) -> None:
    for each in noise_maps.draw(generator, count=3, generator=seeded()).values():
        assert torch.equal(each[0], each[2])
        assert each.mean(dim=(1, 2, 3)).abs().max() < 1e-6
        assert (each.square().mean(dim=(1, 2, 3)) - 1).abs().max() < 1e-5


@given(n=st.integers(1, 3), height=st.integers(2, 20), width=st.integers(2, 20), shift=st.floats(-5, 5))
def test_normalised_maps_have_mean_0_and_variance_1_each(n: int, height: int, width: int, shift: float) -> None:
    maps = {"a": 3 * torch.randn(n, 1, height, width, generator=seeded()) + shift}
    found = noise_maps.normalised(maps)["a"]
    assert found.mean(dim=(1, 2, 3)).abs().max() < 1e-4
    assert (found.square().mean(dim=(1, 2, 3)) - 1).abs().max() < 1e-3


def test_the_correlation_is_the_papers_sum_over_the_pyramid() -> None:
    n = torch.randn(2, 1, 16, 16, generator=seeded())
    half = 2 * n.reshape(2, 1, 8, 2, 8, 2).mean(dim=(3, 5))
    expected = torch.zeros(2)
    for level in (n, half):
        for i in range(2):
            x = level[i, 0]
            for dim in (0, 1):
                expected[i] += (x * x.roll(1, dims=dim)).mean().square()
    assert torch.allclose(noise_maps.correlation({"a": n}), expected, atol=1e-7)


def test_noise_is_uncorrelated_and_a_picture_is_not() -> None:
    noise = torch.randn(1, 1, 64, 64, generator=seeded())
    ramp = noise_maps.normalised({"a": torch.linspace(-1, 1, 64).expand(1, 1, 64, 64)})
    blurred = noise_maps.normalised({"a": torch.nn.functional.avg_pool2d(noise, 3, 1, 1)})
    found = [float(noise_maps.correlation(maps)) for maps in ({"a": noise}, blurred, ramp)]
    assert found[0] < 0.1 < 5 * found[0] < found[1] < found[2]


def test_halving_noise_keeps_its_variance() -> None:
    noise = torch.randn(1, 1, 256, 256, generator=seeded())
    assert (2 * torch.nn.functional.avg_pool2d(noise, 2)).var() == pytest.approx(1, abs=0.03)
