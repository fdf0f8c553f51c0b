import itertools
import math
from dataclasses import replace
from typing import get_args

import pytest
import torch

from stylegans.config import Augment, Growth, Loss, Optimizer
from stylegans.config.adjust import with_batch, with_loss, with_size, with_width
from stylegans.data.pipeline import Batch
from stylegans.errors import RunFailed
from stylegans.losses.adversarial import GAMES
from stylegans.networks.pyramid import lod_of
from stylegans.presets import get
from stylegans.training import loop, objectives, schedule
from stylegans.training.setup import start

CPU = torch.device("cpu")


def pictures(run, *, seed=0):
    random = torch.Generator().manual_seed(seed)
    n, c_dim = run.training.batch, getattr(run.discriminator, "c_dim", 0)
    shape = (n, run.generator.img_channels, *run.generator.resolution)
    while True:
        labels = torch.eye(c_dim)[torch.randint(c_dim, [n], generator=random)] if c_dim else torch.zeros(n, 0)
        yield Batch(torch.randint(256, shape, dtype=torch.uint8, generator=random), labels)


def trained(run, steps):
    state, phases = start(run, device=CPU)
    for _ in itertools.islice(loop.train(state, pictures(run), phases), steps):
        pass
    return state


@pytest.mark.parametrize("generator", ["orig", "skip", "resnet"])
@pytest.mark.parametrize("discriminator", ["orig", "skip", "resnet"])
def test_every_wiring_trains_every_parameter(small_run, generator, discriminator):
    run = small_run(size=(12, 20), channels=2, labels=3)
    run = replace(
        run,
        generator=replace(run.generator, architecture=generator),
        discriminator=replace(run.discriminator, architecture=discriminator),
    )
    before, _ = start(run, device=CPU)
    after = trained(run, 4)
    for name in ("generator", "discriminator", "generator_ema"):
        old = dict(getattr(before, name).named_parameters())
        for key, parameter in getattr(after, name).named_parameters():
            assert not torch.equal(parameter, old[key]), f"{name}.{key}"
    assert after.images == 16
    assert after.path_length_mean > 0
    assert set(after.averages.means()) >= {"loss_G", "loss_D", "R1", "path_length"}


def test_equal_seeds_train_equal_networks(small_run):
    one, two, other = (trained(small_run(seed=s), 3) for s in (5, 5, 6))
    for name in ("generator", "discriminator"):
        ours, same, differs = (list(getattr(s, name).parameters()) for s in (one, two, other))
        assert all(torch.equal(a, b) for a, b in zip(ours, same, strict=True))
        assert not all(torch.equal(a, b) for a, b in zip(ours, differs, strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"augment": Augment(mode="fixed", pipe="bgcfnc", p=0.7)},
        {"augment": Augment(mode="diffaugment")},
        {"loss": "relativistic", "r2_gamma": 1.0, "penalty": "approx", "penalty_sigma": 0.1},
        {"loss": "wgan-gp", "gp_weight": 10.0, "r1_gamma": 0.0, "reuse_fakes": True},
    ],
    ids=["lazy", "augmented", "diffaugment", "relativistic", "wgan-gp"],
)
@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(small_run, settings, parts):
    """Mixing, noise, augmentation, path lengths and the minibatch statistic included."""
    outcomes = []
    for accumulate in (1, parts):
        run = small_run(size=(12, 20), labels=3, batch=16, accumulate=accumulate, style_mixing=1.0, **settings)
        state, phases = start(run, device=CPU)
        with torch.no_grad():  # so that noise inputs matter from the first step
            for name, parameter in state.generator.named_parameters():
                if name.endswith("noise_strength"):
                    parameter.fill_(0.5)
        sample = loop.to_sample(next(pictures(run)), state)
        gradients = {}
        for phase in phases:
            player = state.generator if phase.player == "generator" else state.discriminator
            player.requires_grad_(True)
            for term in phase.terms:
                player.zero_grad(set_to_none=True)
                loop.accumulate(state, term, sample, weight=phase.interval)
                found = [p.grad.flatten() for p in player.parameters() if p.grad is not None]
                gradients[term.name] = torch.cat(found)
        gradients["path_length_mean"] = state.path_length_mean
        gradients["w_avg"] = state.generator.mapping.w_avg
        outcomes.append((gradients, state.averages.means()))
    (whole, means), (divided, means_divided) = outcomes
    assert whole.keys() == divided.keys()
    assert means == pytest.approx(means_divided, rel=1e-3, abs=1e-5)
    for name, gradient in whole.items():
        assert (gradient - divided[name]).norm() / gradient.norm() < 1e-4, name


