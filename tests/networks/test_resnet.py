import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stylegans.config import ResNet, ResNetDiscriminator
from stylegans.errors import UserError
from stylegans.losses.gradient_penalty import r1
from stylegans.networks.protocol import Generator
from stylegans.networks.resnet import ReadingBlock, ResNetDiscriminatorNetwork, ResNetGenerator

NARROW = {"resolution": (16, 16), "channel_base": 64, "channel_max": 8}


def make_generator(**options):
    return ResNetGenerator(ResNet(**(NARROW | {"z_dim": 6} | options)))


def make_discriminator(**options):
    return ResNetDiscriminatorNetwork(ResNetDiscriminator(**(NARROW | options)))


def count(network):
    return sum(p.numel() for p in network.parameters())


def layers(network):
    return [module for module in network.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def grids(network, blocks, inputs):
    """The shapes [C, H, W] that the blocks of a network put out."""
    seen = []
    hooks = [b.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape[1:]))) for b in blocks]
    network(inputs)
    for hook in hooks:
        hook.remove()
    return seen


def test_blocks_on_cifar_are_those_of_the_tables():
    with torch.device("meta"):
        G, D = ResNetGenerator(ResNet()), ResNetDiscriminatorNetwork(ResNetDiscriminator())
        z, images = torch.randn(2, 128), torch.randn(2, 3, 32, 32)
        assert grids(G, G.synthesis.blocks, z) == [(128, 8, 8), (128, 16, 16), (128, 32, 32)]
        assert grids(D, D.blocks, images) == [(128, 16, 16), (128, 8, 8), (128, 8, 8), (128, 8, 8)]


@pytest.mark.parametrize("width", [128, 256])
def test_the_generators_on_cifar_have_the_parameters_of_the_tables(width):
    """WGAN-GP's is 128 wide, SNGAN's 256: dense, three blocks without biases, a convolution."""
    with torch.device("meta"):
        G = ResNetGenerator(ResNet(channel_max=width))
    block = 2 * 9 * width**2 + width**2 + 2 * 2 * width
    assert count(G) == (128 + 1) * 16 * width + 3 * block + 2 * width + 9 * width * 3 + 3


@pytest.mark.parametrize("spectral", [False, True])
def test_the_discriminator_on_cifar_has_the_parameters_of_the_table(spectral):
    """Four blocks of two 3×3 convolutions; the two that pool have a 1×1 beside them."""
    with torch.device("meta"):
        D = ResNetDiscriminatorNetwork(ResNetDiscriminator(spectral_norm=spectral))
    conv = 9 * 128**2 + 128
    assert count(D) == (9 * 3 + 1) * 128 + 7 * conv + (3 + 1) * 128 + (128 + 1) * 128 + 128 + 1


@given(
    levels=st.integers(0, 3),
    base=st.tuples(st.integers(3, 5), st.integers(3, 5)),
    channels=st.integers(1, 5),
    spectral=st.booleans(),
)
def test_any_base_grid_levels_and_channels(levels, base, channels, spectral):
    size = (base[0] << levels, base[1] << levels)
    options = {"resolution": size, "base": base, "img_channels": channels}
    network = make_generator(**options)
    assert isinstance(network, Generator)
    assert (network.num_ws, network.w_dim, network.c_dim, network.has_noise) == (1, 6, 0, False)
    images = network(torch.randn(2, 6))
    assert images.shape == (2, channels, *size)
    assert images.abs().max() <= 1
    assert make_discriminator(**options, spectral_norm=spectral)(images).shape == (2, 1)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(4, [4, 4, 4]), (8, [4, 4, 4]), (16, [8, 8, 8]), (32, [16, 8, 8, 8]), (64, [32, 16, 8, 8, 8])],
)
def test_the_picture_is_halved_down_to_the_grid_above_the_base_at_least_once(side, expected):
    D = make_discriminator(resolution=(side, side))
    assert [shape[1] for shape in grids(D, D.blocks, torch.randn(1, 3, side, side))] == expected


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("size", [(16, 16), (4, 4)])
def test_every_parameter_gets_a_gradient_from_loss_and_penalty(size, spectral):
    G, D = make_generator(resolution=size), make_discriminator(resolution=size, spectral_norm=spectral)
    D(G(torch.randn(4, 6))).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in (*G.parameters(), *D.parameters()))
    D.zero_grad()
    images = torch.randn(4, 3, *size, requires_grad=True)
    r1(D(images), images).sum().backward()
    weights = [p for p in D.parameters() if p.ndim > 1]
    assert len(weights) == len(layers(D))
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in weights)


def test_the_gradient_of_the_penalty_is_that_of_finite_differences():
    D = make_discriminator(resolution=(8, 8), channel_max=2).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    weight = D.blocks[0].conv0.weight
    (gradient,) = torch.autograd.grad(r1(D(images), images).sum(), weight)
    direction, step = torch.randn_like(weight), 1e-6
    penalties = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * direction
        penalties.append(r1(D(images), images).sum())
        with torch.no_grad():
            weight -= sign * step * direction
    torch.testing.assert_close(
        (gradient * direction).sum(), (penalties[0] - penalties[1]) / (2 * step), rtol=1e-5, atol=0
    )


# --- equalities the blocks rest on ----------------------------------------------------------------------------------


