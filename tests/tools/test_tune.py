from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylegans.config import DCGAN
from stylegans.errors import MissingFile, UserError
from stylegans.files.tensors import read_header, write_tensors
from stylegans.metrics.features import lpips
from stylegans.networks.families import build_generator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools import noise_maps
from stylegans.tools.generate import styles
from stylegans.tools.latents import Latent, fingerprint
from stylegans.tools.perceptual import Perceptual
from stylegans.tools.tune import apply_delta, suited_rate, tune, with_delta, write_delta

Make = Callable[..., StyleGAN2Generator]


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    return Perceptual(lpips.load())


@pytest.fixture(scope="module")
def target() -> torch.Tensor:
    picture = torch.full((1, 3, 32, 32), -0.5)
    picture[:, 0, 8:24, 4:20] = 0.8
    return picture


def pivot_of(G: StyleGAN2Generator) -> Latent:
    maps = noise_maps.draw(G, count=1, generator=torch.Generator().manual_seed(0))
    return Latent(styles(G, [0]), maps)


def test_the_weights_bend_towards_the_picture_and_only_those_of_the_synthesis(
    generator: StyleGAN2Generator, perceptual: Perceptual, target: torch.Tensor
) -> None:
    before = {name: each.clone() for name, each in generator.state_dict().items()}
    steps = list(tune(generator, target, pivot_of(generator), perceptual, steps=20))
    assert steps[-1].distances < 0.9 * steps[0].distances
    assert (steps[-1].images - target).square().mean() < 0.6 * (steps[0].images - target).square().mean()
    assert all(step.delta is None for step in steps[:-1])
    assert steps[-1].delta
    assert all(name.startswith("synthesis.") for name in steps[-1].delta)
    assert all(torch.equal(before[name], each) for name, each in generator.state_dict().items())
    assert not any(parameter.requires_grad for parameter in generator.parameters())


def test_the_delta_draws_what_the_tuning_drew(
    generator: StyleGAN2Generator, perceptual: Perceptual, target: torch.Tensor, tmp_path: Path
) -> None:
    pivot = pivot_of(generator)
    *_, result = tune(generator, target, pivot, perceptual, steps=3)
    assert result.delta is not None
    write_delta(tmp_path / "tuned.safetensors", result.delta, base=generator)
    tuned = apply_delta(generator, tmp_path / "tuned.safetensors")
    assert torch.equal(noise_maps.synthesise(tuned, pivot.ws, pivot.noise), result.images)
    same = apply_delta(generator, tmp_path / "tuned.safetensors", strength=0)
    assert fingerprint(same) == fingerprint(generator)
    header = read_header(tmp_path / "tuned.safetensors")
    assert header.metadata == {"format": "stylegans-delta", "version": "1", "base": fingerprint(generator)}
    assert not any("noise_const" in name or name.startswith("mapping") for name in header.shapes)


def test_half_a_delta_is_half_the_way(generator: StyleGAN2Generator) -> None:
    delta = {name: torch.ones_like(each) for name, each in generator.synthesis.named_parameters(prefix="synthesis")}
    half = dict(with_delta(generator, delta, strength=0.5).named_parameters())  # type: ignore[attr-defined]
    for name, each in generator.synthesis.named_parameters(prefix="synthesis"):
        assert torch.allclose(half[name] - each, torch.tensor(0.5), atol=1e-6)


def test_the_regulariser_holds_other_pictures(
    generator: StyleGAN2Generator, perceptual: Perceptual, target: torch.Tensor
) -> None:
    ws = styles(generator, range(10, 16))
    before = generator.synthesis(ws)
    departures = []
    for weight in (0.0, 10.0):
        *_, result = tune(generator, target, pivot_of(generator), perceptual, steps=12, locality=weight)
        assert result.delta is not None
        after = with_delta(generator, result.delta).synthesis(ws)
        departures.append(float((after - before).square().mean()))
    assert departures[1] < 0.8 * departures[0]


def test_several_pictures_share_one_delta_and_a_model_without_noise_is_tuned(perceptual: Perceptual) -> None:
    torch.manual_seed(0)
    G = build_generator(DCGAN(z_dim=8, resolution=(16, 16), channel_base=64, channel_max=8)).eval()
    targets = torch.zeros(2, 3, 16, 16)
    pivot = Latent(styles(G, [1, 2]))
    *_, result = tune(G, targets, pivot, perceptual, steps=2)
    assert result.delta
    assert result.distances.shape == (2,)
    with pytest.raises(UserError, match="pivot: 2 latents for 1 pictures"):
        tune(G, targets[:1], pivot, perceptual)


def test_small_networks_get_larger_rates_and_small_weights_smaller_ones(make: Make) -> None:
    G = make()
    assert 3e-4 < suited_rate(G) < 0.1
    small = make()
    with torch.no_grad():
        for parameter in small.synthesis.parameters():
            parameter.mul_(0.02)
    assert suited_rate(small) == pytest.approx(0.02 * suited_rate(G), rel=0.1)


def test_what_makes_no_sense_is_refused(
    generator: StyleGAN2Generator, perceptual: Perceptual, target: torch.Tensor
) -> None:
    pivot = pivot_of(generator)
    for options, complaint in (
        ({"steps": 0}, "--tune-steps: 0"),
        ({"rate": 0.0}, "--tune-rate: 0.0"),
        ({"rate": float("nan")}, "--tune-rate: nan"),
        ({"locality": -1.0}, "--locality: -1.0"),
    ):
        with pytest.raises(UserError, match=complaint):
            tune(generator, target, pivot, perceptual, **options)  # type: ignore[arg-type]


def test_another_models_delta_is_refused(make: Make, tmp_path: Path) -> None:
    G, other = make(), make()
    with torch.no_grad():
        next(other.synthesis.parameters()).add_(1)
    delta = {"synthesis.input.const": torch.zeros(0)}
    name, parameter = next(G.synthesis.named_parameters(prefix="synthesis"))
    write_delta(tmp_path / "a.safetensors", {name: torch.zeros_like(parameter)}, base=G)
    write_tensors(tmp_path / "b.safetensors", delta, metadata={})
    assert fingerprint(apply_delta(G, tmp_path / "a.safetensors")) == fingerprint(G)
    with pytest.raises(UserError, match="tuned from another model"):
        apply_delta(other, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="not tuned weights"):
        apply_delta(G, tmp_path / "b.safetensors")
    with pytest.raises(MissingFile):
        apply_delta(G, tmp_path / "c.safetensors")