def test_the_discriminator_can_learn_from_the_generators_own_pictures(small_run, monkeypatch):
    """Both parts of a batch show it what the generator was trained on; nothing is made for it, nothing stays."""
    run = small_run(pl_weight=0.0, r1_gamma=0.0, batch=8, accumulate=2, reuse_fakes=True)
    state, phases = start(run, device=CPU)
    generate, score_both = objectives.generate, state.discriminator.score_both
    made, judged = [], []

    def generating(*arguments):
        made.append(generate(*arguments))
        return made[-1]

    def scoring(fakes, *others):
        judged.append(fakes)
        return score_both(fakes, *others)

    monkeypatch.setattr(objectives, "generate", generating)
    monkeypatch.setattr(state.discriminator, "score_both", scoring)
    next(loop.train(state, pictures(run), phases))
    assert len(made) == len(judged) == 2
    assert all(torch.equal(images, fakes) for (images, *_), fakes in zip(made, judged, strict=True))
    assert not any(fakes.requires_grad for fakes in judged)
    assert not state.fakes


@pytest.mark.parametrize("game", list(GAMES))
def test_pictures_scored_in_turn_teach_the_discriminator_the_same(small_run, monkeypatch, game):
    run = small_run(loss=game, drift=0.1)
    outcomes = []
    for joined in (2**40, 0):
        monkeypatch.setattr(objectives, "JOINED", joined)
        state, _ = start(run, device=CPU)
        sample = loop.to_sample(next(pictures(run)), state)
        (term,) = (term for term in objectives.terms(run.training) if term.name == "loss_D")
        assert len(list(term.loss(state, sample))) == (1 if joined else 2)
        state, _ = start(run, device=CPU)
        state.generator.requires_grad_(False)
        loop.accumulate(state, term, sample, weight=1)
        gradient = torch.cat([p.grad.flatten() for p in state.discriminator.parameters() if p.grad is not None])
        outcomes.append((gradient, state.averages.means()))
    (together, means), (in_turn, means_in_turn) = outcomes
    assert (together - in_turn).norm() / together.norm() < 1e-5
    assert means == pytest.approx(means_in_turn, rel=1e-4, abs=1e-6)


def test_a_lazy_term_has_the_gradient_of_the_dense_one_in_expectation(small_run):
    """Over 16 batches, one lazy R1 (times 16) weighs as much as sixteen dense ones on the same pictures."""
    run = small_run(r1_gamma=3.0)
    state, _ = start(run, device=CPU)
    sample = loop.to_sample(next(pictures(run)), state)

    def gradient(times, weight):
        state.discriminator.zero_grad()
        for _ in range(times):
            (objectives.r1_loss(state, sample).mean() * weight).backward()
        return [p.grad.clone() for p in state.discriminator.parameters() if p.grad is not None]

    for lazy, dense in zip(gradient(1, 16), gradient(16, 1), strict=True):
        torch.testing.assert_close(lazy, dense, rtol=1e-4, atol=1e-6)


def test_pictures_come_to_lie_between_minus_one_and_one(small_run):
    state, _ = start(small_run(), device=CPU)
    for values in (torch.tensor([0, 255], dtype=torch.uint8), torch.tensor([0, 65535], dtype=torch.uint16)):
        batch = Batch(values.reshape(1, 1, 1, 2), torch.zeros(1, 0))
        assert loop.to_sample(batch, state).images.flatten().tolist() == [-1, 1]


def test_a_loss_that_is_not_finite_stops_the_training_by_name(small_run):
    run = small_run()
    state, phases = start(run, device=CPU)
    with torch.no_grad():
        next(iter(state.discriminator.parameters())).fill_(math.nan)
    with pytest.raises(RunFailed, match="scores_fake"):
        next(loop.train(state, pictures(run), phases))


def test_bad_gradients_are_replaced_not_followed(small_run):
    network = torch.nn.Linear(2, 1)
    network.weight.grad = torch.tensor([[math.nan, math.inf]])
    loop.sanitize_gradients(network)
    assert network.weight.grad.tolist() == [[0.0, 1e5]]


def test_terms_of_weight_or_interval_zero_are_left_out(small_run):
    run = small_run(pl_weight=0.0, r1_gamma=0.0)
    assert [t.name for t in objectives.terms(run.training)] == ["loss_G", "loss_D"]


