from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.config import (
    DCGAN,
    GAN,
    DCGANDiscriminator,
    Discriminator,
    GANDiscriminator,
    GrowingDiscriminator,
    Mapping,
    ProGAN,
    ResNet,
    ResNetDiscriminator,
    StyleGAN,
    StyleGAN2,
)
from stylegans.errors import UserError
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.networks.pyramid import enlarge, set_lod, shrink
from stylegans.ops.resample import downsample, fir_filter, upsample
from stylegans.training.transfer import transfer

WIRINGS = ("orig", "skip", "resnet", "grow")
MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
NARROW = {"resolution": (16, 16), "channel_base": 128, "channel_max": 16}
G = StyleGAN2(mapping=MAPPING, **NARROW)
D = Discriminator(**NARROW, mapping_layers=2, mbstd_channels=0)
F4 = fir_filter([1, 3, 3, 1])


def trained(network):
    """Biases, noise strengths and averages as training leaves them: not zero."""
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith(("bias", "noise_strength", "w_avg")):
                scale = 20 if ".layers." in name else 0.2  # the mapping's are stored 1/lr times as large
                tensor.add_(torch.randn(tensor.shape, generator=random) * scale)
    return network.eval()


def generators(old, new):
    torch.manual_seed(1)
    source = trained(build_generator(old))
    torch.manual_seed(2)
    target = build_generator(new).eval()
    return source, target, transfer(old, source.state_dict(), target)


def discriminators(old, new):
    torch.manual_seed(1)
    source = trained(build_discriminator(old))
    torch.manual_seed(2)
    target = build_discriminator(new).eval()
    return source, target, transfer(old, source.state_dict(), target)


def what(rows):
    return {row.part: row.what for row in rows}


def latents(n=4, dim=8):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(3))


def images(n=4, channels=3, size=(16, 16)):
    return torch.rand(n, channels, *size, generator=torch.Generator().manual_seed(4)) * 2 - 1


def smooth(n=4, channels=3, size=16):
    return F.interpolate(images(n, channels, (4, 4)), size=size, mode="bilinear")


def close(found, expected, tolerance=1e-5):
    return ((found - expected).norm() / expected.norm()).item() < tolerance


# --- the same shapes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        G,
        replace(G, architecture="grow", mapping=replace(MAPPING, c_dim=3)),
        StyleGAN(mapping=replace(MAPPING, c_dim=2), **NARROW),
        StyleGAN(mapping=MAPPING, **NARROW, const_input=False, use_styles=False, use_noise=False),
        ProGAN(z_dim=8, c_dim=2, **NARROW),
        GAN(z_dim=8, resolution=(16, 16), channel_base=16, channel_max=16),
        DCGAN(z_dim=8, **NARROW),
        ResNet(z_dim=8, **NARROW),
    ],
    ids=lambda config: f"{config.family}-{getattr(config, 'architecture', '')}",
)
def test_a_generator_of_the_same_shape_is_copied(config):
    source, target, rows = generators(config, config)
    assert {row.what for row in rows} == {"copied"}
    theirs = source.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in target.state_dict().items())
    held = sum(tensor.numel() for name, tensor in theirs.items() if not name.endswith("lod"))
    assert sum(row.numbers for row in rows) == held


@pytest.mark.parametrize(
    "config",
    [
        *(replace(D, architecture=wiring) for wiring in WIRINGS),
        replace(D, c_dim=3, mbstd_channels=1),
        replace(D, c_dim=3, label_head="select"),
        GrowingDiscriminator(**NARROW, c_dim=2),
        GANDiscriminator(resolution=(16, 16), channel_base=16, channel_max=16),
        DCGANDiscriminator(**NARROW),
        ResNetDiscriminator(**NARROW, spectral_norm=True),
    ],
    ids=lambda config: f"{config.family}-{getattr(config, 'architecture', '')}-{getattr(config, 'c_dim', 0)}",
)
def test_a_discriminator_of_the_same_shape_is_copied(config):
    source, target, rows = discriminators(config, config)
    assert {row.what for row in rows} == {"copied"}
    theirs = source.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in target.state_dict().items())


def test_of_the_families_without_styles_tensors_of_equal_shape_are_copied():
    old = DCGAN(z_dim=8, **NARROW)
    _, _, rows = generators(old, replace(old, img_channels=1))
    assert what(rows) == {"project": "copied", "norm": "copied", "block 0": "copied", "out": "fresh"}


def test_another_family_is_refused_and_named():
    with pytest.raises(UserError, match=r"--from: .*'stylegan'.*'stylegan2'"):
        transfer(StyleGAN(mapping=MAPPING, **NARROW), {}, build_generator(G))


