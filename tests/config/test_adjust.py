from dataclasses import replace

import pytest

from stylegans.config import Growth
from stylegans.config.adjust import (
    for_transfer,
    most_parts,
    validate,
    with_augment,
    with_batch,
    with_channels,
    with_gamma,
    with_growth,
    with_labels,
    with_loss,
    with_lr,
    with_mapping_layers,
    with_size,
    with_width,
)
from stylegans.errors import UserError
from stylegans.presets import PRESETS, get


def test_both_networks_follow_the_pictures(small_run):
    run = with_labels(with_channels(with_size(small_run(), (48, 80)), 4), 7)
    assert run.generator.base == run.discriminator.base == (3, 5)
    assert run.generator.img_channels == run.discriminator.img_channels == 4
    assert run.generator.mapping.c_dim == run.discriminator.c_dim == 7


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("batch", 0, "--batch"), ("kimg", float("nan"), "--kimg"), ("r1_gamma", -1.0, "--gamma"), ("seed", -1, "--seed")],
)
def test_numbers_that_make_no_sense_are_named(small_run, field, value, says):
    run = small_run()
    with pytest.raises(UserError, match=says):
        validate(replace(run, training=replace(run.training, **{field: value})))


def test_networks_of_different_sizes_are_refused(small_run):
    run = small_run()
    other = with_size(run, (32, 32))
    with pytest.raises(UserError, match="resolution"):
        validate(replace(run, discriminator=other.discriminator))


def test_a_network_that_is_no_pyramid_has_no_base_grid():
    run = with_size(get("gan"), (17, 23))
    assert run.generator.resolution == run.discriminator.resolution == (17, 23)


@pytest.mark.parametrize("name", ["progan", "stylegan", "stylegan2", "stylegan2-b", "stylegan2-a"])
def test_the_style_based_and_their_baseline_take_labels(name):
    run = with_labels(get(name), 5)
    c_dim = run.generator.c_dim if name == "progan" else run.generator.mapping.c_dim
    assert c_dim == run.discriminator.c_dim == 5


@pytest.mark.parametrize("name", ["gan", "dcgan", "wgan", "wgan-gp", "sngan"])
def test_the_ancestors_refuse_labels_and_mapping_layers(name):
    assert with_labels(get(name), 0) == get(name)
    with pytest.raises(UserError, match="--labels"):
        with_labels(get(name), 5)
    with pytest.raises(UserError, match="--mapping-layers"):
        with_mapping_layers(get(name), 4)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_made_narrow(name):
    run = with_width(get(name), channel_base=512, channel_max=32)
    assert run.generator.channel_base == run.discriminator.channel_base == 512
    assert run.generator.channel_max == run.discriminator.channel_max == 32


def test_a_batch_or_rate_that_is_asked_for_holds_at_every_stage():
    run = with_lr(with_batch(get("stylegan"), 8), 0.01)
    assert run.training.batch == 8
    assert run.training.growth.batch == run.training.growth.lr == ()
    assert run.training.g_optimizer.lr == run.training.d_optimizer.lr == 0.01


def test_growth_is_shortened_where_there_is_some():
    growth = with_growth(get("progan"), 3).training.growth
    assert (growth.stable_kimg, growth.fade_kimg, growth.start) == (3, 3, 4)
    with pytest.raises(UserError, match="--grow-kimg"):
        with_growth(get("stylegan2"), 3)


def test_wgan_gp_takes_the_place_of_r1_with_capped_rates():
    training = with_loss(get("stylegan"), "wgan-gp").training
    assert (training.gp_weight, training.drift, training.r1_gamma) == (10, 0.001, 0)
    assert max(lr for _, lr in training.growth.lr) == 0.002


def test_a_game_that_leaves_its_constraint_behind_takes_r1():
    training = with_loss(get("progan"), "non-saturating").training
    assert (training.gp_weight, training.drift, training.r1_gamma) == (0, 0, 10)
    assert with_loss(get("wgan"), "hinge").training.weight_clip is None


def test_wgan_clips():
    training = with_loss(get("stylegan2"), "wgan").training
    assert (training.weight_clip, training.gp_weight, training.r1_gamma) == (0.01, 0, 0)


def test_the_presets_own_loss_changes_nothing():
    assert with_loss(get("progan"), "wgan-gp") == get("progan")


def test_only_networks_that_grow_are_grown():
    run = get("stylegan2")
    with pytest.raises(UserError, match="does not grow"):
        validate(replace(run, training=replace(run.training, growth=Growth())))


def test_styles_or_a_dense_input_must_take_the_latent():
    run = get("stylegan")
    with pytest.raises(UserError, match="const-input"):
        validate(replace(run, generator=replace(run.generator, use_styles=False)))


# --- small data -----------------------------------------------------------------------------------------------------


def test_r3gans_objective_has_both_penalties_at_one_weight():
    run = with_loss(get("stylegan2"), "relativistic")
    assert (run.training.r1_gamma, run.training.r2_gamma) == (10, 10)
    assert with_gamma(run, 3).training.r2_gamma == 3
    assert with_gamma(get("stylegan2"), 3).training.r2_gamma == 0
    assert with_loss(run, "hinge").training.r2_gamma == 0


def test_a_transfer_adapts_faster_and_forgets_nothing():
    run = for_transfer(get("stylegan2-ada"))
    assert (run.training.augment.speed_kimg, run.training.ema_rampup) == (100, None)
    fast = with_augment(get("stylegan2-ada"), speed_kimg=20.0)
    assert for_transfer(fast).training.augment.speed_kimg == 20


@pytest.mark.parametrize(
    ("preset", "batch", "most"),
    [("stylegan2", 32, 8), ("stylegan2-ada-cifar", 64, 2), ("stylegan2", 6, 2), ("progan", 16, 4), ("dcgan", 64, 1)],
)
def test_a_batch_has_as_many_parts_as_groups(preset, batch, most):
    run = with_batch(get(preset), batch)
    assert most_parts(run, batch) == most
    validate(replace(run, training=replace(run.training, accumulate=most)))
    with pytest.raises(UserError, match="--accumulate"):
        validate(replace(run, training=replace(run.training, accumulate=2 * most)))


def test_without_the_minibatch_statistic_every_sample_may_go_alone():
    run = with_batch(get("stylegan2"), 6)
    run = replace(run, discriminator=replace(run.discriminator, mbstd_channels=0))
    assert most_parts(run, 6) == 6


def test_augmentation_by_signs_needs_scores_with_a_sign():
    for loss in ("non-saturating", "hinge", "relativistic"):
        validate(with_loss(get("stylegan2-ada"), loss))
    for loss in ("wgan", "wgan-gp", "least-squares"):
        with pytest.raises(UserError, match="--aug"):
            validate(with_loss(get("stylegan2-ada"), loss))
        validate(with_augment(with_loss(get("stylegan2-ada"), loss), mode="diffaugment"))
