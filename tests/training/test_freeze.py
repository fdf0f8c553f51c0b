from dataclasses import replace

import pytest

from stylegans.config import DCGANDiscriminator, Discriminator, GrowingDiscriminator, ResNetDiscriminator
from stylegans.errors import UserError
from stylegans.networks.families import build_discriminator
from stylegans.training.freeze import freeze

NARROW = {"resolution": (16, 16), "channel_base": 64, "channel_max": 8}
D = Discriminator(**NARROW)


def frozen(config, layers):
    discriminator = build_discriminator(config)
    names = {id(parameter): name for name, parameter in discriminator.named_parameters()}
    return list(dict.fromkeys(names[id(p)].rpartition(".")[0] for p in freeze(discriminator, layers)))


def test_none_freezes_nothing():
    assert frozen(D, 0) == []


def test_layers_freeze_from_the_picture_down_and_never_the_base_grid():
    every = ["blocks.0.from_rgb", "blocks.0.conv0", "blocks.0.conv1", "blocks.0.skip"]
    every += ["blocks.1.conv0", "blocks.1.conv1", "blocks.1.skip"]
    assert [frozen(D, n) for n in range(8)] == [every[:n] for n in range(8)]


@pytest.mark.parametrize("wiring", ["skip", "grow"])
def test_where_every_level_reads_each_from_rgb_is_a_layer(wiring):
    every = [f"blocks.{block}.{layer}" for block in (0, 1) for layer in ("from_rgb", "conv0", "conv1")]
    assert frozen(replace(D, architecture=wiring), 6) == every
    assert frozen(GrowingDiscriminator(**NARROW), 6) == every


def test_a_frozen_layer_is_frozen_whole():
    discriminator = build_discriminator(D)
    assert {id(p) for p in freeze(discriminator, 1)} == {id(p) for p in discriminator.blocks[0].from_rgb.parameters()}


def test_a_shortcut_without_weights_is_no_layer():
    config = ResNetDiscriminator(**NARROW)
    assert "blocks.2.skip" not in frozen(config, 7)


@pytest.mark.parametrize(("config", "most"), [(D, 7), (DCGANDiscriminator(**NARROW), 0)])
@pytest.mark.parametrize("excess", [1, 5])
def test_more_layers_than_there_are_is_an_error_that_names_the_option(config, most, excess):
    with pytest.raises(UserError, match=rf"--freeze-d: {most + excess} is not between 0 and {most}"):
        freeze(build_discriminator(config), most + excess)
    with pytest.raises(UserError, match="--freeze-d: -1"):
        freeze(build_discriminator(config), -1)
