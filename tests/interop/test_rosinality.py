import argparse

import pytest
import torch

from stylegans.config import Discriminator, Mapping, StyleGAN2
from stylegans.config.sizes import levels
from stylegans.errors import UserError
from stylegans.interop import rosinality
from stylegans.interop.open import read
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.stylegan2 import StyleGAN2Generator


@pytest.fixture
def G(golden):
    return golden("rosinality_G")


@pytest.fixture
def D(golden):
    return golden("rosinality_D")


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def write(request, tmp_path):
    def save(content):
        torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=request.param)
        return tmp_path / "x.pt"

    return save


def generator_of(foreign, part="generator_ema"):
    network = StyleGAN2Generator(foreign.parts[part].config)
    network.load_state_dict(foreign.parts[part].state)
    return network.eval().requires_grad_(False)


def test_a_converted_files_pictures_equal_the_published_ones(G, write, relative_error):
    foreign = read(write({"g_ema": G.state, "latent_avg": G.inputs["latent_avg"]}))
    assert (foreign.family, list(foreign.parts)) == ("stylegan2", ["generator_ema"])
    assert "non-commercial" in foreign.licence
    network, z = generator_of(foreign), G.inputs["z"]
    assert relative_error(network.mapping(z)[:, 0], G.outputs["w"]) < 1e-5
    assert relative_error(network(z), G.outputs["img"]) < 1e-5
    assert relative_error(network(z, truncation=0.7), G.outputs["img_trunc0.7"]) < 1e-5
    assert relative_error(network.synthesis(G.outputs["latent_inject3"]), G.outputs["img_inject3"]) < 1e-5


def test_a_licence_note_in_the_file_is_the_checkpoints(G, write):
    content = {"g_ema": G.state, "latent_avg": G.inputs["latent_avg"], "licence": "CC0"}
    assert read(write(content)).licence == "CC0"


def test_a_training_files_networks_come_without_its_optimizers_and_arguments(G, D, write, relative_error):
    content = {
        "g": G.state,
        "d": D.state,
        "g_ema": G.state,
        "g_optim": {"state": {}, "param_groups": []},
        "d_optim": {"state": {0: {"step": 3}}},
        "args": argparse.Namespace(size=32),
        "ada_aug_p": 0.25,
    }
    foreign = read(write(content))
    assert list(foreign.parts) == ["generator_ema", "generator", "discriminator"]
    assert foreign.licence == ""
    network = StyleGAN2Discriminator(foreign.parts["discriminator"].config)
    network.load_state_dict(foreign.parts["discriminator"].state)
    assert relative_error(network(D.inputs["img"]), D.outputs["logits"]) < D.tolerance("logits")
    assert relative_error(generator_of(foreign, "generator")(G.inputs["z"]), G.outputs["img"]) < 1e-5


def test_an_average_that_is_missing_is_the_mean_w_of_many_latents_every_time(G, write):
    path = write({"g_ema": G.state})
    first, second = (read(path).parts["generator_ema"].state["mapping.w_avg"] for _ in range(2))
    assert torch.equal(first, second)
    network = generator_of(read(path))
    others = network.mapping(torch.randn(4000, 32))[:, 0]
    deviation = (first - others.mean(dim=0)).norm() / others.std(dim=0).norm()
    assert deviation < 0.05  # two means of 10,000 and 4,000: √(1/10,000 + 1/4,000) = 0.019 apart


CONFIGS = [
    StyleGAN2(mapping=Mapping(z_dim=16, w_dim=16, num_layers=3), resolution=(64, 64), channel_max=24),
    StyleGAN2(mapping=Mapping(z_dim=16, w_dim=16, num_layers=1), resolution=(128, 128), channel_base=1024,
              channel_max=32, img_channels=1),
]  # fmt: skip


def theirs(config, state):
    """Our generator's tensors as rosinality stores them, without the kernels."""
    names = rosinality.generator_names(config.mapping.num_layers, levels(config.base, config.resolution))
    return {names[ours]: rosinality.to_their_shape(ours, value) for ours, value in state.items() if ours in names}


@pytest.mark.parametrize("config", CONFIGS)
def test_a_generators_names_and_shapes_go_both_ways(config):
    state = StyleGAN2Generator(config).state_dict()
    tensors = theirs(config, state)
    assert len(tensors) == len(state) - 1  # w_avg stands beside them
    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 16
    tensors["to_rgbs.0.upsample.kernel"] = kernel
    assert rosinality.generator_config(tensors) == config
    back = rosinality.generator_state(tensors)
    assert all(torch.equal(back[name], value) for name, value in state.items() if name != "mapping.w_avg")


@pytest.mark.parametrize("size", [4, 16, 64])
@pytest.mark.parametrize("channel_base", [32768, 512])
def test_a_discriminators_names_go_both_ways(size, channel_base):
    config = Discriminator(resolution=(size, size), channel_base=channel_base, channel_max=24)
    state = StyleGAN2Discriminator(config).state_dict()
    names = rosinality.discriminator_names(levels(config.base, config.resolution))
    assert names.keys() == state.keys()
    tensors = {names[ours]: value for ours, value in state.items()}
    found = rosinality.discriminator_config(tensors)
    assert (found.resolution, found.channel_max) == (config.resolution, config.channel_max)
    assert StyleGAN2Discriminator(found).load_state_dict(rosinality.discriminator_state(tensors))


def test_the_golden_names_are_the_tables(G, D):
    for vectors, names in ((G, rosinality.generator_names(2, 4)), (D, rosinality.discriminator_names(4))):
        stored = {name for name in vectors.state if not name.endswith(".kernel")}
        assert stored == set(names.values())


def test_an_uncommon_kernel_is_read_off_the_file(G, write):
    taps = torch.tensor([1.0, 2, 5, 3])
    kernel = torch.outer(taps, taps) / taps.sum() ** 2 * 4
    state = {name: kernel if name.endswith(".kernel") else value for name, value in G.state.items()}
    assert read(write({"g_ema": state})).parts["generator_ema"].config.resample_filter == (1, 2, 5, 3)
    state["to_rgbs.0.upsample.kernel"] = torch.eye(4)
    with pytest.raises(UserError, match="does not separate"):
        read(write({"g_ema": state}))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"conv9.weight": torch.zeros(3)}, "unknown tensor 'conv9.weight'"),
        ({"convs.3.activate.bias": torch.zeros(31)}, "feature maps 32, 32, 31, 32"),
        ({"to_rgb1.bias": torch.zeros(1, 4, 1, 1)}, r"to_rgb.bias' has the shape \[4\]"),
        ({"noises.noise_3": torch.zeros(1, 1, 4, 4)}, "noise_const"),
        ({"style.1.weight": torch.zeros(32, 9000)}, "latents of 9000"),
        ({"style.1.weight": torch.zeros(32, 31, 2)}, "damaged|shape"),
    ],
)
def test_tensors_that_make_no_network_are_one_line(change, complaint, G, write):
    path = write({"g_ema": G.state | change})
    with pytest.raises(UserError, match=complaint) as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_other_files_of_pytorchs_say_what_is_missing(write):
    with pytest.raises(UserError, match="holds no g_ema, g or d"):
        read(write({"state_dict": {"weight": torch.zeros(3)}}))
