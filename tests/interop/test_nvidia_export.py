import pickle
import pickletools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from stylegans.config import DCGAN, DCGANDiscriminator, Discriminator, Mapping, StyleGAN2
from stylegans.errors import UserError
from stylegans.interop import nvidia_export, nvidia_pytorch, nvidia_tensorflow_pickle
from stylegans.interop.foreign import Part
from stylegans.networks.families import build_discriminator, build_generator

G = StyleGAN2(mapping=Mapping(z_dim=12, w_dim=16, num_layers=2), resolution=(32, 32), channel_base=128, channel_max=16)
D = Discriminator(resolution=(32, 32), channel_base=128, channel_max=16)

GENERATORS = (
    *("ada_G_skip_c0", "ada_G_resnet_c0", "ada_G_orig_c0", "ada_G_skip_c5", "ada_G_skip_clamp", "ada_G_resnet_clamp"),
    *("ada_G_skip_asymfir", "ada_G_resnet_asymfir"),
)
DISCRIMINATORS = (
    *("ada_D_resnet_c0", "ada_D_skip_c0", "ada_D_orig_c0", "ada_D_resnet_c5", "ada_D_skip_c5", "ada_D_orig_c5"),
    *("ada_D_resnet_c0_clamp", "ada_D_skip_asymfir"),
)


def part(config):
    build = build_discriminator if isinstance(config, Discriminator) else build_generator
    network = build(config)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.normal_()
    return Part(config, network.state_dict())


def of_golden(file):
    """A published PyTorch network as ours."""
    kwargs = file.config["kwargs"]
    if "z_dim" in kwargs:
        return Part(nvidia_pytorch.generator_config(kwargs), nvidia_pytorch.generator_state(file.state))
    return Part(nvidia_pytorch.discriminator_config(kwargs), nvidia_pytorch.discriminator_state(file.state))


# --- the published converter: what facts say of it --------------------------------------------------------------------


class Stub:
    """Takes the place of the TensorFlow class."""


