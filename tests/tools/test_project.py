import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from stylegans.config import DCGAN, Mapping, StyleGAN, StyleGAN3
from stylegans.errors import UserError
from stylegans.metrics.features import lpips
from stylegans.networks.families import build_generator
from stylegans.networks.protocol import Generator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools import noise_maps
from stylegans.tools import project as project_module
from stylegans.tools.generate import LARGEST_SEED, styles
from stylegans.tools.latents import Latent, Space
from stylegans.tools.perceptual import Perceptual
from stylegans.tools.project import (
    Step,
    average,
    nearest_start,
    project,
    rate,
    seed_start,
    w_noise,
)

Make = Callable[..., StyleGAN2Generator]


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    return Perceptual(lpips.load())


def drawn(G: Generator, *seeds: int) -> torch.Tensor:
    return G.synthesis(styles(G, seeds))


def last(steps: Iterator[Step]) -> Step:
    *_, end = steps
    return end


# --- the published schedule -----------------------------------------------------------------------------------------


def test_the_rate_rises_over_the_first_twentieth_and_falls_over_the_last_quarter() -> None:
    assert rate(0) == 0
    assert rate(0.025) == pytest.approx(0.5)
    assert rate(0.05) == rate(0.4) == rate(0.75) == 1
    assert rate(0.875) == pytest.approx(0.5)
    assert rate(1) == pytest.approx(0)


def test_the_noise_on_w_dies_out_in_three_quarters() -> None:
    assert w_noise(0) == 0.05
    assert w_noise(0.375) == pytest.approx(0.05 / 4)
    assert w_noise(0.75) == w_noise(1) == 0


def test_the_average_is_that_of_w_and_its_deviation_of_whole_vectors(generator: StyleGAN2Generator) -> None:
    found = average(generator)
    w = torch.cat([styles(generator, range(start, start + 500))[:, 0] for start in range(0, 2000, 500)])
    assert found.ws.shape == (1, generator.num_ws, 16)
    assert torch.equal(found.ws[:, 0], found.ws[:, -1])
    assert torch.allclose(found.ws[0, 0], w.mean(dim=0), atol=0.1)
    expected = math.sqrt(float((w - w.mean(dim=0)).square().sum(dim=1).mean()))
    assert found.deviation == pytest.approx(expected, rel=0.03)


# --- the search -----------------------------------------------------------------------------------------------------


def test_the_distance_falls_and_the_steps_tell_how(generator: StyleGAN2Generator, perceptual: Perceptual) -> None:
    targets = drawn(generator, 1, 2)
    steps = list(project(generator, targets, perceptual, steps=24))
    assert [step.number for step in steps] == list(range(25))
    assert (steps[-1].distances < 0.5 * steps[0].distances).all()
    result = steps[-1].latent
    assert torch.equal(result.ws[:, 0], result.ws[:, -1])
    assert all(len(each) == 2 for each in result.noise.values())
    assert torch.equal(steps[0].latent.ws, average(generator).ws.expand(2, -1, -1))
    assert torch.allclose(steps[-1].distances, perceptual(steps[-1].images, targets), rtol=1e-3, atol=1e-6)


def test_a_search_is_the_same_again_and_its_seed_matters(generator: StyleGAN2Generator, perceptual: Perceptual) -> None:
    targets = drawn(generator, 1)
    a, b, c = (last(project(generator, targets, perceptual, steps=3, seed=seed)).latent for seed in (0, 0, 1))
    assert torch.equal(a.ws, b.ws)
    assert all(torch.equal(a.noise[name], b.noise[name]) for name in a.noise)
    assert not torch.equal(a.ws, c.ws)


def test_a_pictures_result_does_not_depend_on_the_others(generator: StyleGAN2Generator, perceptual: Perceptual) -> None:
    targets = drawn(generator, 1, 2, 3)
    together = last(project(generator, targets, perceptual, steps=4)).latent
    alone = last(project(generator, targets[2:], perceptual, steps=4)).latent
    # not closer: Adam divides by gradients' sizes, which makes rounding of the smallest visible
    assert torch.allclose(together.ws[2:], alone.ws, atol=1e-3)
    assert all(torch.allclose(together.noise[name][2:], alone.noise[name], atol=1e-2) for name in alone.noise)


def test_the_models_weights_stay_and_get_no_gradients(make: Make, perceptual: Perceptual) -> None:
    G = make().requires_grad_(True)
    before = {name: each.clone() for name, each in G.state_dict().items()}
    last(project(G, drawn(G, 1).detach(), perceptual, steps=2))
    assert all(torch.equal(before[name], each) for name, each in G.state_dict().items())
    assert all(parameter.grad is None for parameter in G.parameters())