def test_weights_of_another_config_are_refused():
    with pytest.raises(UserError, match=r"--from: a damaged model"):
        transfer(G, build_generator(replace(G, channel_max=8)).state_dict(), build_generator(G))


# --- another resolution ---------------------------------------------------------------------------------------------


def test_a_skip_generator_of_twice_the_size_starts_as_the_enlarged_picture():
    source, target, rows = generators(G, replace(G, resolution=(32, 32)))
    z = latents()
    assert close(target(z), upsample(source(z), F4))
    found = what(rows)
    assert {part for part, fate in found.items() if fate == "fresh"} == {"32x32", "to-RGB 32x32"}
    assert {fate for part, fate in found.items() if "32" not in part} == {"copied"}
    assert next(row for row in rows if row.part == "32x32").how == "no such level in the source"


def test_its_new_level_gets_a_gradient():
    _, target, _ = generators(G, replace(G, resolution=(32, 32)))
    target.train()(latents()).square().mean().backward()
    assert target.synthesis.blocks[-1].to_rgb.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "config", [replace(G, architecture="grow"), StyleGAN(mapping=MAPPING, **NARROW), ProGAN(z_dim=8, **NARROW)]
)
def test_a_growing_generator_of_twice_the_size_starts_as_the_source_while_the_new_level_is_to_come(config):
    source, target, _ = generators(config, replace(config, resolution=(32, 32)))
    set_lod(target, 1)
    z = latents()
    assert close(target(z), enlarge(source(z), 2))


ROOMY = NARROW | {"channel_base": 1024, "channel_max": 32}
"""As wide at every level."""


@pytest.mark.parametrize(
    "config",
    [
        *(replace(G, **ROOMY, architecture=wiring) for wiring in ("orig", "resnet", "grow")),
        StyleGAN(mapping=MAPPING, **ROOMY),
        ProGAN(z_dim=8, **ROOMY),
    ],
    ids=lambda config: f"{config.family}-{getattr(config, 'architecture', '')}",
)
@pytest.mark.parametrize("size", [8, 32])
def test_a_level_that_draws_alone_comes_near_the_source(config, size):
    new = replace(config, resolution=(size, size))
    source, target, rows = generators(config, new)
    drawn = next(row for row in rows if row.part == f"to-RGB {size}x{size}")
    if drawn.what == "copied":  # a growing network has one at every level
        assert size == 8
        return
    z = latents(16)
    picture = F.interpolate(source(z), size=(size, size), mode="bilinear", antialias=True)
    left, scratch = (((g(z) - picture).var() / picture.var()).item() for g in (target, build_generator(new).eval()))
    assert left < 0.6
    assert left < scratch / 2
    assert drawn.how == "fitted to the source's pictures"


def test_a_smaller_skip_generator_is_the_source_without_its_finest_level():
    source, target, rows = generators(G, replace(G, resolution=(8, 8)))
    assert {row.what for row in rows} == {"copied"}
    z = latents()
    with torch.no_grad():
        source.synthesis.blocks[-1].to_rgb.weight.zero_()
        source.synthesis.blocks[-1].to_rgb.bias.zero_()
    assert close(upsample(target(z), F4), source(z))


def test_a_skip_discriminator_of_twice_the_size_starts_with_the_score_of_the_shrunk_picture():
    old = replace(D, architecture="skip")
    source, target, rows = discriminators(old, replace(old, resolution=(32, 32)))
    x = images(size=(32, 32))
    assert close(target(x), source(downsample(x, F4)))
    assert what(rows)["16x16"] == "copied"


@pytest.mark.parametrize("config", [replace(D, architecture="grow"), GrowingDiscriminator(**NARROW, mbstd_channels=0)])
def test_a_growing_discriminator_of_twice_the_size_starts_as_the_source_while_the_new_level_is_to_come(config):
    source, target, _ = discriminators(config, replace(config, resolution=(32, 32)))
    set_lod(target, 1)
    x = images(size=(32, 32))
    assert close(target(x), source(shrink(x, 2)))


WIDE_D = replace(D, **ROOMY)


@pytest.mark.parametrize(
    "config", [*(replace(WIDE_D, architecture=w) for w in WIRINGS), GrowingDiscriminator(**ROOMY, mbstd_channels=0)]
)
@pytest.mark.parametrize("size", [32, 64])
def test_the_score_of_a_larger_picture_starts_near_that_of_the_shrunk_one(config, size):
    source, target, _ = discriminators(config, replace(config, resolution=(size, size)))
    x = smooth(64, size=size)
    scores = torch.cat([target(x), source(F.interpolate(x, size=16, mode="area"))], dim=1)
    assert torch.corrcoef(scores.t())[0, 1] > 0.9