class AsTheConverter(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("dnnlib.tflib.network", "Network"):
            return Stub
        assert (module, name) in {
            ("numpy.core.multiarray", "_reconstruct"),  # which NumPy 1 and 2 have
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
        return super().find_class(module, name)


G_OPTIONS = {"latent_size", "label_size", "dlatent_size", "resolution", "num_channels", "mapping_layers"}
G_OPTIONS |= {"mapping_lrmul", "w_avg_beta", "fmap_base", "fmap_max", "num_fp16_res", "conv_clamp", "architecture"}
G_OPTIONS |= {"resample_kernel", "mapping_fmaps", "label_fmaps"}
D_OPTIONS = {"resolution", "num_channels", "label_size", "architecture", "fmap_base", "fmap_max", "num_fp16_res"}
D_OPTIONS |= {"conv_clamp", "mapping_layers", "mapping_lrmul", "mbstd_group_size", "mbstd_num_features"}
D_OPTIONS |= {"resample_kernel"}


def variables_of(network):
    assert network.version >= 4
    assert network.build_module_src == ""
    assert network.static_kwargs.keys() <= (D_OPTIONS if network.name == "D" else G_OPTIONS)
    found = dict(network.variables)
    for key, component in network.components.items():
        found |= {f"{key}/{name}": value for name, value in component.variables}
    return found


def conv(value):
    return value.transpose(3, 2, 0, 1)


def turned(value):
    return conv(value[::-1, ::-1])


def published_generator(network):
    """The tensors that the converter makes of it, under the names of the PyTorch program."""
    simple = {"bias": lambda v: v, "noise_strength": lambda v: v}
    styled = simple | {"mod_weight": np.transpose, "mod_bias": lambda v: v + 1}
    torch_name = {"mod_weight": "affine.weight", "mod_bias": "affine.bias"}
    made = {}
    for name, value in variables_of(network).items():
        if name == "dlatent_avg":
            made["mapping.w_avg"] = value
        elif match := re.fullmatch(r"mapping/(?:Dense(\d+)|LabelEmbed)/(weight|bias)", name):
            layer = "embed" if match[1] is None else f"fc{match[1]}"
            made[f"mapping.{layer}.{match[2]}"] = value.T
        elif name == "synthesis/4x4/Const/const":
            made["synthesis.b4.const"] = value[0]
        elif match := re.fullmatch(r"synthesis/noise(\d+)", name):
            continue
        elif match := re.fullmatch(r"synthesis/(\d+)x\1/(Conv|Conv0_up|Conv1|ToRGB)/(\w+)", name):
            layer = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb"}[match[2]]
            change = styled | {"weight": turned if layer == "conv0" else conv}
            kind = torch_name.get(match[3], match[3])
            made[f"synthesis.b{match[1]}.{layer}.{kind}"] = change[match[3]](value)
        elif match := re.fullmatch(r"synthesis/(\d+)x\1/Skip/weight", name):
            made[f"synthesis.b{match[1]}.skip.weight"] = turned(value)
        else:
            raise AssertionError(name)
    noises = {name: value for name, value in variables_of(network).items() if "/noise" in name and name[-1].isdigit()}
    for name in [name for name in made if name.endswith("noise_strength")]:
        match = re.fullmatch(r"synthesis\.b(\d+)\.conv(\d)\.noise_strength", name)
        power = int(match[1]).bit_length() - 1
        index = 0 if power == 2 else power * 2 - 5 + int(match[2])
        made[name.replace("strength", "const")] = noises.pop(f"synthesis/noise{index}")[0, 0]
    assert not noises
    return made


def published_discriminator(network):
    names = {"FromRGB": "fromrgb", "Conv": "conv", "Conv0": "conv0", "Conv1_down": "conv1", "Skip": "skip"}
    made = {}
    for name, value in variables_of(network).items():
        if match := re.fullmatch(r"(\d+)x\1/(FromRGB|Conv|Conv0|Conv1_down|Skip)/(weight|bias)", name):
            made[f"b{match[1]}.{names[match[2]]}.{match[3]}"] = conv(value) if value.ndim == 4 else value
        elif match := re.fullmatch(r"(4x4/Dense0|Output|LabelEmbed|Mapping(\d+))/(weight|bias)", name):
            dense = {"4x4/Dense0": "b4.fc", "Output": "b4.out", "LabelEmbed": "mapping.embed"}
            made[f"{dense.get(match[1], f'mapping.fc{match[2]}')}.{match[3]}"] = value.T
        else:
            raise AssertionError(name)
    return made


def reopened(tmp_path, parts):
    nvidia_export.write(tmp_path / "model.pkl", parts)
    with (tmp_path / "model.pkl").open("rb") as file:
        networks = AsTheConverter(file, encoding="latin1").load()
    assert isinstance(networks, tuple)
    assert [network.name for network in networks] == ["G", "D", "Gs"]
    return networks


def without_filters(state):
    return {name: value for name, value in state.items() if not name.endswith("resample_filter")}


def assert_equal(made, expected):
    assert made.keys() == expected.keys()
    for name, value in made.items():
        found = torch.from_numpy(np.ascontiguousarray(value)).to(torch.float32).reshape(np.shape(value))
        assert torch.equal(found, expected[name]), name


@pytest.mark.parametrize("name", GENERATORS)
def test_the_converter_makes_the_published_generator_of_it_bit_for_bit(golden, tmp_path, name):
    file = golden(name)
    network, _, average = reopened(tmp_path, {"generator_ema": of_golden(file), "discriminator": part(D)})
    assert_equal(published_generator(average), without_filters(file.state))
    assert_equal(published_generator(network), without_filters(file.state))
    kwargs = file.config["kwargs"]
    synthesis = kwargs["synthesis_kwargs"]
    stated = average.static_kwargs
    assert (stated["resolution"], stated["label_size"]) == (kwargs["img_resolution"], kwargs["c_dim"])
    assert (stated["fmap_base"] * 2, stated["fmap_max"]) == (synthesis["channel_base"], synthesis["channel_max"])
    assert stated["architecture"] == synthesis.get("architecture", "skip")
    assert stated["conv_clamp"] == synthesis.get("conv_clamp")
    assert stated["resample_kernel"] == list(synthesis.get("resample_filter", [1, 3, 3, 1]))


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_converter_makes_the_published_discriminator_of_it_bit_for_bit(golden, tmp_path, name):
    file = golden(name)
    _, network, _ = reopened(tmp_path, {"generator_ema": part(G), "discriminator": of_golden(file)})
    assert_equal(published_discriminator(network), without_filters(file.state))
    assert network.static_kwargs["mbstd_group_size"] == 4  # where nothing is stated it takes the whole batch
    assert network.static_kwargs["mapping_layers"] == 8  # and none


@pytest.mark.parametrize("c_dim", [0, 3])
@pytest.mark.parametrize("wiring", ["skip", "resnet", "orig"])
def test_our_own_reader_opens_it(tmp_path, wiring, c_dim):
    parts = {
        "generator_ema": part(replace(G, architecture=wiring, mapping=replace(G.mapping, c_dim=c_dim))),
        "generator": part(replace(G, architecture=wiring, mapping=replace(G.mapping, c_dim=c_dim))),
        "discriminator": part(replace(D, architecture=wiring, c_dim=c_dim)),
    }
    nvidia_export.write(tmp_path / "model.pkl", parts)
    back = nvidia_tensorflow_pickle.read(tmp_path / "model.pkl").parts
    assert back.keys() == parts.keys()
    for name, found in back.items():
        build = build_discriminator if name == "discriminator" else build_generator
        build(found.config).load_state_dict(dict(found.state))
        for key, value in parts[name].state.items():
            torch.testing.assert_close(found.state[key], value, rtol=0, atol=0)


def test_only_names_options_and_arrays_are_in_it(tmp_path):
    """Nothing is named but the published class and NumPy's arrays; in particular no code."""
    nvidia_export.write(tmp_path / "model.pkl", {"generator_ema": part(G), "discriminator": part(D)})
    content = (tmp_path / "model.pkl").read_bytes()
    named = {argument for operation, argument, _ in pickletools.genops(content) if operation.name == "GLOBAL"}
    assert named == {"dnnlib.tflib.network Network", "numpy.core.multiarray _reconstruct"}
    assert b"stylegans" not in content
    assert b"numpy._core" not in content


def test_a_small_bias_keeps_its_last_bit():
    bias = np.array([1e-9, 0.3, -0.7, 1.0], dtype=np.float32)
    assert np.array_equal((nvidia_export._less_one(bias) + 1).astype(np.float32), bias)
    assert nvidia_export._less_one(np.ones(2, dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (DCGAN(), "a dcgan generator"),
        (replace(G, architecture="grow"), "networks that grow"),
        (replace(G, base=(5, 3), resolution=(20, 12)), "pictures of 12x20 from 3x5"),
        (replace(G, channel_base=129), "channel_base 129"),
        (replace(G, use_noise=False), "a generator without noise inputs"),
        (replace(G, mapping=replace(G.mapping, c_dim=5, label_norm="together")), "labels that are normalised together"),
        (replace(G, mapping=replace(G.mapping, w_avg_beta=None)), "a generator without an average w"),
        (DCGANDiscriminator(), "a dcgan discriminator"),
        (replace(D, architecture="grow"), "networks that grow"),
        (replace(D, c_dim=5, label_head="select"), "a score for each class"),
        (replace(D, c_dim=5, cmap_dim=8), "cmap_dim 8"),
    ],
)
def test_what_the_converter_cannot_take_is_refused_with_the_reason(tmp_path, config, complaint):
    judges = isinstance(config, (Discriminator, DCGANDiscriminator))
    other = {"generator_ema": part(G)} if judges else {"discriminator": part(D)}
    with pytest.raises(UserError, match=f"cannot take {complaint}"):
        nvidia_export.write(tmp_path / "no.pkl", other | {"discriminator" if judges else "generator": Part(config, {})})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["generator_ema", "discriminator"])
def test_a_network_alone_is_refused_with_what_is_missing(tmp_path, name):
    missing = "discriminator" if name == "generator_ema" else "generator"
    with pytest.raises(UserError, match=f"there is no {missing}"):
        nvidia_export.write(tmp_path / "no.pkl", {name: part(D if name == "discriminator" else G)})
