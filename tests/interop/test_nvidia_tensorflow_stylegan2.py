import pytest
import torch

from stylegans.errors import UserError
from stylegans.interop import nvidia_tensorflow_stylegan2 as nvidia


def test_defaults_are_the_published_ones():
    g, d = nvidia.generator_config({}), nvidia.discriminator_config({})
    for config in (g, d):
        assert (config.resolution, config.base, config.img_channels) == ((1024, 1024), (4, 4), 3)
        assert (config.channel_base, config.channel_max, config.resample_filter) == (32768, 512, (1, 3, 3, 1))
    assert (g.architecture, d.architecture) == ("skip", "resnet")
    assert (g.mapping.num_layers, g.mapping.w_avg_beta, g.mapping.lr_multiplier) == (8, 0.995, 0.01)
    assert (d.mbstd_group, d.mbstd_channels) == (4, 1)


def test_configs_b_to_d_grow():
    assert nvidia.generator_config({"synthesis_func": "G_synthesis_stylegan_revised"}).architecture == "grow"
    assert nvidia.growing_discriminator_config({}).architecture == "grow"


def test_labels_are_joined_to_the_latent_and_select_a_score():
    g, d = nvidia.generator_config({"label_size": 5, "latent_size": 32}), nvidia.discriminator_config({"label_size": 5})
    assert (g.mapping.c_dim, g.mapping.embed_dim, g.mapping.label_norm) == (5, 32, "together")
    assert (d.c_dim, d.label_head) == (5, "select")


def test_how_a_network_was_called_does_not_matter():
    called = {"truncation_psi": 0.5, "randomize_noise": False, "structure": "auto", "dtype": "float32"}
    assert nvidia.generator_config(called) == nvidia.generator_config({})


def test_a_group_of_one_means_no_minibatch_statistic():
    assert nvidia.discriminator_config({"mbstd_group_size": 1}).mbstd_channels == 0


@pytest.mark.parametrize(
    "options",
    [{"colour": 1}, {"nonlinearity": "relu"}, {"fmap_decay": 0.5}, {"fmap_min": 8}],
)
def test_what_we_have_no_equivalent_for_is_named(options):
    for config in (nvidia.generator_config, nvidia.discriminator_config, nvidia.growing_discriminator_config):
        with pytest.raises(UserError, match=next(iter(options))):
            config(options)


@pytest.mark.parametrize("options", [{"synthesis_func": "G_synthesis"}, {"normalize_latents": False}])
def test_what_a_generator_has_no_equivalent_for_is_named(options):
    with pytest.raises(UserError, match=next(iter(options))):
        nvidia.generator_config(options)


@pytest.mark.parametrize("name", ["what", "8x8/Conv2/weight", "G_synthesis/6x6/Conv1/weight"])
def test_unknown_variables_are_named(name):
    for state in (nvidia.generator_state, nvidia.discriminator_state):
        with pytest.raises(UserError, match=name):
            state({name: torch.zeros(1)})


def test_the_stage_of_growth_is_kept_by_networks_that_grow_alone(golden):
    assert "synthesis.lod" in nvidia.generator_state(golden("sg2_G_revised").state)
    assert "synthesis.lod" not in nvidia.generator_state(golden("sg2_G_orig").state)
    assert "lod" in nvidia.discriminator_state(golden("sg2_D_stylegan").state)
    assert "lod" not in nvidia.discriminator_state(golden("sg2_D_orig").state)
