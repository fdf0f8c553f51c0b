from dataclasses import replace

import pytest
import torch

from stylegans.config import DCGAN, DCGANDiscriminator, Discriminator, Mapping, StyleGAN2
from stylegans.errors import UserError
from stylegans.files.torch_archive import named_tensors, read_archive
from stylegans.interop import rosinality, rosinality_export
from stylegans.interop.foreign import Part
from stylegans.networks.families import build_discriminator, build_generator

G = StyleGAN2(mapping=Mapping(z_dim=16, w_dim=16, num_layers=3), resolution=(32, 32), channel_base=128, channel_max=16)
D = Discriminator(resolution=(32, 32), channel_base=128, channel_max=16)


def part(config):
    build = build_discriminator if isinstance(config, (Discriminator, DCGANDiscriminator)) else build_generator
    network = build(config)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.normal_()
    return Part(config, network.state_dict())


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def of_golden(file):
    """A part with the published tensors, by the reader's own account of them."""
    if "input.input" in file.state:
        state = rosinality.generator_state(file.state) | {"mapping.w_avg": file.inputs["latent_avg"]}
        return Part(rosinality.generator_config(file.state), state)
    return Part(rosinality.discriminator_config(file.state), rosinality.discriminator_state(file.state))


@pytest.mark.parametrize(
    ("name", "written"),
    [("rosinality_G", rosinality_export.generator), ("rosinality_D", rosinality_export.discriminator)],
)
def test_published_tensors_come_back_with_name_shape_and_value(golden, name, written):
    file = golden(name)
    found = written(of_golden(file))
    expected = dict(file.config["state_dict"])
    assert {key: list(value.shape) for key, value in found.items()} == expected
    for key, value in file.state.items():
        assert torch.equal(found[key], value), key


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    parts = {"generator_ema": part(G), "generator": part(G), "discriminator": part(D)}
    rosinality_export.write(tmp_path / "model.pt", parts)
    back = rosinality.read(tmp_path / "model.pt").parts
    assert back.keys() == parts.keys()
    for name in parts:
        assert back[name].config == parts[name].config
        assert equal(back[name].state, parts[name].state)


def test_an_average_that_the_generators_share_is_there_once(tmp_path):
    shared = part(G)
    rosinality_export.write(tmp_path / "model.pt", {"generator_ema": shared, "generator": shared})
    assert torch.load(tmp_path / "model.pt", weights_only=True).keys() == {"g_ema", "g", "latent_avg", "licence"}
    assert equal(rosinality.read(tmp_path / "model.pt").parts["generator"].state, shared.state)


def test_what_pytorch_itself_reads_without_running_anything(tmp_path):
    parts = {"generator_ema": part(G), "discriminator": part(D)}
    rosinality_export.write(tmp_path / "model.pt", parts, licence="non-commercial")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content.keys() == {"g_ema", "d", "latent_avg", "licence"}
    assert content["latent_avg"].shape == (16,)
    assert len(named_tensors(read_archive(tmp_path / "model.pt"))) == len(content["g_ema"]) + len(content["d"]) + 1


def test_the_licence_stays_what_it_was(tmp_path):
    for licence in ("", "non-commercial"):
        rosinality_export.write(tmp_path / "model.pt", {"generator_ema": part(G)}, licence=licence)
        assert rosinality.read(tmp_path / "model.pt").licence == licence


def test_the_same_networks_give_the_same_file(tmp_path):
    parts = {"generator_ema": part(G)}
    for name in ("a.pt", "b.pt"):
        rosinality_export.write(tmp_path / name, parts)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_a_generator_alone_is_also_the_average(tmp_path):
    rosinality_export.write(tmp_path / "model.pt", {"generator": part(G)})
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert equal(content["g"], content["g_ema"])


def test_a_filter_of_four_symmetric_taps_is_kept(tmp_path):
    config = replace(G, resample_filter=(1, 4, 4, 1))
    rosinality_export.write(tmp_path / "model.pt", {"generator_ema": part(config)})
    assert rosinality.read(tmp_path / "model.pt").parts["generator_ema"].config == config


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (DCGAN(), "a dcgan generator"),
        (replace(G, architecture="resnet"), "architecture resnet"),
        (replace(G, architecture="orig"), "architecture orig"),
        (replace(G, base=(5, 3), resolution=(20, 12)), "base"),
        (replace(G, resolution=(32, 64)), "resolution"),
        (replace(G, img_channels=1), "img_channels 1"),
        (replace(G, conv_clamp=256.0), "conv_clamp 256"),
        (replace(G, use_noise=False), "use_noise False"),
        (replace(G, resample_filter=(1, 2, 5, 3)), "resample_filter"),
        (replace(G, resample_filter=(1, 2, 1)), "resample_filter"),
        (replace(G, mapping=replace(G.mapping, c_dim=5)), "mapping.c_dim 5"),
        (replace(G, mapping=replace(G.mapping, z_dim=8)), "mapping.z_dim 8"),
        (replace(G, mapping=replace(G.mapping, hidden_dim=8)), "mapping.hidden_dim 8"),
        (replace(G, mapping=replace(G.mapping, lr_multiplier=1.0)), "mapping.lr_multiplier 1"),
        (replace(G, mapping=replace(G.mapping, w_avg_beta=None)), "mapping.w_avg_beta None"),
        (DCGANDiscriminator(), "a dcgan discriminator"),
        (replace(D, architecture="skip"), "architecture skip"),
        (replace(D, c_dim=5), "c_dim 5"),
        (replace(D, mbstd_group=None), "mbstd_group None"),
        (replace(D, mbstd_channels=0), "mbstd_channels 0"),
    ],
)
def test_what_it_cannot_hold_is_refused_with_the_reason(tmp_path, config, complaint):
    name = "discriminator" if isinstance(config, (Discriminator, DCGANDiscriminator)) else "generator_ema"
    parts = {"generator_ema": Part(G, {}), name: Part(config, {})}
    if name == "discriminator":
        parts["generator_ema"] = part(G)
    with pytest.raises(UserError, match=f"rosinality's .pt cannot hold {complaint}"):
        rosinality_export.write(tmp_path / "no.pt", parts)
    assert not list(tmp_path.iterdir())


def test_without_a_generator_there_is_no_file(tmp_path):
    with pytest.raises(UserError, match="holds a generator"):
        rosinality_export.write(tmp_path / "no.pt", {"discriminator": part(D)})
