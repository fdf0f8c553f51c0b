import copy
import shutil

import pytest
import torch

from stylegans.config import Discriminator, Mapping, StyleGAN2, StyleGAN3
from stylegans.networks import compiled
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.ops.random import Rows, per_sample

CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's compiler raises some of its own
MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
NARROW = {"resolution": (8, 8), "channel_base": 64, "channel_max": 8}

needs_compiler = pytest.mark.skipif(compiled.why_not(CPU) is not None, reason="nothing can be compiled here")


def generator():
    torch.manual_seed(0)
    network = build_generator(StyleGAN2(mapping=MAPPING, **NARROW))
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(1)
    return network


def graphs(network, *arguments, **options):
    """In how many pieces PyTorch compiles a call."""
    found = torch._dynamo.explain(network)(*arguments, **options)
    torch._dynamo.reset()
    return found.graph_count


def test_without_a_compiler_there_is_a_reason(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert compiled.why_not(CPU).startswith("there is no C++ compiler (")
    assert compiled.why_not(torch.device("mps")) == "not on mps"


@pytest.mark.parametrize(
    "make",
    [
        lambda: build_generator(StyleGAN2(mapping=MAPPING, architecture="resnet", **NARROW)).synthesis,
        lambda: build_generator(StyleGAN3(mapping=MAPPING, num_layers=3, **NARROW, margin_size=2)).synthesis,
    ],
)
def test_a_synthesis_network_is_one_graph(make):
    network = make()
    assert graphs(network, torch.randn(2, network.num_ws, 8, requires_grad=True)) == 1


def test_a_discriminator_is_one_graph():
    assert graphs(build_discriminator(Discriminator(**NARROW)), torch.randn(4, 3, 8, 8)) == 1


@needs_compiler
def test_a_compiled_generator_draws_the_same_pictures_with_the_same_noise():
    network, z = generator(), torch.randn(2, 8)

    def draw(source):
        with torch.no_grad():
            return network(z, noise="random", generator=source())

    sources = (
        lambda: torch.Generator().manual_seed(1),
        lambda: per_sample(range(2), seed=1, device=CPU),
        lambda: Rows(torch.Generator().manual_seed(1), 4, torch.tensor([1, 3])),
    )
    expected = [draw(source) for source in sources]
    compiled.compile_synthesis(network.synthesis)
    assert compiled.is_compiled(network.synthesis)
    for source, images in zip(sources, expected, strict=True):
        torch.testing.assert_close(draw(source), images, rtol=1e-5, atol=1e-5)
    copied = copy.deepcopy(network)
    assert vars(copied.synthesis)["forward"].network is copied.synthesis
    assert list(copied.state_dict()) == list(network.state_dict())
    with compiled.settled():  # another batch is not compiled for
        assert network(z[:1], noise="const").shape == (1, 3, 8, 8)
    with compiled.as_written(network.synthesis):
        assert torch.equal(draw(sources[0]), expected[0])
    compiled.as_it_was(network.synthesis)
    assert not compiled.is_compiled(network.synthesis)
    assert torch.equal(draw(sources[0]), expected[0])


@needs_compiler
@pytest.mark.long
def test_a_compiled_discriminator_has_the_same_gradients_and_as_written_their_derivatives():
    torch.manual_seed(0)
    network, x = build_discriminator(Discriminator(**NARROW)), torch.randn(4, 3, 8, 8)

    def gradients():
        network.zero_grad()
        network(x).square().sum().backward()
        return [parameter.grad.clone() for parameter in network.parameters()]

    def penalty():
        images = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), list(network.parameters()), allow_unused=True)

    first, second = gradients(), penalty()
    compiled.compile_discriminator(network)
    for found, expected in zip(gradients(), first, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    with compiled.as_written(network):
        for found, expected in zip(penalty(), second, strict=True):
            assert (found is None) == (expected is None)
            if found is not None:
                torch.testing.assert_close(found, expected)