def test_in_w_plus_every_layer_goes_its_own_way_and_comes_nearer(
    generator: StyleGAN2Generator, perceptual: Perceptual
) -> None:
    target = torch.zeros(1, 3, 32, 32)
    target[:, 0, 8:24] = 1
    spaces: tuple[Space, ...] = ("w", "w+")
    in_w, in_w_plus = (last(project(generator, target, perceptual, space=space, steps=15)) for space in spaces)
    assert not torch.equal(in_w_plus.latent.ws[:, 0], in_w_plus.latent.ws[:, -1])
    assert in_w_plus.distances < in_w.distances


def test_the_noise_maps_stay_normal(generator: StyleGAN2Generator, perceptual: Perceptual) -> None:
    for each in last(project(generator, drawn(generator, 1), perceptual, steps=5)).latent.noise.values():
        assert float(each.mean().abs()) < 1e-5
        assert float(each.square().mean()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "options", [{"channels": 1}, {"channels": 2}, {"channels": 4}, {"channels": 5}, {"resolution": (16, 24)}]
)
def test_every_shape_is_found(make: Make, perceptual: Perceptual, options: dict[str, object]) -> None:
    G = make(**options)
    steps = list(project(G, drawn(G, 3), perceptual, steps=12))
    assert steps[-1].distances < 0.9 * steps[0].distances


def test_models_without_noise_or_mapping_and_the_other_families_are_found(perceptual: Perceptual) -> None:
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    torch.manual_seed(0)
    for config in (
        DCGAN(z_dim=8, resolution=(16, 16), channel_base=64, channel_max=8),
        StyleGAN(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8),
        StyleGAN3(mapping=mapping, resolution=(16, 16), channel_base=128, channel_max=8),
    ):
        G = build_generator(config).eval().requires_grad_(False)
        steps = list(project(G, drawn(G, 1, 2), perceptual, steps=2))
        assert torch.isfinite(steps[-1].distances).all()
        assert steps[-1].latent.ws.shape == (2, G.num_ws, G.w_dim)
        assert bool(steps[-1].latent.noise) == G.has_noise


# --- starts ---------------------------------------------------------------------------------------------------------


def test_a_search_that_starts_at_the_answer_starts_at_0(generator: StyleGAN2Generator, perceptual: Perceptual) -> None:
    start = Latent(seed_start(generator, 5).ws, noise_maps.stored(generator))
    first = next(project(generator, drawn(generator, 5), perceptual, start=start))
    assert float(first.distances) < 1e-4
    assert torch.equal(first.latent.ws, styles(generator, [5]))


def test_the_nearest_start_is_the_nearest_of_its_candidates(
    make: Make, perceptual: Perceptual, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_module, "CANDIDATES", 20)
    G = make(resolution=(16, 16))
    z = torch.from_numpy(np.random.RandomState(LARGEST_SEED).randn(20, 16).astype(np.float32))
    candidates = G.mapping(z)
    targets = drawn(G, 1, 2)
    away = torch.stack([perceptual(image[None], targets) for image in G.synthesis(candidates)])
    start = nearest_start(G, targets, perceptual)
    assert torch.allclose(start.ws[:, 0], candidates[away.argmin(dim=0), 0], atol=1e-5)


def test_a_label_chooses_the_mean_and_without_one_it_is_that_of_all(conditional: StyleGAN2Generator) -> None:
    one, other = (average(conditional, torch.eye(5)[[k]]).ws for k in (0, 1))
    everything = average(conditional).ws
    assert not torch.allclose(one, other, atol=0.05)
    assert (everything - one).norm() > 0.05


def test_what_makes_no_sense_is_refused(
    generator: StyleGAN2Generator, one_style: Generator, perceptual: Perceptual
) -> None:
    good = torch.zeros(2, 3, 32, 32)
    wide = torch.randn(1, generator.num_ws, 16)
    for G, targets, options, complaint in (
        (generator, torch.zeros(1, 1, 32, 32), {}, "targets: expected"),
        (generator, good, {"steps": 0}, "--steps: 0"),
        (one_style, torch.zeros(1, 3, 4, 4), {"space": "w+"}, "--space: this model has one w"),
        (generator, good, {"start": Latent(torch.zeros(3, 1, 16))}, "--start: 3 latents for 2 pictures"),
        (generator, good, {"start": Latent(torch.zeros(1, 1, 5))}, "--start: a latent of 1 × 5"),
        (generator, good, {"start": Latent(wide)}, "--start: its layers differ"),
    ):
        with pytest.raises(UserError, match=complaint):
            project(G, targets, perceptual, **options)  # type: ignore[arg-type]
