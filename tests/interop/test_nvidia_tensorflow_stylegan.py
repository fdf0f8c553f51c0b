import pytest
import torch

from stylegans.config import Mapping, StyleGAN
from stylegans.errors import UserError
from stylegans.interop import nvidia_tensorflow_stylegan as nvidia
from stylegans.networks.stylegan import StyleGANGenerator

ALWAYS = {"resolution": 1024, "num_channels": 3, "label_size": 0}


def test_defaults_are_the_published_ones():
    mapping = Mapping(hidden_dim=512, embed_dim=512, label_norm="together")
    assert nvidia.generator_config(ALWAYS) == StyleGAN(mapping=mapping, resolution=(1024, 1024))


def test_options_of_training_and_running_do_not_change_the_network():
    running = {"style_mixing_prob": 0.9, "truncation_psi": 0.7, "truncation_cutoff": 8, "randomize_noise": True}
    assert nvidia.generator_config(ALWAYS | running) == nvidia.generator_config(ALWAYS)


@pytest.mark.parametrize(
    "option", [{"colour": 1}, {"fmap_decay": 2.0}, {"nonlinearity": "relu", "mapping_nonlinearity": "lrelu"}]
)
def test_unknown_options_are_named(option):
    with pytest.raises(UserError, match=list(option)[-1]):
        nvidia.generator_config(ALWAYS | option)


@pytest.mark.parametrize("name", ["cfgB", "default", "labels5"])
def test_every_variable_has_a_place(golden, name):
    vectors = golden(f"sg1_G_{name}")
    kwargs = vectors.config["kwargs"]
    network = StyleGANGenerator(nvidia.generator_config(kwargs))
    state = nvidia.generator_state(vectors.state, kwargs)
    assert {key: value.shape for key, value in state.items()} == {
        key: value.shape for key, value in network.state_dict().items()
    }


@pytest.mark.parametrize(("fused_scale", "turned"), [("auto", [8, 64]), (True, []), (False, [8, 64, 128, 256])])
def test_unfused_up_convolutions_are_turned_and_auto_fuses_from_128(fused_scale, turned):
    kernel = torch.arange(9.0).reshape(3, 3, 1, 1)
    level_of = {8: 1, 64: 4, 128: 5, 256: 6}
    variables = {f"G_synthesis/{size}x{size}/Conv0_up/weight": kernel for size in level_of}
    variables["G_synthesis/64x64/Conv1/weight"] = kernel
    state = nvidia.generator_state(variables, ALWAYS | {"fused_scale": fused_scale})
    first = {size: state[f"synthesis.blocks.{level}.layer0.conv.weight"] for size, level in level_of.items()}
    assert [size for size, weight in first.items() if weight[0, 0, 0, 0] == 8] == turned
    assert state["synthesis.blocks.4.layer1.conv.weight"][0, 0, 0, 0] == 0


@pytest.mark.parametrize(
    "name", ["what", "G_synthesis/8x8/Conv0_up/what", "G_synthesis/9x9/Conv1/bias", "G_synthesis/noise"]
)
def test_unknown_variables_are_named(name):
    with pytest.raises(UserError, match=name):
        nvidia.generator_state({name: torch.zeros(1)}, ALWAYS)
