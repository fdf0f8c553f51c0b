import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import ProGAN
from stylegans.errors import UserError
from stylegans.interop import nvidia_tensorflow
from stylegans.networks.progan import ProGANGenerator
from stylegans.networks.protocol import Generator
from stylegans.networks.pyramid import enlarge, set_lod


@pytest.mark.parametrize("name", ["progan_G_paper", "progan_G_paper_labels5", "progan_G_paper_unfused"])
def test_pictures_equal_the_published_ones_at_every_stage(golden, relative_error, name):
    vectors = golden(name)
    network = ProGANGenerator(nvidia_tensorflow.progan_config(vectors.config["kwargs"]))
    network.load_state_dict(nvidia_tensorflow.progan_state(vectors.state))
    for lod in vectors.config["lods"]:
        set_lod(network, lod)
        found = network(vectors.inputs["latents"], vectors.inputs["labels"])
        assert relative_error(found, vectors.outputs[f"img_lod{lod:g}"]) < 1e-5, lod


def test_the_generator_of_1024_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = ProGANGenerator(ProGAN(resolution=(1024, 1024)))
    assert sum(p.numel() for p in network.parameters()) == 23_079_115
    assert len(network.synthesis.blocks) == 9


def make(**options):
    narrow = {"z_dim": 8, "channel_base": 64, "channel_max": 8, "resolution": (32, 32)}
    return ProGANGenerator(ProGAN(**(narrow | options)))


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    channels=st.integers(1, 5),
    labels=st.sampled_from([0, 1, 4]),
    lod=st.floats(0, 3),
)
def test_any_base_grid_channels_labels_and_stage(levels, base, channels, labels, lod):
    size = (base[0] << levels, base[1] << levels)
    network = make(resolution=size, base=base, img_channels=channels, c_dim=labels)
    set_lod(network, lod)
    assert isinstance(network, Generator)
    assert network.num_ws == 1
    assert network(torch.randn(2, 8), torch.randn(2, labels)).shape == (2, channels, *size)


def test_a_latent_counts_by_its_direction_alone(relative_error):
    network, z = make(), torch.randn(2, 8)
    assert relative_error(network(3 * z), network(z)) < 1e-4
    assert relative_error(network(-z), network(z)) > 1e-1


# --- growth ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lod", [1, 2, 3])
def test_at_a_whole_stage_it_is_the_generator_of_the_smaller_size_enlarged(lod):
    network, small = make(), make(resolution=(32 >> lod, 32 >> lod))
    names = small.state_dict().keys()
    small.load_state_dict({name: value for name, value in network.state_dict().items() if name in names})
    set_lod(network, lod)
    z = torch.randn(2, 8)
    torch.testing.assert_close(network(z), enlarge(small(z), 2**lod))


@pytest.mark.parametrize("lod", [1, 2])
def test_pictures_do_not_jump_where_a_level_arrives(relative_error, lod):
    network, z = make(), torch.randn(2, 8)

    def at(stage):
        set_lod(network, stage)
        return network(z)

    assert relative_error(at(lod - 1e-4), at(lod)) < 1e-3
    assert relative_error(at(lod + 1e-4), at(lod)) < 1e-3
    assert relative_error(at(lod + 0.5), at(lod)) > 1e-2


@pytest.mark.parametrize(
    ("lod", "levels", "pictures"),
    [(0, 4, [3]), (0.5, 4, [2, 3]), (1, 3, [2]), (1.7, 3, [1, 2]), (3, 1, [0]), (5, 1, [0])],
)
def test_what_is_there_is_computed_and_learns_and_nothing_else(lod, levels, pictures):
    network = make()
    set_lod(network, lod)
    network(torch.randn(2, 8)).square().sum().backward()
    expected = {"synthesis.input"}
    expected |= {f"synthesis.blocks.{level}.conv{i}" for level in range(levels) for i in (0, 1) if level or i}
    expected |= {f"synthesis.blocks.{level}.to_rgb" for level in pictures}
    for name, parameter in network.named_parameters():
        if name.rpartition(".")[0] in expected:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


# --- what it refuses ------------------------------------------------------------------------------------------------


def test_there_is_no_average_to_truncate_towards_and_no_noise():
    network, z = make(), torch.randn(1, 8)
    with pytest.raises(UserError, match="truncation"):
        network(z, truncation=0.7)
    with pytest.raises(UserError, match="noise"):
        network(z, noise="random")
    with pytest.raises(UserError, match="ws"):
        network.synthesis(torch.zeros(1, 2, 8))
