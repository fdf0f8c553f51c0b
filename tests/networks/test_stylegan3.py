import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Mapping, StyleGAN3
from stylegans.config.sizes import base_grid
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch_stylegan3 as nvidia
from stylegans.networks.protocol import Generator
from stylegans.networks.stylegan3 import StyleGAN3Generator, signals

PUBLISHED = ["sg3_T_tiny", "sg3_R_tiny", "sg3_T_clamp_up", "sg3_T_c5_default_layers"]


@pytest.fixture
def published(golden):
    def load(name):
        vectors = golden(name)
        config = nvidia.generator_config(vectors.config["kwargs"])
        network = StyleGAN3Generator(config)
        network.load_state_dict(nvidia.generator_state(vectors.state, config))
        return network.eval(), vectors

    return load


@pytest.mark.parametrize("name", PUBLISHED)
def test_pictures_equal_the_published_ones(published, golden, relative_error, name):
    network, vectors = published(name)
    z, c, outputs = vectors.inputs["z"], vectors.inputs["c"], vectors.outputs
    for cut, options in {
        "psi1": {},
        "psi0.7": {"truncation": 0.7},
        "psi0.7_cut4": {"truncation": 0.7, "truncation_layers": 4},
    }.items():
        ws = network.mapping(z, c, **options)
        assert relative_error(ws, outputs[f"ws_{cut}"]) < 1e-5
        assert relative_error(network.synthesis(ws), outputs[f"img_{cut}"]) < vectors.tolerance(f"img_{cut}"), cut
    features = network.synthesis.input(outputs["ws_psi1"][:, 0])
    assert relative_error(features, outputs["input_features"]) < 1e-5
    assert relative_error(network.synthesis(outputs["ws_mix"]), outputs["img_mix"]) < vectors.tolerance("img_mix")


@pytest.mark.parametrize("name", ["sg3_T_tiny", "sg3_R_tiny", "sg3_T_c5_default_layers"])
def test_transformed_pictures_equal_the_published_ones(published, relative_error, name):
    network, vectors = published(name)
    for key, transform in vectors.inputs.items():
        if key.startswith("transform_"):
            out = f"img_psi1_{key.removeprefix('transform_')}"
            network.synthesis.input.transform.copy_(transform)
            found = network(vectors.inputs["z"], vectors.inputs["c"])
            assert relative_error(found, vectors.outputs[out]) < vectors.tolerance(out), out


@pytest.mark.parametrize("name", PUBLISHED)
def test_averages_after_a_batch_equal_the_published_ones(published, relative_error, name):
    """The published network updates each layer's average on the way, before the layer uses it."""
    network, vectors = published(name)
    with torch.no_grad():
        ws = network.mapping(vectors.inputs["z"], vectors.inputs["c"])
        network.mapping.track_average(ws)
        x = network.synthesis.input(ws[:, 0])
        for layer, w in zip(network.synthesis.layers, ws[:, 1:].unbind(1), strict=True):
            layer.track_magnitude(x.square().mean())
            x = layer(x, w)
    found = torch.stack([layer.magnitude_ema for layer in network.synthesis.layers])
    assert relative_error(found, vectors.outputs["magnitude_ema_after_update_emas"]) < 1e-5
    assert relative_error(network.mapping.w_avg, vectors.outputs["w_avg_after_update_emas"]) < 1e-5


def test_tracking_a_batch_follows_its_magnitudes():
    network = make().train()
    ws = network.mapping(torch.randn(4, 8))
    images, magnitudes = network.synthesis.observed(ws)
    assert torch.equal(images, network.synthesis(ws))
    before = [layer.magnitude_ema.clone() for layer in network.synthesis.layers]
    network.synthesis.track(magnitudes)
    for layer, old, magnitude in zip(network.synthesis.layers, before, magnitudes, strict=True):
        torch.testing.assert_close(layer.magnitude_ema, magnitude.lerp(old, 0.999))


@pytest.mark.parametrize("name", PUBLISHED)
def test_layers_are_the_published_ones(golden, name):
    config = golden(name).config
    network = StyleGAN3Generator(nvidia.generator_config(config["kwargs"]))
    outputs = signals(network.config)
    assert network.num_ws == config["num_ws"]
    assert list(network.synthesis.input.size) == config["input"]["size"]
    for layer, signal, expected in zip(network.synthesis.layers, outputs, config["layers"], strict=True):
        assert (signal.channels, list(signal.size), signal.rate) == (
            expected["out_channels"],
            expected["out_size"],
            expected["out_sampling_rate"],
        )
        assert signal.cutoff == pytest.approx(expected["out_cutoff"])
        assert signal.half_width == pytest.approx(expected["out_half_width"])
        assert (layer.up, layer.down, list(layer.padding)) == (
            expected["up_factor"],
            expected["down_factor"],
            expected["padding"],
        )


