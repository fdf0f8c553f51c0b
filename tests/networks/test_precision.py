import pytest
import torch
import torch.nn.functional as F

from stylegans.config import (
    DCGAN,
    Discriminator,
    GrowingDiscriminator,
    Mapping,
    ProGAN,
    StyleGAN,
    StyleGAN2,
    StyleGAN3,
)
from stylegans.errors import UserError
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.networks.precision import Reducible, set_precision

NARROW = {"resolution": (32, 32), "channel_base": 256, "channel_max": 16}
MAPPING = Mapping(z_dim=16, w_dim=16, num_layers=2)
GENERATORS = {
    "stylegan2": StyleGAN2(mapping=MAPPING, **NARROW),
    "stylegan2-resnet": StyleGAN2(mapping=MAPPING, architecture="resnet", **NARROW),
    "stylegan3-t": StyleGAN3(mapping=MAPPING, num_layers=4, **NARROW),
    "stylegan3-r": StyleGAN3(mapping=MAPPING, num_layers=4, conv_kernel=1, use_radial_filters=True, **NARROW),
    "stylegan": StyleGAN(mapping=MAPPING, **NARROW),
    "progan": ProGAN(z_dim=16, **NARROW),
}
DISCRIMINATORS = {
    "stylegan2": Discriminator(**NARROW),
    "stylegan2-skip": Discriminator(architecture="skip", **NARROW),
    "growing": GrowingDiscriminator(**NARROW),
}
CLAMPED = [name for name in GENERATORS if name.startswith(("stylegan2", "stylegan3"))]


def generator(name="stylegan2"):
    torch.manual_seed(0)
    return build_generator(GENERATORS[name]).eval()


def discriminator(name="stylegan2"):
    torch.manual_seed(0)
    return build_discriminator(DISCRIMINATORS[name]).eval()


def output(network, x, y):
    """Of ``network``, after the backward of a linear loss."""
    found = network(x)
    assert found.dtype == torch.float32
    (found * y).mean().backward()
    return found


@pytest.fixture
def errors(relative_error):
    """How far off, in another precision, what is computed is, and the gradient that its backward leaves."""

    def computed(network, compute):
        network.zero_grad()
        value = compute()
        return value.detach(), torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])

    def compared(network, compute, dtype, *, from_resolution=None):
        exact = computed(network, compute)
        set_precision(network, dtype, from_resolution=from_resolution)
        return map(relative_error, computed(network, compute), exact)

    return compared


def pictures(seed=1):
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed)).clamp(-1, 1)


def smooth():
    """What a loss looks at in a picture: areas rather than single pixels, in whose noise a gradient would drown."""
    return F.interpolate(torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(1)), (32, 32), mode="bilinear")


def latents():
    return torch.randn(4, 16, generator=torch.Generator().manual_seed(1))


def test_levels_from_the_resolution_up_are_reduced():
    g, d = generator(), discriminator()
    set_precision(g, torch.bfloat16, from_resolution=16)
    set_precision(d, torch.bfloat16, from_resolution=16)
    low, full = torch.bfloat16, torch.float32
    assert [block.dtype for block in g.synthesis.blocks] == [full, full, low, low]
    assert [block.dtype for block in d.blocks] == [low, low, full]
    assert d.epilogue.dtype == full


@pytest.mark.parametrize("name", GENERATORS)
def test_bfloat16_is_for_32_and_above(name):
    network = generator(name)
    set_precision(network, torch.bfloat16)
    parts = [part for part in network.modules() if isinstance(part, Reducible)]
    assert {part.dtype for part in parts if part.rate >= 32} == {torch.bfloat16}
    assert {part.dtype for part in parts if part.rate < 32} == {torch.float32}


