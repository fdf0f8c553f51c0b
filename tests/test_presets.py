import pytest
import torch

from stylegans.config import Augment, Run
from stylegans.config.adjust import validate, with_size
from stylegans.config.codec import from_json, to_json
from stylegans.errors import UserError
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.presets import PRESETS, describe, fitted, get


def parameters(run):
    with torch.device("meta"):
        networks = build_generator(run.generator), build_discriminator(run.discriminator)
    return tuple(sum(p.numel() for p in network.parameters()) for network in networks)


SIZES = {
    "stylegan3-t": (22_313_167, 29_012_513),
    "stylegan3-r": (15_093_151, 29_012_513),
    "stylegan2-ada": (23_191_522, 24_001_089),
    "stylegan2-ada-256": (24_767_458, 24_001_089),
    "stylegan2-ada-512": (30_276_583, 28_982_849),
    "stylegan2-ada-1024": (30_370_060, 29_012_513),
    "stylegan2-ada-cifar": (19_947_539, 20_720_641),
    "stylegan2": (30_370_060, 29_012_513),
    "stylegan2-a": (26_219_627, 23_087_249),
    "stylegan2-b": (24_900_764, 23_087_249),
    "stylegan2-c": (24_900_764, 23_087_249),
    "stylegan2-d": (24_900_764, 23_087_249),
    "stylegan2-e": (24_900_764, 24_038_161),
    "stylegan2-f": (30_370_060, 29_012_513),
    "stylegan2-e-gorig-dorig": (23_596_292, 23_077_137),
    "stylegan2-e-gorig-dskip": (23_596_292, 23_087_249),
    "stylegan2-e-gorig-dresnet": (23_596_292, 24_038_161),
    "stylegan2-e-gskip-dorig": (24_900_764, 23_077_137),
    "stylegan2-e-gskip-dskip": (24_900_764, 23_087_249),
    "stylegan2-e-gskip-dresnet": (24_900_764, 24_038_161),
    "stylegan2-e-gresnet-dorig": (24_557_316, 23_077_137),
    "stylegan2-e-gresnet-dskip": (24_557_316, 23_087_249),
    "stylegan2-e-gresnet-dresnet": (24_557_316, 24_038_161),
    "stylegan": (26_219_627, 23_087_249),
    "stylegan-a": (23_079_115, 23_087_249),
    "stylegan-b": (23_079_115, 23_087_249),
    "stylegan-c": (30_400_651, 23_087_249),
    "stylegan-d": (26_214_539, 23_087_249),
    "stylegan-e": (26_219_627, 23_087_249),
    "stylegan-f": (26_219_627, 23_087_249),
    "stylegan-mixing-0": (26_219_627, 23_087_249),
    "stylegan-mixing-50": (26_219_627, 23_087_249),
    "stylegan-mixing-90": (26_219_627, 23_087_249),
    "stylegan-mixing-100": (26_219_627, 23_087_249),
    "stylegan-traditional-0": (23_079_115, 23_087_249),
    "stylegan-traditional-8": (25_180_363, 23_087_249),
    "stylegan-depth-0": (24_118_379, 23_087_249),
    "stylegan-depth-1": (24_381_035, 23_087_249),
    "stylegan-depth-2": (24_643_691, 23_087_249),
    "stylegan-depth-8": (26_219_627, 23_087_249),
    "progan": (23_079_115, 23_087_249),
    "sngan": (4_274_435, 1_053_825),
    "wgan-gp": (1_203_331, 1_053_825),
    "wgan": (12_658_435, 11_036_289),
    "dcgan": (12_658_435, 11_036_289),
    "gan": (5_251_872, 3_977_041),
    "small-64": (979_695, 1_183_137),
    "small-32": (349_820, 556_689),
    "tiny": (263_987, 288_993),
}
"""Trainable parameters of the generator and the discriminator at the preset's own size.

Published: StyleGAN's 26,219,627 and 23,087,249, StyleGAN2's 30,370,060 and 29,012,513, Progressive GAN's 23,079,115
with all its ToRGB layers, the 22,313,167 and 15,093,151 of StyleGAN3's generators. The others are what the layers of
the papers add up to; they change with a layer only.
"""


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_the_number_of_parameters_of_its_networks(name):
    assert parameters(get(name)) == SIZES[name]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_complete_and_described(name):
    run = get(name)
    assert validate(run) == run
    assert from_json(Run, to_json(run)) == run
    assert describe(name).endswith(".")
    assert len(describe(name)) < 130


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_but_a_second_name_calls_itself_by_its_name(name):
    assert get(name).preset == {"stylegan": "stylegan-f", "stylegan2": "stylegan2-f"}.get(name, name)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [(16, 16), (96, 160)])
