import pytest
import torch

from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch as nvidia

GENERATOR = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 32, "img_channels": 3}


def test_defaults_are_the_published_ones():
    config = nvidia.generator_config(GENERATOR)
    assert (config.architecture, config.channel_base, config.channel_max) == ("skip", 32768, 512)
    assert (config.mapping.num_layers, config.mapping.w_avg_beta) == (8, 0.995)


def test_unknown_options_are_named():
    with pytest.raises(UserError, match="colour"):
        nvidia.generator_config(GENERATOR | {"synthesis_kwargs": {"colour": 1}})
    with pytest.raises(UserError, match="activation"):
        nvidia.discriminator_config({"img_resolution": 32, "img_channels": 3, "block_kwargs": {"activation": "relu"}})


def test_unknown_tensors_are_named():
    with pytest.raises(UserError, match=r"what\.weight"):
        nvidia.generator_state({"synthesis.what.weight": torch.zeros(1)})