@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_smaller_discriminator_keeps_the_lower_levels(wiring):
    old = replace(D, architecture=wiring)
    _, _, rows = discriminators(old, replace(old, resolution=(8, 8)))
    found = what(rows)
    assert (found["8x8"], found["epilogue"], found["score"]) == ("copied", "copied", "copied")
    assert found["from-RGB 8x8"] == ("copied" if wiring in ("skip", "grow") else "fresh")


@pytest.mark.parametrize("wiring", ["orig", "resnet"])
def test_the_score_of_a_smaller_picture_starts_near_that_of_the_enlarged_one(wiring):
    old = replace(D, architecture=wiring)
    source, target, _ = discriminators(old, replace(old, resolution=(8, 8)))
    colors = images(64, size=(1, 1))
    scores = torch.cat([target(colors.expand(-1, -1, 8, 8)), source(colors.expand(-1, -1, 16, 16))], dim=1)
    assert torch.corrcoef(scores.t())[0, 1] > 0.6


# --- another base grid ----------------------------------------------------------------------------------------------


def test_levels_of_grids_of_another_shape_find_their_counterparts():
    _, target, rows = generators(G, replace(G, base=(3, 5), resolution=(12, 20)))
    found = {row.part: (row.what, row.how) for row in rows}
    assert found["input 5x3"] == ("adapted", "resampled from 4x4")
    assert found["20x12"] == ("adapted", "noise maps fresh")
    assert found["to-RGB 20x12"] == ("copied", "")
    assert target(latents()).shape == (4, 3, 12, 20)


def test_a_flat_input_gives_the_dense_layer_of_another_base_grid_the_same_output():
    source, target, rows = discriminators(D, replace(D, base=(3, 5), resolution=(12, 20)))
    x = torch.randn(1, 16, 1, 1)
    old, new = (d.epilogue.fc(x.expand(-1, -1, *d.config.base).flatten(1)) for d in (source, target))
    assert close(new, old)
    assert what(rows)["epilogue"] == "adapted"


def test_a_base_grid_at_another_level_is_fresh_and_said_so():
    _, _, rows = generators(G, replace(G, base=(8, 8)))
    row = next(row for row in rows if row.part == "input 8x8")
    assert (row.what, row.how) == ("fresh", "the source's base grid is another level")


# --- other widths ---------------------------------------------------------------------------------------------------

WIDE = {"channel_base": 256, "channel_max": 32}


@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_wider_generator_starts_as_the_source(wiring):
    old = replace(G, architecture=wiring)
    source, target, rows = generators(old, replace(old, **WIDE, mapping=replace(MAPPING, w_dim=12, hidden_dim=12)))
    z = latents()
    assert close(target(z), source(z))
    assert "adapted" in what(rows).values()


@pytest.mark.parametrize("config", [*(replace(D, architecture=w) for w in WIRINGS), replace(D, c_dim=2, cmap_dim=8)])
def test_a_wider_discriminator_starts_as_the_source(config):
    source, target, _ = discriminators(config, replace(config, **WIDE))
    c = torch.eye(2)[[0, 1, 1, 0]] if config.c_dim else None
    assert close(target(images(), c), source(images(), c))


def test_a_wider_growing_discriminator_and_stylegan_start_as_the_source():
    old = GrowingDiscriminator(**NARROW, mbstd_channels=0)
    source, target, _ = discriminators(old, replace(old, **WIDE))
    assert close(target(images()), source(images()))
    source, target, _ = generators(StyleGAN(mapping=MAPPING, **NARROW), StyleGAN(mapping=MAPPING, **(NARROW | WIDE)))
    assert close(target(latents()), source(latents()))


def test_new_channels_learn_although_nothing_reads_them_yet():
    _, target, _ = generators(G, replace(G, **WIDE))
    target.train()(latents()).square().mean().backward()
    assert target.synthesis.blocks[1].conv1.weight.grad[:16, 16:].abs().sum() > 0


def test_of_a_wider_source_the_first_channels_stay():
    _, target, rows = discriminators(replace(D, **WIDE), D)
    assert "first 16 of 32 channels" in next(row for row in rows if row.part == "16x16").how
    assert target(images()).std() > 0.01


# --- other pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wiring", WIRINGS)
def test_grey_from_rgb_scores_a_grey_picture_like_the_same_in_colour(wiring):
    old = replace(D, architecture=wiring)
    source, target, rows = discriminators(old, replace(old, img_channels=1))
    x = images(channels=1)
    assert close(target(x), source(x.expand(-1, 3, -1, -1)))
    assert next(r for r in rows if r.part == "from-RGB 16x16").how == "RGB → grey: weights summed over colour"


