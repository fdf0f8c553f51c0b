"""What is particular to StyleGAN3: its averages, the blur of the discriminator's pictures, a batch in parts."""

import itertools
from dataclasses import replace

import pytest
import torch

from stylegans.config import Training
from stylegans.config.adjust import for_transfer, validate
from stylegans.data.pipeline import Batch
from stylegans.presets import fitted
from stylegans.training import loop, objectives, schedule
from stylegans.training.setup import start
from stylegans.training.state import Sample

CPU = torch.device("cpu")


def small(name="stylegan3-r", **training):
    run = fitted(name, (16, 16), batch=4)
    narrow = {"channel_base": 64, "channel_max": 8}
    mapping = replace(run.generator.mapping, z_dim=8, w_dim=8)
    return validate(
        replace(
            run,
            generator=replace(run.generator, mapping=mapping, num_layers=4, magnitude_ema_beta=0.5, **narrow),
            discriminator=replace(run.discriminator, mbstd_group=2, **narrow),
            training=replace(run.training, r1_interval=1, blur_sigma=1.5, **training),
        )
    )


def trained(run, steps):
    state, phases = start(run, device=CPU)
    random = torch.Generator().manual_seed(0)
    shape = (run.training.batch, 3, 16, 16)
    while state.step < steps:
        batch = Batch(torch.randint(256, shape, dtype=torch.uint8, generator=random), torch.zeros(shape[0], 0))
        next(loop.train(state, iter([batch]), phases))
    return state


def magnitudes(network):
    return torch.stack([layer.magnitude_ema for layer in network.synthesis.layers])


@pytest.mark.parametrize("name", ["stylegan3-t", "stylegan3-r"])
def test_every_parameter_and_average_moves(name):
    run = small(name)
    before, _ = start(run, device=CPU)
    after = trained(run, 2)
    for player in ("generator", "discriminator"):
        old = dict(getattr(before, player).named_parameters())
        for key, parameter in getattr(after, player).named_parameters():
            assert not torch.equal(parameter, old[key]), f"{player}.{key}"
    assert (magnitudes(after.generator) != 1).all()
    assert torch.equal(magnitudes(after.generator), magnitudes(after.generator_ema))
    for fixed in ("freqs", "phases", "transform"):
        assert torch.equal(
            getattr(after.generator.synthesis.input, fixed), getattr(before.generator.synthesis.input, fixed)
        )


def test_averages_follow_once_for_every_step_of_the_generator():
    """With β = ½ and layers whose input hardly changes, the distance to it halves; two updates would quarter it."""
    run = small()
    state, _ = start(run, device=CPU)
    ws = state.generator.mapping(torch.randn(4, 8))
    first = state.generator.synthesis.observed(ws)[1][0]
    after = trained(run, 1).generator.synthesis.layers[0].magnitude_ema
    assert ((after - first) / (1 - first)).item() == pytest.approx(0.5, abs=0.2)
    assert not state.observations


@pytest.mark.parametrize("parts", [2])
def test_a_batch_in_parts_is_the_whole_with_its_averages(parts):
    whole, divided = (trained(small(accumulate=k), 2) for k in (1, parts))
    torch.testing.assert_close(magnitudes(divided.generator), magnitudes(whole.generator), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(divided.generator.parameters(), whole.generator.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-3)


def test_equal_seeds_train_equal_networks():
    one, two = (trained(small(), 2) for _ in range(2))
    for name, value in one.generator.state_dict().items():
        assert torch.equal(value, two.generator.state_dict()[name]), name


# --- blur -----------------------------------------------------------------------------------------------------------


def test_the_blur_falls_linearly_to_nothing():
    training = Training(blur_sigma=10, blur_fade_kimg=200)
    found = [schedule.blur(training, images) for images in (0, 50_000, 100_000, 200_000, 300_000)]
    assert found == pytest.approx([10, 7.5, 5, 0, 0])
    assert schedule.blur(Training(), 0) == 0


def test_a_transferred_discriminator_sees_clearly():
    assert for_transfer(small()).training.blur_sigma == 0


@pytest.mark.parametrize("images", [0, 10**6])
def test_the_discriminator_sees_real_and_generated_pictures_blurred_at_the_start(images):
    run = small()
    state, _ = start(run, device=CPU)
    state.images = images
    seen = []
    state.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    sample = Sample(images=torch.randn(4, 3, 16, 16), labels=torch.zeros(4, 0), random=state.random)
    objectives.generator_loss(state, sample)
    list(objectives.discriminator_loss(state, sample))
    objectives.r1_loss(state, sample)
    clear = seen[-1]  # real pictures
    rough = [(x[..., 1:] - x[..., :-1]).square().mean() / x.square().mean() for x in seen]
    assert torch.equal(clear, sample.images) == (images > 0)
    assert (rough[-1] < 0.5) == (images == 0)
    assert len(list(itertools.chain(seen))) >= 3
