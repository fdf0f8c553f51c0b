import pytest
import torch

from stylegans.config.adjust import validate, with_size
from stylegans.config.codec import from_json, to_json
from stylegans.config.run import Run
from stylegans.errors import UserError
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.presets import PRESETS, describe, get


def parameters(run):
    with torch.device("meta"):
        networks = StyleGAN2Generator(run.generator), StyleGAN2Discriminator(run.discriminator)
    return [sum(p.numel() for p in network.parameters()) for network in networks]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_complete_and_described(name):
    run = get(name)
    assert validate(run) == run
    assert from_json(Run, to_json(run)) == run
    assert describe(name).endswith(".")
    assert len(describe(name)) < 110


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [(16, 16), (96, 160)])
def test_every_preset_fits_any_good_size(name, size):
    assert all(count > 0 for count in parameters(with_size(get(name), size)))


def test_stylegan2_is_config_f_with_the_published_sizes_and_settings():
    run = get("stylegan2")
    assert run == get("stylegan2-f")
    assert parameters(run) == [30_370_060, 29_012_513]
    training = run.training
    assert (training.batch, training.r1_gamma, training.r1_interval) == (32, 10, 16)
    assert (training.pl_weight, training.pl_interval, training.pl_batch_shrink, training.pl_decay) == (2, 4, 2, 0.01)
    assert (training.style_mixing, training.ema_kimg, training.ema_rampup, training.kimg) == (0.9, 10, None, 25000)
    assert (training.g_optimizer.lr, training.g_optimizer.beta1, training.g_optimizer.beta2) == (0.002, 0, 0.99)


def test_tiny_has_a_few_hundred_thousand_parameters():
    assert all(100_000 < count < 500_000 for count in parameters(get("tiny")))


def test_unknown_presets_are_refused_with_the_known():
    with pytest.raises(UserError, match="small-32"):
        get("stylegan9")