@pytest.mark.parametrize("wiring", WIRINGS)
def test_grey_from_rgb_draws_the_luma(wiring):
    old = replace(G, architecture=wiring)
    source, target, _ = generators(old, replace(old, img_channels=1))
    luma = (source(latents()) * torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)).sum(dim=1, keepdim=True)
    assert close(target(latents()), luma)


def test_rgb_from_grey_repeats_and_scores_grey_as_before():
    source, target, _ = generators(replace(G, img_channels=1), G)
    assert close(target(latents()), source(latents()).expand(-1, 3, -1, -1))
    source, target, _ = discriminators(replace(D, img_channels=1), D)
    x = images(channels=1)
    assert close(target(x.expand(-1, 3, -1, -1)), source(x))


@pytest.mark.parametrize(("wiring", "size"), [*((wiring, 16) for wiring in WIRINGS), ("skip", 32)])
def test_rgba_from_rgb_starts_opaque(wiring, size):
    old = replace(G, architecture=wiring)
    source, target, _ = generators(old, replace(old, img_channels=4, resolution=(size, size)))
    rgba = target(latents())
    torch.testing.assert_close(rgba[:, 3], torch.ones(4, size, size))
    rgb = source(latents())
    assert close(rgba[:, :3], rgb if size == 16 else upsample(rgb, F4))


def test_rgba_from_rgb_does_not_read_alpha_and_back_takes_it_as_opaque():
    source, target, _ = discriminators(D, replace(D, img_channels=4))
    x = images(channels=4)
    assert close(target(x), source(x[:, :3]))
    source, target, _ = discriminators(replace(D, img_channels=4), D)
    x = images()
    assert close(target(x), source(torch.cat([x, torch.ones(4, 1, 16, 16)], dim=1)))


def test_rgb_from_rgba_drops_alpha():
    source, target, _ = generators(replace(G, img_channels=4), G)
    assert close(target(latents()), source(latents())[:, :3])


# --- another mapping ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [3, 8])
def test_a_deeper_mapping_starts_as_the_source(depth):
    source, target, rows = generators(G, replace(G, mapping=replace(MAPPING, num_layers=depth)))
    z = latents(64)
    assert close(target.mapping(z), source.mapping(z), 1e-4)
    assert "new layers pass on what they get" in rows[0].how


def test_a_deeper_mapping_of_stylegan_starts_as_the_source():
    old = StyleGAN(mapping=MAPPING, **NARROW)
    source, target, _ = generators(old, replace(old, mapping=replace(MAPPING, num_layers=4)))
    assert close(target.mapping(latents()), source.mapping(latents()), 1e-4)


def test_another_speed_of_the_mapping_changes_nothing_it_computes():
    source, target, _ = generators(G, replace(G, mapping=replace(MAPPING, lr_multiplier=0.1)))
    assert close(target.mapping(latents()), source.mapping(latents()))


def test_a_shallower_mapping_has_the_first_layers_and_the_last():
    source, target, _ = generators(replace(G, mapping=replace(MAPPING, num_layers=8)), G)
    assert torch.equal(target.mapping.layers[0].weight, source.mapping.layers[0].weight)
    assert torch.equal(target.mapping.layers[1].weight, source.mapping.layers[7].weight)


# --- labels ---------------------------------------------------------------------------------------------------------


def test_new_labels_change_no_picture_at_first():
    source, target, rows = generators(G, replace(G, mapping=replace(MAPPING, c_dim=3)))
    c = torch.eye(3)[[0, 1, 2, 0]]
    assert close(target(latents(), c), source(latents()))
    assert what(rows)["label embedding"] == "fresh"
    target.train()(latents(), c).square().mean().backward()
    assert target.mapping.layers[0].weight.grad[:, 8:].abs().sum() > 0


def test_other_labels_are_fresh_and_z_is_read_as_before():
    old = replace(G, mapping=replace(MAPPING, c_dim=3))
    source, target, rows = generators(old, replace(G, mapping=replace(MAPPING, c_dim=5)))
    assert what(rows)["label embedding"] == "fresh"
    first = [network.mapping.layers[0].weight for network in (source, target)]
    assert torch.equal(*first)
    source, target, _ = generators(old, G)
    first = [network.mapping.layers[0] for network in (source, target)]
    effective = [layer.weight[:, :8] * layer.weight_gain for layer in first]
    assert close(effective[1], effective[0])


