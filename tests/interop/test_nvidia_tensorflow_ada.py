"""StyleGAN2-ADA's TensorFlow networks: the PyTorch vectors under the names of their predecessor."""

import numpy as np
import pytest
import torch

from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch
from stylegans.interop import nvidia_tensorflow_ada as nvidia
from stylegans.interop import open as opened
from stylegans.interop.nvidia_tensorflow_pickle import read
from stylegans.networks.families import build_discriminator, build_generator

ADA = 5
"""Version of the published files."""


def built(part, *, generator=True):
    found = (build_generator if generator else build_discriminator)(part.config)
    found.load_state_dict(part.state)
    return found


def ada_generator_variables(state, layers):
    """The published converter of older files, turned round."""
    found = {"dlatent_avg": state["mapping.w_avg"]}
    if "mapping.embed.weight" in state:
        found["G_mapping/LabelEmbed/weight"] = state["mapping.embed.weight"].T
        found["G_mapping/LabelEmbed/bias"] = state["mapping.embed.bias"]
    for i in range(layers):
        found[f"G_mapping/Dense{i}/weight"] = state[f"mapping.fc{i}.weight"].T
        found[f"G_mapping/Dense{i}/bias"] = state[f"mapping.fc{i}.bias"]
    theirs = {"torgb": "ToRGB", "skip": "Skip", "conv0": "Conv0_up", "conv1": "Conv1"}
    for name, value in state.items():
        if not name.startswith("synthesis.b") or name.endswith("resample_filter"):
            continue
        _, block, layer, *rest = name.split(".")
        r = int(block[1:])
        scope = f"G_synthesis/{r}x{r}/" + ("Conv" if r == 4 and layer == "conv1" else theirs.get(layer, layer))
        match [layer, *rest]:
            case ["const"]:
                found["G_synthesis/4x4/Const/const"] = value[None]
            case [_, "noise_const"]:
                number = 0 if r == 4 else 2 * int(np.log2(r)) - (5 if layer == "conv0" else 4)
                found[f"G_synthesis/noise{number}"] = value[None, None]
            case [_, "affine", "weight"]:
                found[f"{scope}/mod_weight"] = value.T
            case [_, "affine", "bias"]:
                found[f"{scope}/mod_bias"] = value - 1
            case [_, "weight"]:
                value = value.flip([2, 3]) if layer in ("conv0", "skip") else value
                found[f"{scope}/weight"] = value.permute(2, 3, 1, 0)
            case [_, kind]:
                found[f"{scope}/{kind}"] = value
    return found


def ada_discriminator_variables(state):
    theirs = {
        "fromrgb": "FromRGB", "skip": "Skip", "conv0": "Conv0", "conv1": "Conv1_down", "conv": "Conv", "fc": "Dense0",
    }  # fmt: skip
    found = {}
    for name, value in state.items():
        if name.endswith("resample_filter"):
            continue
        value = value.permute(2, 3, 1, 0) if value.ndim == 4 else value.T if value.ndim == 2 else value
        block, layer, *kind = name.split(".")
        if block == "mapping":
            scope = "LabelEmbed" if layer == "embed" else f"Mapping{layer.removeprefix('fc')}"
        else:
            scope = "Output" if layer == "out" else f"{block[1:]}x{block[1:]}/{theirs[layer]}"
        found[f"{scope}/{kind[0]}"] = value
    return found


@pytest.mark.parametrize("name", ["orig_c0", "resnet_c0", "resnet_clamp", "skip_asymfir", "skip_c5", "skip_clamp"])
@pytest.mark.parametrize("stated", [True, False])
def test_pictures_of_stylegan2_ada_equal_the_published_ones(golden, relative_error, tensorflow, name, stated):
    vectors = golden(f"ada_G_{name}")
    config = nvidia_pytorch.generator_config(vectors.config["kwargs"])
    variables = ada_generator_variables(vectors.state, config.mapping.num_layers)
    kwargs = {
        "num_fp16_res": 4, "conv_clamp": config.conv_clamp, "label_size": config.mapping.c_dim,
        "resample_kernel": list(config.resample_filter),
    }  # fmt: skip
    if stated:
        kwargs |= {
            "latent_size": config.mapping.z_dim, "dlatent_size": config.mapping.w_dim,
            "mapping_layers": config.mapping.num_layers, "mapping_fmaps": None,
            "fmap_base": config.channel_base // 2, "fmap_max": config.channel_max,
            "architecture": config.architecture, "style_mixing_prob": 0.9, "w_avg_beta": None,
        }  # fmt: skip
    found = opened.read(tensorflow.write(tensorflow.network("G_main", variables, kwargs, version=ADA)))
    assert found.source == "StyleGAN2-ADA (TensorFlow)"
    generator = built(found.parts["generator"])
    for key, expected in vectors.outputs.items():
        if key in ("img_const_psi1", "img_const_psi0.7"):
            truncation = float(key.removeprefix("img_const_psi"))
            image = generator(vectors.inputs["z"], vectors.inputs["c"], truncation=truncation)
            assert relative_error(image, expected) < 1e-5, key