def test_a_training_learns_a_constant_colour(small_run):
    """The smallest sanity of all: shown nothing but grey pictures, the generator comes to make them grey."""
    run = small_run(
        g_optimizer=Optimizer(lr=0.01), d_optimizer=Optimizer(lr=0.01), r1_gamma=1.0, pl_weight=0.0, ema_rampup=0.2
    )
    state, phases = start(run, device=CPU)
    grey = Batch(torch.full((4, 3, 16, 16), 64, dtype=torch.uint8), torch.zeros(4, 0))
    z = torch.randn(16, 8)
    target = 64 / 127.5 - 1
    before = (state.generator_ema(z) - target).abs().mean()
    for _ in itertools.islice(loop.train(state, itertools.repeat(grey), phases), 150):
        pass
    assert (state.generator_ema(z) - target).abs().mean() < before / 2


# --- the games ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", get_args(Loss))
def test_every_game_trains_both_players(small_run, loss):
    run = with_loss(small_run(), loss)
    before, _ = start(run, device=CPU)
    after = trained(run, 2)
    for name in ("generator", "discriminator"):
        pairs = zip(getattr(before, name).parameters(), getattr(after, name).parameters(), strict=True)
        assert any(not torch.equal(old, new) for old, new in pairs)
    assert all(math.isfinite(mean) for mean in after.averages.means().values())
    assert ("gradient_penalty" in after.averages.means()) == (loss == "wgan-gp")


@pytest.mark.parametrize(("penalty", "every"), [("exact", 1), ("lazy", 4), ("approx", 1)])
def test_penalties_come_on_every_batch_or_lazily(small_run, penalty, every):
    run = small_run(penalty=penalty, r1_interval=4, r2_gamma=1.0)
    found = {term.name: term.interval for term in objectives.terms(run.training)}
    assert (found["R1"], found["R2"]) == (every, every)
    means = trained(run, 1).averages.means()
    assert means["R1"] > 0
    assert means["R2"] > 0


def test_the_approximate_penalty_is_the_exact_one_in_expectation(small_run):
    run = small_run(size=(8, 8), batch=4, r1_gamma=2.0, penalty_sigma=0.001)
    run = replace(run, discriminator=replace(run.discriminator, mbstd_channels=0))
    state, _ = start(run, device=CPU)
    sample = loop.to_sample(next(pictures(run)), state)
    exact = objectives.r1_loss(state, sample).detach()
    with torch.no_grad():
        draws = torch.stack([objectives.approximate_r1_loss(state, sample) for _ in range(800)])
    torch.testing.assert_close(draws.mean(dim=0), exact, rtol=0.2, atol=0)  # a χ² of one degree: 5 % standard error


def test_r2_is_a_term_of_its_own(small_run):
    assert trained(small_run(r2_gamma=1.0), 1).averages.means()["R2"] > 0


def test_a_clipped_critic_stays_in_its_box(small_run):
    run = with_loss(small_run(), "wgan")
    largest = [
        max(p.abs().max() for p in s.discriminator.parameters()) for s in (start(run, device=CPU)[0], trained(run, 1))
    ]
    assert largest[0] > 0.01
    assert largest[1] <= 0.01


def test_the_critic_takes_its_steps_before_the_generator_moves_again(small_run):
    run = small_run(d_steps=3, pl_weight=0.0)
    state, phases = start(run, device=CPU)
    moved = []
    generator = [p.clone() for p in state.generator.parameters()]
    for _ in itertools.islice(loop.train(state, pictures(run), phases), 6):
        now = [p.clone() for p in state.generator.parameters()]
        moved.append(any(not torch.equal(a, b) for a, b in zip(generator, now, strict=True)))
        generator = now
    assert moved == [True, False, False, True, False, False]


# --- augmentation ---------------------------------------------------------------------------------------------------


def test_the_strength_of_adaptive_augmentation_follows_the_signs(small_run):
    """Every fourth batch by as many pictures as were judged, towards the target."""
    augment = Augment(mode="ada", target=-1.0, speed_kimg=0.1, interval=4)  # any certainty is too much
    run = small_run(augment=augment)
    state, phases = start(run, device=CPU)
    seen = []
    for _ in itertools.islice(loop.train(state, pictures(run), phases), 9):
        seen.append(state.augment_p)
    assert seen[:3] == [0, 0, 0]
    assert seen[3] == pytest.approx(0.16)
    assert seen[4:7] == [seen[3]] * 3
    assert seen[7] == pytest.approx(0.32)
    assert state.averages.means()["augment_p"] > 0