def test_every_preset_fits_any_good_size(name, size):
    assert all(count > 0 for count in parameters(with_size(get(name), size)))


# --- the tables -----------------------------------------------------------------------------------------------------


def test_stylegan2_is_config_f_with_the_published_settings():
    run = get("stylegan2")
    assert run == get("stylegan2-f")
    training = run.training
    assert (training.batch, training.r1_gamma, training.r1_interval, training.growth) == (32, 10, 16, None)
    assert (training.pl_weight, training.pl_interval, training.pl_batch_shrink, training.pl_decay) == (2, 4, 2, 0.01)
    assert (training.style_mixing, training.ema_kimg, training.ema_rampup, training.kimg) == (0.9, 10, None, 25000)
    assert (training.g_optimizer.lr, training.g_optimizer.beta1, training.g_optimizer.beta2) == (0.002, 0, 0.99)


def test_stylegan2s_rows_change_what_the_paper_says():
    a, b, c, d, e = (get(f"stylegan2-{row}") for row in "abcde")
    assert (a.generator.family, a.discriminator.family) == ("stylegan", "growing")
    assert (b.generator.architecture, b.discriminator.architecture) == ("grow", "grow")
    assert a.training == b.training
    assert [row.training.penalty for row in (a, b, c)] == ["exact", "exact", "lazy"]
    assert c.training.r1_interval == 16
    assert [row.training.pl_weight for row in (a, b, c, d)] == [0, 0, 0, 2]
    assert (e.generator.architecture, e.discriminator.architecture) == ("skip", "resnet")
    assert (e.training.growth, e.training.r1_gamma) == (None, 100)
    assert (e.generator.channel_base, get("stylegan2-f").generator.channel_base) == (16384, 32768)


@pytest.mark.parametrize(
    ("size", "batch", "expected"),
    [
        # (batch, group, width, rate, gamma, half-life): the published rules, on one GPU
        ((32, 32), None, (32, 4, 16384, 0.0025, 0.0064, 10)),
        ((256, 256), None, (16, 4, 16384, 0.0025, 0.8192, 5)),
        ((512, 512), None, (8, 4, 32768, 0.0025, 6.5536, 2.5)),
        ((1024, 1024), None, (4, 4, 32768, 0.002, 52.4288, 1.25)),
        ((256, 256), 32, (32, 4, 16384, 0.0025, 0.4096, 10)),
        ((256, 256), 2, (2, 2, 16384, 0.0025, 6.5536, 0.625)),
        ((192, 320), None, (16, 4, 16384, 0.0025, 0.768, 5)),
    ],
)
def test_stylegan2_ada_fits_itself_to_the_pictures(size, batch, expected):
    run = fitted("stylegan2-ada", size, batch=batch)
    training, discriminator = run.training, run.discriminator
    found = (training.batch, discriminator.mbstd_group, discriminator.channel_base, training.g_optimizer.lr)
    assert (*found, round(training.r1_gamma, 6), training.ema_kimg) == expected
    assert (run.generator.resolution, run.generator.mapping.num_layers, training.ema_rampup) == (size, 2, 0.05)
    assert validate(run) == run


