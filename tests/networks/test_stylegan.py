import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Mapping, StyleGAN
from stylegans.errors import UserError
from stylegans.interop import nvidia_tensorflow_stylegan as nvidia
from stylegans.networks.protocol import Generator
from stylegans.networks.pyramid import enlarge, set_lod
from stylegans.networks.stylegan import StyleGANGenerator
from stylegans.networks.styles import mix
from stylegans.nn.normalization import pixel_norm

PUBLISHED = ["cfgB", "cfgC", "cfgD", "default", "fused", "labels5", "noblur", "relu_pixelnorm", "trad8"]


@pytest.fixture
def published(golden):
    def load(name):
        vectors = golden(f"sg1_G_{name}")
        kwargs = vectors.config["kwargs"]
        network = StyleGANGenerator(nvidia.generator_config(kwargs))
        network.load_state_dict(nvidia.generator_state(vectors.state, kwargs))
        return network.requires_grad_(False), vectors

    return load


@pytest.mark.parametrize("name", PUBLISHED)
def test_pictures_equal_the_published_ones_at_every_stage_and_truncation(published, relative_error, name):
    network, vectors = published(name)
    z, c = vectors.inputs["latents"], vectors.inputs["labels"]
    # Rectified channels can be almost flat; the norm then multiplies their rounding errors, so here there are none.
    dtype = torch.float64 if name == "relu_pixelnorm" else torch.float32
    network.synthesis.to(dtype)
    compared = 0
    for key, expected in vectors.outputs.items():
        if not key.startswith("img"):
            continue
        _, lod, psi, *cut = key.split("_")
        set_lod(network, float(lod.removeprefix("lod")))
        ws = network.mapping(
            z,
            c,
            truncation=float(psi.removeprefix("psi")),
            truncation_layers=int(cut[0].removeprefix("cut")) if cut else None,
        )
        assert relative_error(network.synthesis(ws.to(dtype)), expected) < 1e-5, key
        compared += 1
    assert compared >= len(vectors.config["lods"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_ws_equal_the_published_ones(published, relative_error, name):
    network, vectors = published(name)
    expected = vectors.outputs["dlatents"]
    found = network.mapping(vectors.inputs["latents"], vectors.inputs["labels"])
    assert found.shape == expected.shape
    assert relative_error(found, expected) < 1e-5


def test_the_generator_at_1024_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = StyleGANGenerator(StyleGAN(resolution=(1024, 1024)))
    assert sum(p.numel() for p in network.parameters()) == 26_219_627
    assert network.num_ws == 18


TRADITIONAL = {
    "use_styles": False,
    "const_input": False,
    "use_noise": False,
    "pixel_norm": True,
    "instance_norm": False,
}
"""Config B of table 1."""


def make(*, mapping=None, **options):
    mapping = Mapping(**({"z_dim": 8, "w_dim": 6, "num_layers": 2, "lr_multiplier": 1} | (mapping or {})))
    network = StyleGANGenerator(
        StyleGAN(**({"mapping": mapping, "resolution": (16, 16), "channel_base": 32, "channel_max": 8} | options))
    )
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.ones_(parameter)
    return network


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    channels=st.integers(1, 5),
    labels=st.integers(0, 3),
    layers=st.integers(0, 2),
    entrance=st.sampled_from([(True, True), (True, False), (False, False)]),
    switches=st.tuples(*[st.booleans()] * 4),
    activation=st.sampled_from(["lrelu", "relu"]),
    blur=st.sampled_from([None, (1, 2, 1), (1, 4, 6, 4, 1)]),
)
def test_any_base_grid_channels_labels_and_switches(
    levels, base, channels, labels, layers, entrance, switches, activation, blur
):
    use_styles, const_input = entrance
    use_noise, pixel, instance, normalize = switches
    size = (base[0] << levels, base[1] << levels)
    network = make(
        mapping={"c_dim": labels, "num_layers": layers},
        resolution=size,
        base=base,
        img_channels=channels,
        use_styles=use_styles,
        const_input=const_input,
        use_noise=use_noise,
        pixel_norm=pixel,
        instance_norm=instance,
        activation=activation,
        normalize_latents=normalize,
        blur_filter=blur,
    )
    assert isinstance(network, Generator)
    assert network.num_ws == (2 * (levels + 1) if use_styles else 1)
    z, c = torch.randn(2, 8), torch.eye(3, labels)[:2] if labels else None
    for lod in (0, 0.5, levels, levels + 1):
        set_lod(network, lod)
        image = network(z, c)
        assert image.shape == (2, channels, *size)
        assert image.isfinite().all()


# --- mapping --------------------------------------------------------------------------------------------------------


def test_without_layers_w_is_the_normalised_latent():
    network = make(mapping={"num_layers": 0})
    z = torch.randn(2, 8)
    assert network.w_dim == 8
    assert torch.equal(network.mapping(z)[:, 0], pixel_norm(z))


def test_the_label_is_normalised_together_with_z():
    network = make(mapping={"num_layers": 0, "c_dim": 3, "embed_dim": 5})
    z, c = torch.randn(2, 8), torch.eye(3)[:2]
    assert network.w_dim == 8 + 5
    expected = pixel_norm(torch.cat([z, network.mapping.embed.weight[:2]], dim=1))
    torch.testing.assert_close(network.mapping(z, c)[:, 0], expected)


def test_the_length_of_z_matters_only_if_it_is_not_normalised():
    z = torch.randn(2, 8)
    normalised, raw = make().mapping, make(normalize_latents=False).mapping
    torch.testing.assert_close(normalised(z), normalised(5 * z))
    assert not torch.allclose(raw(z), raw(5 * z))


def test_truncation_to_nothing_gives_the_average_picture():
    network = make()
    network.mapping.track_average(network.mapping(torch.randn(64, 8)))
    pictures = network(torch.randn(3, 8), truncation=0)
    average = network.synthesis(network.mapping.w_avg.expand(1, network.num_ws, -1))
    torch.testing.assert_close(pictures, average.expand(3, -1, -1, -1))


# --- styles and noise -----------------------------------------------------------------------------------------------


def outputs_of_layers(network, ws):
    seen = []
    layers = [layer for block in network.synthesis.blocks for layer in (block.layer0, block.layer1)]
    hooks = [layer.register_forward_hook(lambda module, inputs, output: seen.append(output)) for layer in layers]
    network.synthesis(ws)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("cutoff", [1, 3, 4])
def test_mixing_at_a_cutoff_changes_only_later_layers(cutoff):
    network = make()
    a, b = network.mapping(torch.randn(1, 8)), network.mapping(torch.randn(1, 8))
    pure, mixed = outputs_of_layers(network, a), outputs_of_layers(network, mix(a, b, cutoff))
    same = [torch.equal(x, y) for x, y in zip(pure, mixed, strict=True)]
    assert same == [True] * cutoff + [False] * (6 - cutoff)


def test_without_styles_w_enters_at_the_input_alone():
    network = make(**TRADITIONAL)
    w = torch.randn(2, 1, 6, requires_grad=True)
    network.synthesis(w).square().sum().backward()
    assert w.grad.abs().sum() > 0
    assert all("style" not in name for name, _ in network.named_parameters())


def test_instance_norm_works_without_styles_too():
    network = make(**(TRADITIONAL | {"instance_norm": True}))
    for x in outputs_of_layers(network, network.mapping(torch.randn(2, 8))):
        torch.testing.assert_close(x.mean(dim=[2, 3]), torch.zeros(x.shape[:2]), atol=1e-5, rtol=0)


def test_w_that_enters_nowhere_is_refused():
    with pytest.raises(UserError, match="const_input"):
        make(use_styles=False, const_input=True)


def test_the_constant_starts_as_ones():
    assert torch.equal(make().synthesis.input.const, torch.ones(8, 4, 4))


def test_noise_matters_where_it_is_asked_for():
    network, z = make(), torch.randn(2, 8)
    draws = {s: network(z, noise="random", generator=torch.Generator().manual_seed(s)) for s in (1, 2)}
    again = network(z, noise="random", generator=torch.Generator().manual_seed(1))
    none = network(z, noise="none")
    assert torch.equal(draws[1], again)
    assert not torch.equal(draws[1], draws[2])
    assert torch.equal(network(z), network(z, noise="const"))
    assert not torch.equal(network(z), none)
    for layer in (layer for block in network.synthesis.blocks for layer in (block.layer0, block.layer1)):
        layer.noise.noise_const.normal_()
    assert torch.equal(network(z, noise="none"), none)


def test_every_layer_has_noise_with_a_strength_per_channel():
    found = {name: value.shape for name, value in make().state_dict().items() if ".noise." in name}
    assert len(found) == 2 * 6
    assert found["synthesis.blocks.0.layer0.noise.noise_const"] == (4, 4)
    assert found["synthesis.blocks.2.layer1.noise.noise_const"] == (16, 16)
    assert found["synthesis.blocks.2.layer1.noise.noise_strength"] == (2,)


def test_without_noise_inputs_only_the_default_is_accepted():
    network = make(use_noise=False)
    assert not network.has_noise
    with pytest.raises(UserError, match="noise"):
        network(torch.randn(1, 8), noise="random")


def test_ws_of_another_shape_are_refused():
    with pytest.raises(UserError, match="ws"):
        make().synthesis(torch.zeros(1, 3, 6))


# --- growing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, TRADITIONAL])
@pytest.mark.parametrize(
    ("lod", "blocks", "pictures"),
    [
        (0, {0, 1, 2}, {2}),
        (0.3, {0, 1, 2}, {1, 2}),
        (1, {0, 1}, {1}),
        (1.5, {0, 1}, {0, 1}),
        (2, {0}, {0}),
        (9, {0}, {0}),
    ],
)
def test_the_levels_that_are_there_get_gradients_and_no_others(options, lod, blocks, pictures):
    network = make(**options)
    set_lod(network, lod)
    network(torch.randn(4, 8)).square().sum().backward()
    for name, parameter in network.named_parameters():
        there = True
        if name.startswith("synthesis.blocks."):
            level = int(name.split(".")[2])
            there = level in (pictures if "to_rgb" in name else blocks)
        assert (parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)) == there, name
        assert there or parameter.grad is None, name


def test_a_level_fades_in_linearly():
    network, z = make(), torch.randn(2, 8)
    pictures = {}
    for lod in (0, 0.25, 0.999999, 1):
        set_lod(network, lod)
        pictures[lod] = network(z)
    torch.testing.assert_close(pictures[0.25], pictures[0].lerp(pictures[1], 0.25))
    torch.testing.assert_close(pictures[0.999999], pictures[1], atol=1e-4, rtol=0)


def test_a_picture_at_stage_k_consists_of_squares_of_2_to_the_k_pixels():
    network = make()
    for lod in (1, 2):
        set_lod(network, lod)
        image = network(torch.randn(2, 8))
        small = image[:, :, :: 2**lod, :: 2**lod]
        assert torch.equal(enlarge(small, 2**lod), image)


def test_the_stage_travels_with_the_weights():
    network, other = make(), make()
    set_lod(network, 1.5)
    other.load_state_dict(network.state_dict())
    z = torch.randn(2, 8)
    assert torch.equal(network(z), other(z))
