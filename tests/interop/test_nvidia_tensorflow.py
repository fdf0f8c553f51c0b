import pytest
import torch

from stylegans.errors import UserError
from stylegans.interop import nvidia_tensorflow as nvidia

NAMED = {"num_channels": 3, "resolution": 1024, "label_size": 0}
"""What a published file always states."""


def test_defaults_are_the_published_ones():
    generator = nvidia.progan_config(NAMED)
    assert (generator.z_dim, generator.channel_base, generator.channel_max) == (512, 16384, 512)
    assert (generator.resolution, generator.base, generator.img_channels) == ((1024, 1024), (4, 4), 3)
    progan, stylegan = nvidia.progan_discriminator_config(NAMED), nvidia.stylegan_discriminator_config(NAMED)
    assert (progan.blur_filter, stylegan.blur_filter) == (None, (1, 2, 1))
    for config in (progan, stylegan):
        assert (config.channel_base, config.channel_max, config.mbstd_group, config.mbstd_channels) == (
            16384,
            512,
            4,
            1,
        )


def test_without_a_latent_size_the_latent_is_as_long_as_the_widest_level():
    assert nvidia.progan_config(NAMED | {"fmap_base": 256, "latent_size": None}).z_dim == 256
    assert nvidia.progan_config(NAMED | {"fmap_base": 256, "latent_size": 40}).z_dim == 40


@pytest.mark.parametrize("group", [0, 1])
def test_groups_of_one_sample_have_no_statistic(group):
    assert nvidia.stylegan_discriminator_config(NAMED | {"mbstd_group_size": group}).mbstd_channels == 0


def test_how_it_ran_is_not_what_it_computes():
    execution = {"dtype": "float16", "structure": "recursive", "is_template_graph": True, "fused_scale": False}
    assert nvidia.progan_config(NAMED | execution) == nvidia.progan_config(NAMED)
    stylegan = nvidia.stylegan_discriminator_config
    assert stylegan(NAMED | execution) == stylegan(NAMED)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (nvidia.progan_config, {"colour": 1}),
        (nvidia.progan_config, {"use_pixelnorm": False}),
        (nvidia.progan_config, {"use_wscale": False}),
        (nvidia.progan_config, {"fmap_decay": 2.0}),
        (nvidia.progan_discriminator_config, {"colour": 1}),
        (nvidia.stylegan_discriminator_config, {"colour": 1}),
        (nvidia.stylegan_discriminator_config, {"nonlinearity": "relu"}),
    ],
)
def test_unsupported_options_are_named(config, options):
    with pytest.raises(UserError, match=next(iter(options))):
        config(NAMED | options)


@pytest.mark.parametrize("name", ["8x8/What/weight", "9x9/Conv1/weight", "4x4/Conv1/weight", "ToRGB_lod/bias", "what"])
@pytest.mark.parametrize("state", [nvidia.progan_state, nvidia.growing_discriminator_state])
def test_unknown_variables_are_named(state, name):
    with pytest.raises(UserError, match=name):
        state({name: torch.zeros(1)})


def test_an_unfused_up_convolution_is_the_fused_one_turned_half_round():
    kernel = torch.randn(3, 3, 2, 5)
    fused = nvidia.progan_state({"8x8/Conv0_up/weight": kernel})["synthesis.blocks.1.conv0.weight"]
    unfused = nvidia.progan_state({"8x8/Conv0/weight": kernel})["synthesis.blocks.1.conv0.weight"]
    assert fused.shape == (5, 2, 3, 3)
    assert torch.equal(unfused, fused.flip([2, 3]))


def test_files_of_the_first_release_keep_up_convolutions_with_the_output_first(golden):
    variables = golden("progan_G_paper").state
    first = {name: t.transpose(2, 3) if "Conv0_up/weight" in name else t for name, t in variables.items()}
    assert first["32x32/Conv0_up/weight"].shape == (3, 3, 16, 32)
    found, expected = nvidia.progan_state(nvidia.first_release(first)), nvidia.progan_state(variables)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
