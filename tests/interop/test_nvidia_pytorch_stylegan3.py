import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stylegans.config import Mapping, StyleGAN3
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch_stylegan3 as nvidia
from stylegans.networks.stylegan3 import StyleGAN3Generator

GENERATOR = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 16, "img_channels": 3, "channel_base": 64}


def published_options(config: StyleGAN3) -> dict[str, Any]:
    """The options that build the published generator."""
    mapping = config.mapping
    optional = {"layer_features": mapping.hidden_dim, "embed_features": mapping.embed_dim}
    own = {name: getattr(mapping, name) for name in ("num_layers", "lr_multiplier", "w_avg_beta")}
    return {
        "z_dim": mapping.z_dim,
        "c_dim": mapping.c_dim,
        "w_dim": mapping.w_dim,
        "img_resolution": config.resolution[0],
        "img_channels": config.img_channels,
        "mapping_kwargs": own | {name: value for name, value in optional.items() if value is not None},
        "num_fp16_res": 0,
    } | {name: getattr(config, name) for name in nvidia.SAME}


def published_state(state: dict[str, Tensor], config: StyleGAN3) -> dict[str, Tensor]:
    """Our generator tensors under the published names, with the filters."""
    names = nvidia.layer_names(config)
    theirs = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"synthesis\.layers\.(\d+)\.(.+)", name)
        called = name if match is None else f"synthesis.{names[int(match[1])]}.{match[2]}"
        theirs[re.sub(r"^mapping\.layers\.", "mapping.fc", called)] = tensor
    return theirs | nvidia.layer_filters(StyleGAN3Generator(config), names)


def test_defaults_are_the_published_ones():
    config = nvidia.generator_config({**GENERATOR, "channel_base": 32768, "num_fp16_res": 4})
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2, w_avg_beta=0.998)
    assert config == StyleGAN3(mapping=mapping, resolution=(16, 16))
    assert (config.num_layers, config.num_critical, config.margin_size, config.filter_size) == (14, 2, 10, 6)
    assert (config.conv_clamp, config.output_scale, config.magnitude_ema_beta) == (256, 0.25, 0.999)


@pytest.mark.parametrize("name", ["sg3_T_tiny", "sg3_R_tiny", "sg3_T_clamp_up", "sg3_T_c5_default_layers"])
def test_there_and_back_is_the_published_file(golden, name):
    vectors = golden(name)
    config = nvidia.generator_config(vectors.config["kwargs"])
    options = published_options(config)
    assert options == options | {k: v for k, v in vectors.config["kwargs"].items() if k != "mapping_kwargs"}
    assert nvidia.generator_config(options) == config
    ours = nvidia.generator_state(vectors.state, config)
    back = published_state(ours, config)
    assert back.keys() == vectors.state.keys()
    for key, value in back.items():
        torch.testing.assert_close(value, vectors.state[key], rtol=1e-5, atol=1e-6)
        if not key.endswith("_filter"):
            assert torch.equal(value, vectors.state[key])


@settings(max_examples=8)
@given(
    num_layers=st.integers(3, 6),
    filter_size=st.integers(1, 6),
    upsampling=st.sampled_from([1, 2, 4]),
    radial=st.booleans(),
    c_dim=st.integers(0, 2),
)
def test_any_config_survives_the_way_there_and_back(num_layers, filter_size, upsampling, radial, c_dim):
    config = StyleGAN3(
        mapping=Mapping(z_dim=4, w_dim=4, c_dim=c_dim, num_layers=1, hidden_dim=5, embed_dim=3),
        resolution=(16, 16),
        channel_base=32,
        num_layers=num_layers,
        filter_size=filter_size,
        lrelu_upsampling=upsampling,
        use_radial_filters=radial,
    )
    state = StyleGAN3Generator(config).state_dict()
    options, tensors = published_options(config), published_state(state, config)
    again = nvidia.generator_config(options)
    assert again == config
    found = nvidia.generator_state(tensors, again)
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_what_is_unknown_or_does_not_belong_together_is_refused(golden):
    with pytest.raises(UserError, match="colour"):
        nvidia.generator_config(GENERATOR | {"colour": 1})
    with pytest.raises(UserError, match="num_layers"):
        nvidia.generator_config(GENERATOR | {"num_layers": "14"})
    vectors = golden("sg3_T_tiny")
    config = nvidia.generator_config(vectors.config["kwargs"])
    with pytest.raises(UserError, match=r"synthesis\.what"):
        nvidia.generator_state(vectors.state | {"synthesis.what.weight": torch.zeros(1)}, config)
    with pytest.raises(UserError, match="num_layers"):
        nvidia.generator_state({k: v for k, v in vectors.state.items() if "L3_52" not in k}, config)


def test_filters_larger_than_those_in_the_file_are_refused_before_they_are_made(golden):
    vectors = golden("sg3_R_tiny")
    config = nvidia.generator_config(vectors.config["kwargs"] | {"filter_size": 10**5})
    with pytest.raises(UserError, match="filter"):
        nvidia.generator_state(vectors.state, config)
