import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import GAN, GANDiscriminator
from stylegans.errors import UserError
from stylegans.losses.adversarial import discriminator_logistic_fake, discriminator_logistic_real
from stylegans.losses.gradient_penalty import r1
from stylegans.networks.gan import GANDiscriminatorNetwork, GANGenerator
from stylegans.networks.protocol import Generator
from stylegans.nn.dropout import Dropout


def make_generator(**options):
    return GANGenerator(GAN(**({"z_dim": 6, "resolution": (8, 8), "channel_base": 16} | options)))


def make_discriminator(**options):
    narrow = {"resolution": (8, 8), "channel_base": 12, "pieces": 3}
    return GANDiscriminatorNetwork(GANDiscriminator(**(narrow | options)))


def count(network):
    return sum(p.numel() for p in network.parameters())


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    channels=st.integers(1, 5),
    layers=st.integers(0, 3),
    units=st.integers(1, 9),
)
def test_any_size_channels_and_depth(size, channels, layers, units):
    options = {"resolution": size, "img_channels": channels, "num_layers": layers, "channel_max": units}
    network = make_generator(**options)
    assert isinstance(network, Generator)
    assert (network.num_ws, network.w_dim, network.c_dim, network.has_noise) == (1, 6, 0, False)
    images = network(torch.randn(3, 6))
    assert images.shape == (3, channels, *size)
    assert make_discriminator(**options)(images).shape == (3, 1)


def test_pictures_lie_between_minus_one_and_one_and_reach_both():
    network = make_generator()
    with torch.no_grad():
        for parameter in network.synthesis.out.parameters():
            parameter *= 10_000
        images = network(torch.randn(20, 6))
    assert images.abs().max() <= 1
    assert images.min() < -0.99
    assert images.max() > 0.99


def test_the_networks_on_mnist_have_the_parameters_of_their_layers():
    """Two hidden layers of 1200 rectified units, and of 240 maxout units of 5 pieces, on 28² grey pictures."""
    with torch.device("meta"):
        G = GANGenerator(GAN(z_dim=100, resolution=(28, 28), img_channels=1))
        D = GANDiscriminatorNetwork(GANDiscriminator(resolution=(28, 28), img_channels=1))
    assert count(G) == (100 + 1) * 1200 + (1200 + 1) * 1200 + (1200 + 1) * 784
    assert count(D) == (784 + 1) * 240 * 5 + (240 + 1) * 240 * 5 + (240 + 1)


def test_every_parameter_gets_a_gradient():
    G, D = make_generator(), make_discriminator()
    images = G(torch.randn(30, 6))
    D(images).sum().backward()
    for parameter in (*G.parameters(), *D.parameters()):
        assert parameter.grad.abs().sum() > 0


def test_the_penalty_on_the_gradient_can_be_minimised():
    D = make_discriminator()
    images = torch.randn(8, 3, 8, 8, requires_grad=True)
    r1(D(images), images).sum().backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in (*D.layers, D.out))


def test_small_first_weights_do_not_keep_the_discriminator_from_learning():
    D = make_discriminator(channel_base=60, channel_max=60)
    optimizer = torch.optim.Adam(D.parameters(), lr=1e-3)
    for _ in range(60):
        real, fake = torch.randn(2, 16, 3, 8, 8) + torch.tensor([0.5, -0.5]).view(2, 1, 1, 1, 1)
        loss = (discriminator_logistic_real(D(real)) + discriminator_logistic_fake(D(fake))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.5 * 2 * math.log(2)  # what a coin scores


def test_scores_are_random_in_training_and_fixed_in_evaluation():
    D, images = make_discriminator(), torch.randn(4, 3, 8, 8)
    assert not torch.equal(D(images), D(images))
    D.eval()
    assert torch.equal(D(images), D(images))


def test_scores_repeat_with_the_generator_of_the_dropouts():
    D, images = make_discriminator(), torch.randn(4, 3, 8, 8)
    scores = []
    for seed in (1, 1, 2):
        random = torch.Generator().manual_seed(seed)
        for module in D.modules():
            if isinstance(module, Dropout):
                module.random = random
        scores.append(D(images))
    assert torch.equal(scores[0], scores[1])
    assert not torch.equal(scores[0], scores[2])


def test_dropout_acts_on_the_picture_and_on_every_hidden_layer():
    D, images = make_discriminator(num_layers=2), torch.randn(4, 3, 8, 8)
    seen = []
    for dropout in (D.dropout_input, D.dropout_hidden):
        dropout.register_forward_hook(lambda module, inputs, output: seen.append((module.p, tuple(output.shape))))
    D(images)
    assert seen == [(0.2, (4, 192)), (0.5, (4, 12)), (0.5, (4, 12))]


def test_a_copy_scores_alike_and_the_state_holds_the_layers_alone():
    D, images = make_discriminator().eval(), torch.randn(2, 3, 8, 8)
    assert torch.equal(copy.deepcopy(D)(images), D(images))
    assert set(D.state_dict()) == {
        f"{layer}.{p}" for layer in ("layers.0", "layers.1", "out") for p in ("weight", "bias")
    }


def test_a_dropout_of_everything_is_refused():
    with pytest.raises(UserError, match="dropout"):
        make_discriminator(dropout_hidden=1.0)


def test_wrong_inputs_are_named():
    with pytest.raises(UserError, match="images"):
        make_discriminator()(torch.zeros(1, 1, 8, 8))
    with pytest.raises(UserError, match="takes no labels"):
        make_discriminator()(torch.zeros(1, 3, 8, 8), torch.zeros(1, 2))
    with pytest.raises(UserError, match="z: expected"):
        make_generator()(torch.zeros(1, 7))
    with pytest.raises(UserError, match="noise"):
        make_generator()(torch.zeros(1, 6), noise="random")