@pytest.mark.parametrize("network", [StyleGAN2(mapping=MAPPING), StyleGAN3(mapping=MAPPING, num_layers=6)])
def test_float16_is_for_the_four_finest_resolutions_of_256_as_published(network):
    with torch.device("meta"):
        built = build_generator(network)
    set_precision(built, torch.float16)
    for part in built.modules():
        if isinstance(part, Reducible):
            assert (part.dtype is torch.float16) == (part.rate * 16 > 256)


@pytest.mark.parametrize("name", GENERATORS)
def test_pictures_in_bfloat16_differ_by_two_percent_and_gradients_by_twelve(name, errors):
    network, z, y = generator(name), latents(), smooth()
    picture, gradient = errors(network, lambda: output(network, z, y), torch.bfloat16, from_resolution=8)
    assert 0 < picture < 2e-2
    assert gradient < 0.12


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_scores_in_bfloat16_differ_by_two_percent_and_gradients_by_twelve(name, errors):
    network, x, y = discriminator(name), pictures(), torch.ones(4, 1)
    score, gradient = errors(network, lambda: output(network, x, y), torch.bfloat16, from_resolution=8)
    assert 0 < score < 2e-2
    assert gradient < 0.12


@pytest.mark.parametrize("name", CLAMPED)
def test_pictures_in_float16_differ_by_two_in_a_thousand_and_gradients_by_two_percent(name, errors):
    network, z, y = generator(name), latents(), smooth()
    picture, gradient = errors(network, lambda: output(network, z, y), torch.float16)
    assert 0 < picture < 2e-3
    assert gradient < 2e-2


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 4e-2), (torch.float16, 2e-2)])
def test_r1_needs_no_other_precision_than_the_scores(dtype, tolerance, errors):
    """Its value and its gradient are no further off than those of the game."""
    network = discriminator()

    def penalty():
        x = pictures().requires_grad_()
        (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        squared = slope.square().sum(dim=[1, 2, 3])
        squared.mean().backward()
        return squared

    assert all(error < tolerance for error in errors(network, penalty, dtype, from_resolution=8))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.1), (torch.float16, 0.03)])
def test_path_lengths_need_no_other_precision_than_the_pictures(dtype, tolerance, errors):
    network, z, y = generator(), latents(), pictures()

    def penalty():
        ws = network.mapping(z)
        (slope,) = torch.autograd.grad((network.synthesis(ws) * y).sum() / 32, ws, create_graph=True)
        lengths = slope.square().sum(dim=2).mean(dim=1).sqrt()
        (lengths - lengths.detach().mean() / 2).square().mean().backward()
        return lengths

    assert all(error < tolerance for error in errors(network, penalty, dtype, from_resolution=8))


def test_float16_bounds_activations_and_float32_takes_the_bound_away():
    network, z = generator(), latents()
    exact = network(z)
    set_precision(network, torch.float16)
    finest = network.synthesis.blocks[-1]
    assert finest.conv0.clamp == finest.conv1.clamp == finest.to_rgb.clamp == 256
    assert network.synthesis.blocks[0].conv1.clamp is None
    set_precision(network, torch.float32)
    assert finest.conv1.clamp is None
    assert torch.equal(network(z), exact)


def test_a_network_with_a_bound_of_its_own_keeps_it():
    torch.manual_seed(0)
    network = build_discriminator(Discriminator(conv_clamp=64, **NARROW))
    set_precision(network, torch.float16)
    assert network.blocks[0].conv0.clamp == 64
    assert network.blocks[0].skip.clamp is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_networks_are_refused(dtype):
    network = build_generator(DCGAN(resolution=(32, 32), channel_base=64))
    with pytest.raises(UserError, match="--precision: dcgan networks do not compute in"):
        set_precision(network, dtype)
    set_precision(network, torch.float32)


@pytest.mark.parametrize("name", ["stylegan", "progan"])
def test_activations_without_a_bound_are_refused_in_float16(name):
    with pytest.raises(UserError, match="--precision"):
        set_precision(generator(name), torch.float16)