R = {"conv_kernel": 1, "use_radial_filters": True, "channel_base": 65536, "channel_max": 1024}

T_1024 = (
    "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_148_512 L6_148_512 L7_276_323 L8_276_203 L9_532_128 "
    "L10_1044_81 L11_1044_51 L12_1044_32 L13_1024_32 L14_1024_3"
)
T_512 = (
    "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_84_512 L6_148_512 L7_148_483 L8_276_323 L9_276_215 "
    "L10_532_144 L11_532_96 L12_532_64 L13_512_64 L14_512_3"
)
R_1024 = (
    "L0_36_1024 L1_36_1024 L2_52_1024 L3_52_1024 L4_84_1024 L5_148_1024 L6_148_1024 L7_276_645 L8_276_406 "
    "L9_532_256 L10_1044_161 L11_1044_102 L12_1044_64 L13_1024_64 L14_1024_3"
)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (StyleGAN3(resolution=(1024, 1024)), T_1024),
        (StyleGAN3(resolution=(512, 512)), T_512),
        (StyleGAN3(resolution=(1024, 1024), **R), R_1024),
    ],
)
def test_layers_of_the_published_models_have_their_names(config, names):
    assert nvidia.layer_names(config) == names.split()


@pytest.mark.parametrize(("options", "count"), [({}, 22_313_167), (R, 15_093_151)])
def test_t_and_r_at_1024_have_the_published_number_of_parameters(options, count):
    with torch.device("meta"):
        network = StyleGAN3Generator(StyleGAN3(resolution=(1024, 1024), **options))
    assert sum(p.numel() for p in network.parameters()) == count
    assert network.num_ws == 16


def make(**options):
    narrow = {"mapping": Mapping(z_dim=8, w_dim=8, num_layers=1), "channel_base": 64, "channel_max": 8}
    return StyleGAN3Generator(StyleGAN3(**(narrow | {"resolution": (16, 16), "num_layers": 5} | options)))


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    channels=st.integers(1, 4),
    radial=st.booleans(),
)
def test_any_base_grid_and_channels(levels, base, channels, radial):
    size = (base[0] << levels, base[1] << levels)
    network = make(resolution=size, base=base, img_channels=channels, use_radial_filters=radial)
    assert isinstance(network, Generator)
    assert network.num_ws == 7
    with torch.no_grad():
        assert network(torch.randn(2, 8)).shape == (2, channels, *size)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="num_critical"):
        make(num_layers=2, num_critical=2)
    with pytest.raises(UserError, match="first_stopband"):
        make(resolution=(14, 14), base=base_grid((14, 14)), first_stopband=1.2, first_cutoff=0.5)


def test_every_parameter_gets_a_gradient():
    network = make(mapping=Mapping(z_dim=8, w_dim=8, num_layers=2, c_dim=3))
    network(torch.randn(2, 8), torch.eye(3)[:2]).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_there_is_no_noise():
    network = make()
    assert not network.has_noise
    with pytest.raises(UserError, match="noise"):
        network(torch.randn(1, 8), noise="random")


def test_a_picture_does_not_depend_on_its_batch():
    network, z = make(), torch.randn(3, 8)
    torch.testing.assert_close(network(z)[:1], network(z[:1]), rtol=1e-5, atol=1e-6)


def moved_by(network, z, transform):
    """The picture of z when the user moves it by ``transform``."""
    network.synthesis.input.transform.copy_(torch.tensor(transform).inverse())
    with torch.no_grad():
        return network(z)


STILL = [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_translation_moves_the_picture_to_the_right_and_down():
    network, z = make(resolution=(32, 32), num_layers=6), torch.randn(1, 8)
    still, moved = (moved_by(network, z, [[1.0, 0, x / 32], [0, 1, y / 32], [0, 0, 1]]) for x, y in ((0, 0), (4, 2)))
    difference = (moved[:, :, 2:, 4:] - still[:, :, :-2, :-4]).square().mean() / still.var()
    assert difference < 0.01


def test_a_quarter_turn_turns_the_picture_of_r_but_not_of_t():
    errors = []
    for options in ({"conv_kernel": 1, "use_radial_filters": True}, {}):
        network, z = make(resolution=(32, 32), num_layers=6, **options), torch.randn(1, 8)
        turned = moved_by(network, z, [[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # y points down: anticlockwise
        still = moved_by(network, z, STILL)
        errors.append(((turned - still.rot90(1, (2, 3))).square().mean() / still.var()).item())
    assert errors[0] < 0.01
    assert errors[1] > 0.1
