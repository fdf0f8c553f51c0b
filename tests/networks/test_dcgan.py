import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stylegans.config import DCGAN, DCGANDiscriminator
from stylegans.errors import UserError
from stylegans.losses.gradient_penalty import r1
from stylegans.networks.dcgan import DCGANDiscriminatorNetwork, DCGANGenerator
from stylegans.networks.protocol import Generator

NARROW = {"resolution": (16, 16), "channel_base": 64, "channel_max": 8}


def make_generator(**options):
    return DCGANGenerator(DCGAN(**(NARROW | {"z_dim": 6} | options)))


def make_discriminator(**options):
    return DCGANDiscriminatorNetwork(DCGANDiscriminator(**(NARROW | options)))


def count(network):
    return sum(p.numel() for p in network.parameters())


def shapes(network, modules, inputs):
    """The shapes [C, H, W] that ``modules`` of a network put out."""
    seen = []
    hooks = [
        m.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape[1:]))) for m in modules
    ]
    network(inputs)
    for hook in hooks:
        hook.remove()
    return seen


def test_grids_and_widths_are_those_of_figure_1():
    with torch.device("meta"):
        G, D = DCGANGenerator(DCGAN()), DCGANDiscriminatorNetwork(DCGANDiscriminator())
        grids = [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]
        assert shapes(G, [G.synthesis.norm, *G.synthesis.blocks, G.synthesis.out], torch.randn(2, 100)) == grids
        assert shapes(D, [D.read, *D.blocks], torch.randn(2, 3, 64, 64)) == grids[-2::-1]


def test_the_networks_have_the_parameters_of_figure_1():
    """Weights of its layers, with 4×4 kernels; two numbers per normalised map; biases of the layers without a norm."""
    with torch.device("meta"):
        G, D = DCGANGenerator(DCGAN()), DCGANDiscriminatorNetwork(DCGANDiscriminator())
    convolutions = 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    assert count(G) == 100 * 1024 * 16 + convolutions + 2 * (1024 + 512 + 256 + 128) + 3
    assert count(D) == convolutions + 128 + 2 * (256 + 512 + 1024) + 1024 * 16 + 1


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    channels=st.integers(1, 5),
)
def test_any_base_grid_levels_and_channels(levels, base, channels):
    size = (base[0] << levels, base[1] << levels)
    options = {"resolution": size, "base": base, "img_channels": channels}
    network = make_generator(**options)
    assert isinstance(network, Generator)
    assert (network.num_ws, network.w_dim, network.c_dim, network.has_noise) == (1, 6, 0, False)
    images = network(torch.randn(2, 6))
    assert images.shape == (2, channels, *size)
    assert images.abs().max() <= 1
    assert make_discriminator(**options)(images).shape == (2, 1)


@pytest.mark.parametrize("network", [make_generator(), make_discriminator()], ids=["generator", "discriminator"])
def test_everything_is_normalised_but_where_the_picture_is_and_the_score(network):
    plain = {n for n, m in network.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))}
    plain = {n.removeprefix("synthesis.") for n in plain if network.get_submodule(n).bias is not None}
    assert plain == ({"out"} if isinstance(network, DCGANGenerator) else {"read", "out"})
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert norms == (2 if isinstance(network, DCGANGenerator) else 1)


def test_weights_begin_as_in_section_4():
    network = make_generator(channel_base=1024, channel_max=256).synthesis
    weight = network.blocks[0].conv.weight
    assert weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert network.norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert network.norm.weight.std().item() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("size", [(16, 16), (4, 4)])
def test_every_parameter_gets_a_gradient_from_loss_and_penalty(size):
    G, D = make_generator(resolution=size), make_discriminator(resolution=size)
    D(G(torch.randn(4, 6))).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in (*G.parameters(), *D.parameters()))
    D.zero_grad()
    images = torch.randn(4, 3, *size, requires_grad=True)
    r1(D(images), images).sum().backward()
    assert all(p.grad.abs().sum() > 0 for n, p in D.named_parameters() if n.endswith("weight"))


def test_every_score_depends_on_the_whole_batch_in_training_and_on_none_of_it_in_evaluation():
    D, images = make_discriminator(), torch.randn(4, 3, 16, 16)
    images.requires_grad_()
    assert [D.group(n) for n in (1, 4, 7)] == [1, 4, 7]
    (gradient,) = torch.autograd.grad(D(images)[0], images)
    assert (gradient.abs().sum(dim=[1, 2, 3]) > 0).all()
    D.eval()
    (gradient,) = torch.autograd.grad(D(images)[0], images)
    assert not gradient[1:].any()


def test_two_batches_are_scored_apart():
    D = make_discriminator()
    a, b = torch.randn(2, 4, 3, 16, 16).unbind()
    found = D.score_both(a, b * 3, torch.zeros(4, 0))
    for scores, images in zip(found, (a, b * 3), strict=True):
        torch.testing.assert_close(scores, D(images))


def test_statistics_travel_in_the_state():
    G, z = make_generator(), torch.randn(4, 6)
    for _ in range(3):
        G(torch.randn(8, 6))
    other = make_generator()
    other.load_state_dict(G.state_dict())
    assert torch.equal(other.eval()(z), G.eval()(z))
    assert torch.equal(copy.deepcopy(G)(z), G(z))


def test_wrong_inputs_are_named():
    with pytest.raises(UserError, match="images"):
        make_discriminator()(torch.zeros(1, 3, 8, 16))
    with pytest.raises(UserError, match="takes no labels"):
        make_discriminator()(torch.zeros(1, 3, 16, 16), torch.zeros(1, 2))
    with pytest.raises(UserError, match="truncation"):
        make_generator()(torch.zeros(2, 6), truncation=0.5)
    with pytest.raises(UserError, match="resolution"):
        make_generator(resolution=(20, 20), base=(3, 3))