LABELLED = st.sampled_from([(0, "projection"), (2, "projection"), (3, "projection"), (2, "select"), (3, "select")])


@given(old=LABELLED, new=LABELLED)
@settings(max_examples=8)
def test_any_new_label_has_the_score_of_the_average_old_one(old, new):
    if old == new:
        return
    before, after = (replace(D, c_dim=c_dim, label_head=head) for c_dim, head in (old, new))
    source, target, rows = discriminators(before, after)
    x = images(3)

    def average(network):
        if not network.c_dim:
            return network(x)
        return torch.stack([network(x, row.expand(3, -1)) for row in torch.eye(network.c_dim)]).mean(dim=0)

    assert close(average(target), average(source), 1e-4)
    if new[1] == "select" and new[0]:
        assert close(target(x, torch.eye(new[0])[[0, 1, 0]]), average(source), 1e-4)
    assert what(rows)["score"] == "adapted"


# --- other wirings --------------------------------------------------------------------------------------------------


def test_residual_and_skip_networks_start_as_a_plain_source():
    plain = replace(G, architecture="orig")
    for wiring in ("resnet", "skip"):
        source, target, _ = generators(plain, replace(G, architecture=wiring))
        assert close(target(latents()), source(latents()))
    plain = replace(D, architecture="orig")
    for wiring in ("resnet", "skip"):
        source, target, _ = discriminators(plain, replace(D, architecture=wiring))
        assert close(target(images()), source(images()))


@pytest.mark.parametrize("old", WIRINGS)
@pytest.mark.parametrize("new", WIRINGS)
def test_any_wiring_comes_from_any_other(old, new):
    source, target, rows = generators(replace(G, architecture=old), replace(G, architecture=new))
    picture = source(latents())
    assert (target(latents()) - picture).var() / picture.var() < 1.1  # no worse than a flat one
    assert all(row.what == "copied" for row in rows if row.part in ("mapping", "4x4"))
    source, target, _ = discriminators(replace(D, architecture=old), replace(D, architecture=new))
    assert target(images()).isfinite().all()


# --- everything at once ---------------------------------------------------------------------------------------------

SIZES = st.sampled_from(
    [((4, 4), (4, 4)), ((4, 4), (16, 16)), ((3, 5), (12, 20)), ((7, 7), (14, 14)), ((3, 3), (24, 24))]
)
SHAPES = st.fixed_dictionaries(
    {
        "size": SIZES,
        "img_channels": st.sampled_from([1, 3, 4, 6]),
        "channel_max": st.sampled_from([4, 8]),
        "c_dim": st.sampled_from([0, 2, 3]),
        "architecture": st.sampled_from(WIRINGS),
    }
)


def shaped(config, shape):
    shape = dict(shape)
    base, resolution = shape.pop("size")
    c_dim, architecture = shape.pop("c_dim"), shape.pop("architecture")
    shape |= {"base": base, "resolution": resolution}
    if isinstance(config, (StyleGAN2, Discriminator)):
        shape["architecture"] = architecture
    if isinstance(config, (StyleGAN2, StyleGAN)):
        return replace(config, mapping=replace(MAPPING, c_dim=c_dim), **shape)
    return replace(config, c_dim=c_dim, **shape)


@given(config=st.sampled_from([G, StyleGAN(**NARROW), ProGAN(z_dim=8, **NARROW)]), old=SHAPES, new=SHAPES)
@settings(max_examples=12)
def test_any_overlap_of_shapes_gives_a_generator_that_draws_and_a_full_table(config, old, new):
    _, target, rows = generators(shaped(config, old), shaped(config, new))
    c = torch.eye(target.c_dim)[[0, 1]] if target.c_dim else None
    assert target(latents(2), c).isfinite().all()
    held = sum(tensor.numel() for name, tensor in target.state_dict().items() if not name.endswith("lod"))
    assert sum(row.numbers for row in rows) == held
    assert all(row.how for row in rows if row.what != "copied")


@given(config=st.sampled_from([D, GrowingDiscriminator(**NARROW)]), old=SHAPES, new=SHAPES)
@settings(max_examples=12)
def test_any_overlap_of_shapes_gives_a_discriminator_that_scores_and_a_full_table(config, old, new):
    _, target, rows = discriminators(shaped(config, old), shaped(config, new))
    c = torch.eye(target.c_dim)[[0, 1]] if target.c_dim else None
    assert target(images(2, target.img_channels, target.img_resolution), c).isfinite().all()
    held = sum(tensor.numel() for name, tensor in target.state_dict().items() if not name.endswith("lod"))
    assert sum(row.numbers for row in rows) == held
    assert all(row.how for row in rows if row.what != "copied")