@pytest.mark.parametrize("name", ["stylegan3-t", "stylegan3-r"])
@pytest.mark.parametrize(
    ("size", "batch", "expected"),
    [
        # (batch, gamma, half-life, blur's end)
        ((1024, 1024), None, (32, 32.8, 10, 200)),
        ((512, 512), None, (32, 8.2, 10, 200)),
        ((256, 256), 16, (16, 2.05, 5, 100)),
        ((64, 128), 2, (2, 0.25625, 0.625, 12.5)),
    ],
)
def test_stylegan3_fits_itself_to_the_pictures(name, size, batch, expected):
    run = fitted(name, size, batch=batch)
    training, is_r = run.training, name == "stylegan3-r"
    fade = training.blur_fade_kimg if is_r else expected[3]
    assert (training.batch, training.r1_gamma, training.ema_kimg, fade) == pytest.approx(expected)
    assert (training.blur_sigma, run.generator.conv_kernel) == ((10, 1) if is_r else (0, 3))
    assert (training.g_optimizer.lr, training.d_optimizer.lr) == (0.0025, 0.002)
    assert (training.pl_weight, training.style_mixing, training.ema_rampup) == (0, 0, 0.05)
    assert run.generator.magnitude_ema_beta == pytest.approx(0.5 ** (training.batch / 20000))
    assert validate(run) == run


def test_only_stylegan2_ada_and_stylegan3_have_rules_of_their_own():
    assert fitted("stylegan2", (64, 64), batch=4) == get("stylegan2")


def test_stylegan2_adas_rows_are_the_published_ones():
    rows = [get(f"stylegan2-ada-{row}") for row in ("256", "512", "1024", "cifar")]
    assert [row.training.batch for row in rows] == [64, 64, 32, 64]
    assert [row.training.r1_gamma for row in rows] == [1, 0.5, 2, 0.01]
    assert [row.training.ema_kimg for row in rows] == [20, 20, 10, 500]
    assert [row.discriminator.mbstd_group for row in rows] == [8, 8, 4, 32]
    assert [row.training.g_optimizer.lr for row in rows] == [0.0025, 0.0025, 0.002, 0.0025]
    assert [row.generator.mapping.num_layers for row in rows] == [8, 8, 8, 2]
    assert {row.training.augment for row in rows} == {Augment(mode="ada", pipe="bgc", target=0.6, speed_kimg=500)}
    cifar = rows[-1]
    assert (cifar.training.pl_weight, cifar.training.style_mixing, cifar.discriminator.architecture) == (0, 0, "orig")


def test_stylegans_rows_change_what_the_paper_says():
    a, b, c, d, e, f = (get(f"stylegan-{row}") for row in "abcdef")
    assert (a.generator, a.discriminator, a.training) == (
        get("progan").generator,
        get("progan").discriminator,
        get("progan").training,
    )
    assert (a.training.loss, b.training.loss, b.training.r1_gamma) == ("wgan-gp", "non-saturating", 10)
    assert (a.discriminator.blur_filter, b.discriminator.blur_filter) == (None, (1, 2, 1))
    assert [row.generator.use_styles for row in (b, c)] == [False, True]
    assert [row.generator.const_input for row in (c, d)] == [False, True]
    assert [row.generator.use_noise for row in (d, e)] == [False, True]
    assert [row.training.style_mixing for row in (e, f)] == [0, 0.9]
    assert e.generator == f.generator == get("stylegan").generator


@pytest.mark.parametrize(
    ("row", "same"),
    [
        ("stylegan-mixing-0", "stylegan-e"),
        ("stylegan-mixing-90", "stylegan-f"),
        ("stylegan-traditional-0", "stylegan-b"),
        ("stylegan-depth-8", "stylegan-f"),
        ("stylegan2-e-gskip-dresnet", "stylegan2-e"),
    ],
)
def test_rows_that_stand_in_two_tables_are_one(row, same):
    ours, theirs = get(row), get(same)
    assert (ours.generator, ours.discriminator, ours.training) == (
        theirs.generator,
        theirs.discriminator,
        theirs.training,
    )


def test_wgans_critic_takes_five_clipped_steps():
    training = get("wgan").training
    assert (training.d_steps, training.weight_clip, training.d_optimizer.kind) == (5, 0.01, "rmsprop")
    assert training.d_optimizer.lr == 0.00005


def test_tiny_has_a_few_hundred_thousand_parameters():
    assert all(100_000 < count < 500_000 for count in parameters(get("tiny")))


def test_unknown_presets_are_refused_with_the_known():
    with pytest.raises(UserError, match="small-32"):
        get("stylegan9")
