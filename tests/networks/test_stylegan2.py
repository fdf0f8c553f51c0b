import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Mapping, StyleGAN2
from stylegans.config.sizes import base_grid
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch, nvidia_tensorflow_stylegan2
from stylegans.losses.path_length import path_lengths
from stylegans.networks.precision import set_precision
from stylegans.networks.protocol import Generator
from stylegans.networks.pyramid import enlarge, lod_of, set_lod, shrink
from stylegans.networks.stylegan2 import StyleGAN2Generator

PUBLISHED = [
    "ada_G_orig_c0",
    "ada_G_resnet_asymfir",
    "ada_G_resnet_c0",
    "ada_G_resnet_clamp",
    "ada_G_skip_asymfir",
    "ada_G_skip_c0",
    "ada_G_skip_c5",
    "ada_G_skip_clamp",
]

PUBLISHED_TENSORFLOW = [
    "sg2_G_orig",
    "sg2_G_resnet",
    "sg2_G_revised",
    "sg2_G_skip",
    "sg2_G_skip_labels5",
    "sg2_G_skip_mixkernel",
]


def has_stage(network):
    """Whether the network keeps a stage of growth."""
    return any(name.endswith("lod") for name, _ in network.named_buffers())


@pytest.fixture
def published(golden):
    def load(name):
        vectors = golden(name)
        network = StyleGAN2Generator(nvidia_pytorch.generator_config(vectors.config["kwargs"]))
        network.load_state_dict(nvidia_pytorch.generator_state(vectors.state))
        return network, vectors

    return load


@pytest.mark.parametrize("name", PUBLISHED)
def test_pictures_equal_the_published_ones(published, relative_error, name):
    network, vectors = published(name)
    z, c, outputs = vectors.inputs["z"], vectors.inputs["c"], vectors.outputs
    compared = 0
    for key, expected in outputs.items():
        kind, _, how = key.partition("_")
        if kind != "img" or how.endswith("mix"):
            continue
        noise, _, psi = how.partition("_")
        psi, cut, layers = psi.removeprefix("psi").partition("_cut")
        options = {"truncation": float(psi), "truncation_layers": int(layers) if cut else None}
        assert relative_error(network(z, c, noise=noise, **options), expected) < 1e-5, key
        ws = outputs.get(f"ws_psi{how.partition('_psi')[2]}")
        assert ws is None or relative_error(network.mapping(z, c, **options), ws) < 1e-5
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize("name", ["ada_G_orig_c0", "ada_G_resnet_c0", "ada_G_skip_c0", "ada_G_skip_c5"])
def test_mixed_pictures_equal_the_published_ones(published, relative_error, name):
    network, vectors = published(name)
    for noise in ("const", "none"):
        found = network.synthesis(vectors.outputs["ws_mix"], noise=noise)
        assert relative_error(found, vectors.outputs[f"img_{noise}_mix"]) < 1e-5


def test_path_lengths_equal_the_published_ones(published, relative_error):
    network, vectors = published("ada_G_skip_c0")
    ws = network.mapping(vectors.inputs["z"], vectors.inputs["c"]).detach().clone().requires_grad_()
    images = network.synthesis(ws)
    (gradient,) = torch.autograd.grad((images * vectors.inputs["pl_noise"]).sum(), ws, retain_graph=True)
    assert relative_error(gradient, vectors.outputs["pl_grads"]) < 1e-5
    lengths = path_lengths(images, ws, vectors.inputs["pl_noise"])
    assert relative_error(lengths, vectors.outputs["pl_lengths"]) < 1e-5


@pytest.mark.parametrize("name", PUBLISHED_TENSORFLOW)
def test_pictures_of_every_stage_equal_those_published_for_tensorflow(golden, relative_error, name):
    vectors = golden(name)
    network = StyleGAN2Generator(nvidia_tensorflow_stylegan2.generator_config(vectors.config["kwargs"]))
    network.load_state_dict(nvidia_tensorflow_stylegan2.generator_state(vectors.state))
    z, c = vectors.inputs["latents"], vectors.inputs["labels"]
    stages = set()
    for key, expected in vectors.outputs.items():
        if key == "dlatents":
            assert relative_error(network.mapping(z, c), expected) < 1e-5
            continue
        _, lod, psi, *cut = key.split("_")
        set_lod(network, float(lod.removeprefix("lod")))
        layers = int(cut[0].removeprefix("cut")) if cut else None
        found = network(z, c, truncation=float(psi.removeprefix("psi")), truncation_layers=layers)
        assert relative_error(found, expected) < 1e-5, key
        stages.add(lod)
    assert len(stages) == (4 if name == "sg2_G_revised" else 1)


def test_config_f_at_1024_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = StyleGAN2Generator(StyleGAN2(resolution=(1024, 1024)))
    assert sum(p.numel() for p in network.parameters()) == 30_370_060
    assert network.num_ws == 18


def make(**options):
    narrow = {"mapping": Mapping(z_dim=8, w_dim=8, num_layers=1), "channel_base": 32, "channel_max": 8}
    return StyleGAN2Generator(StyleGAN2(**(narrow | {"resolution": (16, 16)} | options)))


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    channels=st.integers(1, 5),
    architecture=st.sampled_from(["orig", "skip", "resnet", "grow"]),
    lod=st.floats(0, 3),
)
def test_any_base_grid_channels_wiring_and_stage(levels, base, channels, architecture, lod):
    size = (base[0] << levels, base[1] << levels)
    network = make(resolution=size, base=base, img_channels=channels, architecture=architecture)
    set_lod(network, lod)  # beyond the base grid there is nothing coarser
    assert isinstance(network, Generator)
    assert network.num_ws == 2 * (levels + 1)
    assert network(torch.randn(2, 8)).shape == (2, channels, *size)