def test_a_1x1_convolution_may_stand_on_either_side_of_resampling():
    block, x = ReadingBlock(3, 5, down=2), torch.randn(2, 3, 8, 8)
    nn.init.normal_(block.skip.bias)
    pool = nn.AvgPool2d(2)
    torch.testing.assert_close(block.skip(pool(x)), pool(block.skip(x)))
    enlarge = nn.Upsample(scale_factor=2)
    torch.testing.assert_close(enlarge(block.skip(x)), block.skip(enlarge(x)))


def test_a_bias_in_the_generators_blocks_would_change_nothing():
    G, z = make_generator(), torch.randn(4, 6)
    expected = G(z)
    for block in G.synthesis.blocks:
        for layer in layers(block):
            assert layer.bias is None
            layer.bias = nn.Parameter(torch.randn(layer.out_channels))
    torch.testing.assert_close(G(z), expected, rtol=1e-3, atol=1e-4)


def test_sum_and_mean_pooling_differ_by_the_number_of_pixels():
    summing, averaging = make_discriminator(pooling="sum"), make_discriminator(pooling="mean")
    averaging.load_state_dict(summing.state_dict())
    images = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(summing(images), averaging(images) * 8 * 8, rtol=1e-4, atol=1e-5)  # biases are 0


@pytest.mark.parametrize("spectral", [False, True])
def test_no_score_depends_on_another_sample(spectral):
    D, images = make_discriminator(spectral_norm=spectral), torch.randn(3, 3, 16, 16, requires_grad=True)
    assert D.group(3) == 1
    (gradient,) = torch.autograd.grad(D(images)[0], images)
    assert not gradient[1:].any()


# --- initialisation -------------------------------------------------------------------------------------------------


def test_weights_begin_with_the_variance_of_glorot_and_twice_that_in_the_blocks():
    D = make_discriminator(channel_base=1024, channel_max=64)
    block = D.blocks[1]
    assert block.conv0.weight.var().item() == pytest.approx(2 * 2 / (2 * 64 * 9), rel=0.05)
    assert D.blocks[0].skip.weight.var().item() == pytest.approx(2 / (3 + 64), rel=0.2)
    assert not any(layer.bias.any() for layer in layers(D))


# --- spectral normalisation -----------------------------------------------------------------------------------------


def largest_singular_values(network):
    return torch.stack([torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2) for layer in layers(network)])


def test_with_spectral_norm_the_largest_singular_value_of_every_weight_comes_to_be_one():
    D = make_discriminator(spectral_norm=True)
    with torch.no_grad():
        for parameter in D.parameters():
            if parameter.ndim > 1:
                parameter += 3 * torch.randn_like(parameter)
        for _ in range(300):
            D(torch.zeros(1, 3, 16, 16))
    values = largest_singular_values(D.eval())
    assert len(values) == 2 * 3 + 1 + 1  # three blocks, the first of which has a shortcut, and the score
    torch.testing.assert_close(values, torch.ones(len(values)), rtol=2e-3, atol=0)


def test_without_it_singular_values_are_what_they_are():
    assert largest_singular_values(make_discriminator()).std() > 0.01


def test_spectral_norm_takes_out_the_scale_of_the_weights():
    D, images = make_discriminator(spectral_norm=True).eval(), torch.randn(2, 3, 16, 16)
    expected = D(images)
    with torch.no_grad():
        for parameter in D.parameters():
            if parameter.ndim > 1:
                parameter *= 7
    torch.testing.assert_close(D(images), expected)


def test_the_power_iteration_goes_on_in_training_and_rests_in_evaluation():
    D, images = make_discriminator(spectral_norm=True), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        D.out.parametrizations.weight.original.normal_()
        D.blocks[0].conv0.parametrizations.weight.original.normal_()
    before = {name: value.clone() for name, value in D.state_dict().items()}
    D.eval()(images)
    assert all(torch.equal(value, before[name]) for name, value in D.state_dict().items())
    D.train()(images)
    moved = {name for name, value in D.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.endswith(("._u", "._v")) for name in moved)


def test_the_power_iteration_is_saved_loaded_and_copied():
    D, images = make_discriminator(spectral_norm=True), torch.randn(2, 3, 16, 16)
    for _ in range(3):
        D(images)
    loaded = make_discriminator(spectral_norm=True)
    loaded.load_state_dict(D.state_dict())
    for other in (loaded, copy.deepcopy(D)):
        assert not {p.data_ptr() for p in other.parameters()} & {p.data_ptr() for p in D.parameters()}
        one = copy.deepcopy(D)
        for _ in range(2):  # the same also after another step of the iteration
            assert torch.equal(other(images), one(images))


def test_a_frozen_discriminator_with_spectral_norm_still_passes_gradients_to_the_picture():
    D, images = make_discriminator(spectral_norm=True).requires_grad_(False), torch.randn(2, 3, 16, 16)
    images.requires_grad_()
    D(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_wrong_inputs_are_named():
    with pytest.raises(UserError, match="images"):
        make_discriminator()(torch.zeros(1, 3, 8, 16))
    with pytest.raises(UserError, match="takes no labels"):
        make_discriminator()(torch.zeros(1, 3, 16, 16), torch.zeros(1, 2))
    with pytest.raises(UserError, match="resolution"):
        make_generator(resolution=(20, 20), base=(3, 3))