@pytest.mark.parametrize(
    "name", ["orig_c0", "orig_c5", "resnet_c0", "resnet_c0_clamp", "resnet_c5", "skip_c0", "skip_c5"]
)
def test_scores_of_stylegan2_ada_equal_the_published_ones(golden, relative_error, tensorflow, name):
    vectors = golden(f"ada_D_{name}")
    config = nvidia_pytorch.discriminator_config(vectors.config["kwargs"])
    kwargs = {"conv_clamp": config.conv_clamp, "mbstd_group_size": 4, "mapping_lrmul": 0.01, "label_size": config.c_dim}
    variables = ada_discriminator_variables(vectors.state)
    found = opened.read(tensorflow.write(tensorflow.network("D_main", variables, kwargs, version=ADA)))
    found = built(found.parts["discriminator"], generator=False)(vectors.inputs["img"], vectors.inputs["c"])
    assert relative_error(found, vectors.outputs["logits"]) < vectors.tolerance("logits")


def test_without_a_group_size_stylegan2_ada_takes_the_whole_batch(golden, tensorflow):
    variables = ada_discriminator_variables(golden("ada_D_resnet_c0").state)
    part = read(tensorflow.write(tensorflow.network("D_main", variables, {}, version=ADA))).parts["discriminator"]
    assert (part.config.mbstd_group, part.config.mbstd_channels, part.config.mapping_layers) == (None, 1, 0)


def test_by_default_a_label_goes_through_its_embedding_alone(golden, tensorflow):
    vectors = golden("ada_D_resnet_c5")
    state = {name: value for name, value in vectors.state.items() if not name.startswith("mapping.fc")}
    whole = tensorflow.network("D_main", ada_discriminator_variables(state), {"label_size": 5}, version=ADA)
    part = opened.read(tensorflow.write(whole)).parts["discriminator"]
    assert (part.config.mapping_layers, part.config.mapping_lr_multiplier, part.config.c_dim) == (0, 0.1, 5)
    network = built(part, generator=False)
    labels = network.mapping(None, vectors.inputs["c"])[:, 0]
    assert torch.allclose(labels.square().mean(dim=1), torch.ones(len(labels)), atol=1e-4)
    assert network(vectors.inputs["img"], vectors.inputs["c"]).isfinite().all()


def test_options_that_are_stated_as_they_are_by_default_change_nothing():
    assert nvidia.generator_config({"fmap_const": None, "fmap_min": 1}) == nvidia.generator_config({})
    stated = {"use_spectral_norm": False, "use_pagan": False, "score_size": 1, "adaptive_dropout": 0}
    assert nvidia.discriminator_config(stated) == nvidia.discriminator_config({})


@pytest.mark.parametrize(
    "options",
    [
        *({"colour": 1}, {"nonlinearity": "relu"}, {"mapping_nonlinearity": "relu"}),
        *({"fmap_const": 48}, {"use_spectral_norm": True}, {"score_size": 2}),
    ],
)
def test_unsupported_options_are_named(options):
    for config in (nvidia.generator_config, nvidia.discriminator_config):
        with pytest.raises(UserError, match=next(iter(options))):
            config(options)


@pytest.mark.parametrize("name", ["what", "LabelEmbed/what", "Mapping/weight", "G_mapping/LabelConcat/bias"])
def test_unknown_variables_are_named(name):
    for state in (nvidia.generator_state, nvidia.discriminator_state):
        with pytest.raises(UserError, match=name):
            state({name: torch.zeros(1)})