def test_a_rectangle_starts_from_the_grid_of_the_design():
    assert base_grid((384, 640)) == (3, 5)


@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_every_parameter_gets_a_gradient(architecture):
    network = make(architecture=architecture, mapping=Mapping(z_dim=8, w_dim=8, num_layers=2, c_dim=3))
    random = torch.Generator().manual_seed(0)
    images = network(torch.randn(2, 8), torch.eye(3)[:2], noise="random", generator=random)
    images.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_mixing_at_a_cutoff_changes_only_later_layers():
    network = make(resolution=(32, 32)).eval()
    a, b = network.mapping(torch.randn(1, 8)), network.mapping(torch.randn(1, 8))
    seen: list[torch.Tensor] = []
    for block in network.synthesis.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    for ws in (a, torch.cat([a[:, :4], b[:, 4:]], dim=1)):
        network.synthesis(ws)
    same = [torch.equal(x, y) for x, y in zip(seen[:4], seen[4:], strict=True)]
    assert same == [True, True, False, False]  # layers 0-3 feed 4² and 8²; layer 3 is also 16²'s first


def test_without_noise_inputs_only_the_default_is_accepted():
    network = make(use_noise=False)
    assert not network.has_noise
    network(torch.randn(1, 8), noise="const")
    with pytest.raises(UserError, match="noise"):
        network(torch.randn(1, 8), noise="random")


def test_noise_repeats_with_its_generator():
    network = make()
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.ones_(parameter)
    z = torch.randn(2, 8)
    one, two, other = (network(z, noise="random", generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_ws_of_another_shape_are_refused():
    with pytest.raises(UserError, match="ws"):
        make().synthesis(torch.zeros(1, 3, 8))


# --- growing --------------------------------------------------------------------------------------------------------


def growing(**options):
    """Three levels, 4² to 16², with noise and biases that are not zero."""
    network = make(architecture="grow", **options)
    for name, parameter in network.named_parameters():
        if name.endswith(("noise_strength", "bias")):
            torch.nn.init.normal_(parameter)
    return network


def test_networks_that_grow_alone_keep_a_stage():
    assert has_stage(make(architecture="grow"))
    assert not any(has_stage(make(architecture=wiring)) for wiring in ("orig", "skip", "resnet"))


def test_grown_it_is_the_orig_wiring():
    network, orig = growing(), make(architecture="orig")
    state = {name: value for name, value in network.state_dict().items() if name in orig.state_dict()}
    orig.load_state_dict(state)
    z = torch.randn(2, 8)
    assert torch.equal(network(z), orig(z))


@pytest.mark.parametrize(
    ("lod", "blocks", "pictures"),
    [(0, {0, 1, 2}, {2}), (0.3, {0, 1, 2}, {1, 2}), (1, {0, 1}, {1}), (1.7, {0, 1}, {0, 1}), (2, {0}, {0})],
)
def test_the_levels_that_are_there_get_a_gradient_and_no_others(lod, blocks, pictures):
    network = growing()
    set_lod(network, lod)
    images = network(torch.randn(2, 8), noise="random", generator=torch.Generator().manual_seed(0))
    images.square().sum().backward()
    for name, parameter in network.named_parameters():
        match name.split("."):
            case ["synthesis", "blocks", level, "to_rgb", *_]:
                there = int(level) in pictures
            case ["synthesis", "blocks", level, *_]:
                there = int(level) in blocks
            case _:
                there = True
        computed = parameter.grad is not None
        assert computed == there, name
        assert not computed or parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("lod", [0, 1, 2])
def test_a_stage_draws_no_finer_than_it_is(lod):
    network = growing()
    set_lod(network, lod)
    images = network(torch.randn(2, 8))
    assert images.shape == (2, 3, 16, 16)
    torch.testing.assert_close(images, enlarge(shrink(images, 2**lod), 2**lod))


@pytest.mark.parametrize("lod", [0, 0.5, 1, 1.5, 2])
def test_pictures_change_continuously_with_the_stage(lod):
    network, z = growing(), torch.randn(2, 8)
    pictures = []
    for stage in (lod - 1e-3, lod, lod + 1e-3):
        set_lod(network, max(stage, 0))
        pictures.append(network(z))
    for other in (pictures[0], pictures[2]):
        assert (other - pictures[1]).norm() < 3e-3 * pictures[1].norm()


def test_fading_is_linear_between_two_stages():
    network, z = growing(), torch.randn(2, 8)
    pictures = {}
    for lod in (1, 1.25, 2):
        set_lod(network, lod)
        pictures[lod] = network(z)
    torch.testing.assert_close(pictures[1.25], pictures[1].lerp(pictures[2], 0.25), rtol=1e-4, atol=1e-5)


def test_a_network_saved_while_a_level_fades_in_draws_what_it_drew():
    network, other, z = growing(), growing(), torch.randn(2, 8)
    set_lod(network, 0.3)
    other.load_state_dict(network.state_dict())
    assert lod_of(other) == pytest.approx(0.3)
    assert torch.equal(other(z), network(z))


@pytest.mark.parametrize("lod", [0, 0.4, 1])
def test_a_growing_network_in_bfloat16_stays_close_to_float32(relative_error, lod):
    network, z = make(architecture="grow", channel_base=256, channel_max=16), torch.randn(4, 8)
    set_lod(network, lod)
    exact = network(z)
    set_precision(network, torch.bfloat16, from_resolution=8)
    assert 0 < relative_error(network(z), exact) < 3e-2