def test_fixed_augmentation_stays(small_run):
    state = trained(small_run(augment=Augment(mode="fixed", p=0.3)), 5)
    assert state.augment_p == 0.3


def test_both_kinds_of_pictures_are_augmented_and_the_generator_sees_through(small_run, monkeypatch):
    seen = []

    def spy(images, transformation):
        seen.append(images.requires_grad)
        return images

    class Spy:
        def __call__(self, images):
            return spy(images, self)

        def rows(self, index):
            return self

    monkeypatch.setattr(objectives, "draw_transformation", lambda state, sample: Spy())
    run = small_run(pl_weight=0.0, augment=Augment(mode="fixed", p=0.5))
    state, phases = start(run, device=CPU)
    next(loop.train(state, pictures(run), phases))
    assert seen == [True, False, False, True]  # G's fakes; D's fakes, D's reals; R1's reals


def test_frozen_layers_of_the_discriminator_stay(small_run):
    run = small_run(freeze_d=2)
    before, _ = start(run, device=CPU)
    after = trained(run, 3)
    same = [
        torch.equal(a, b)
        for a, b in zip(before.discriminator.parameters(), after.discriminator.parameters(), strict=True)
    ]
    assert 0 < sum(same) < len(same)
    assert same[0]


def test_power_averages_are_kept_beside_the_other(small_run):
    state = trained(small_run(ema_power=(0.05, 0.2)), 6)
    short, long = (list(state.generator_power[length].parameters()) for length in (0.05, 0.2))
    now = list(state.generator.parameters())
    distance = [sum((a - b).norm() for a, b in zip(average, now, strict=True)) for average in (short, long)]
    assert 0 < distance[0] < distance[1]


# --- growth ---------------------------------------------------------------------------------------------------------


def growing_run(small_run, **growth):
    run = small_run(growth=Growth(start=4, stable_kimg=0.008, fade_kimg=0.008, **growth), pl_weight=0.0)
    return replace(
        run,
        generator=replace(run.generator, architecture="grow"),
        discriminator=replace(run.discriminator, architecture="grow"),
    )


def test_all_three_networks_follow_the_schedule(small_run):
    run = growing_run(small_run)
    state, phases = start(run, device=CPU)
    stages = []
    for _ in itertools.islice(loop.train(state, pictures(run), phases), 10):
        lods = {lod_of(network) for network in (state.generator, state.discriminator, state.generator_ema)}
        assert len(lods) == 1
        stages += lods
    assert stages == [2, 2, 2, 1.5, 1, 1, 1, 0.5, 0, 0]


def test_the_optimizers_start_anew_where_a_fade_begins_or_ends(small_run):
    run = growing_run(small_run)
    state, phases = start(run, device=CPU)
    ages = []
    for _ in itertools.islice(loop.train(state, pictures(run), phases), 6):
        ages.append(max(int(moments["step"]) for moments in state.g_optimizer.state.values()))
    assert ages == [1, 2, 3, 1, 1, 2]  # the fade begins at the fourth batch and is over at the fifth


def test_every_stage_has_its_batch_and_rate(small_run):
    run = growing_run(small_run, batch=((4, 8),), lr=((8, 0.5),))
    state, phases = start(run, device=CPU)
    seen = []
    while state.images < 24:
        size = schedule.batch_size(run, state.images)
        batch = Batch(torch.zeros(size, 3, 16, 16, dtype=torch.uint8), torch.zeros(size, 0))
        next(loop.train(state, [batch], phases))
        group = state.g_optimizer.param_groups[0]
        seen.append((state.batch, round(group["lr"] / group["initial_lr"] * run.training.g_optimizer.lr, 6)))
    base = run.training.g_optimizer.lr
    assert seen == [(8, base), (8, base), (4, 0.5), (4, 0.5)]


def test_dropout_draws_from_the_trainings_own_numbers():
    run = with_width(with_batch(with_size(get("gan"), (8, 8)), 4), channel_base=16, channel_max=16)
    critics = []
    for seed in (0, 1):
        torch.manual_seed(seed)  # PyTorch's own numbers, which no checkpoint keeps
        critics.append(trained(run, 2).discriminator)
    pairs = zip(*(critic.parameters() for critic in critics), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
