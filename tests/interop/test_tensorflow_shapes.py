import pytest

from stylegans.errors import UserError
from stylegans.interop import open as opened
from stylegans.interop import tensorflow_shapes

GENERATORS = [
    "progan_G_paper", "progan_G_paper_labels5", "progan_G_paper_unfused", "sg1_G_cfgB", "sg1_G_cfgC", "sg1_G_cfgD",
    "sg1_G_default", "sg1_G_fused", "sg1_G_labels5", "sg1_G_noblur", "sg1_G_relu_pixelnorm", "sg1_G_trad8",
    "sg2_G_orig", "sg2_G_resnet", "sg2_G_revised", "sg2_G_skip", "sg2_G_skip_labels5", "sg2_G_skip_mixkernel",
]  # fmt: skip

DISCRIMINATORS = [
    "progan_D_paper", "progan_D_paper_unfused", "sg1_D_default", "sg1_D_fused", "sg1_D_labels5", "sg1_D_nombstd",
    "sg2_D_orig", "sg2_D_resnet", "sg2_D_resnet_asymkernel", "sg2_D_resnet_labels5", "sg2_D_skip", "sg2_D_stylegan",
]  # fmt: skip


NOT_IN_THE_SHAPES = (
    *("num_channels", "resolution", "label_size", "resample_kernel", "blur_filter", "normalize_latents", "fused_scale"),
    *("nonlinearity", "mapping_nonlinearity", "use_pixel_norm", "use_instance_norm", "mbstd_group_size"),
)


@pytest.mark.parametrize("name", [*GENERATORS, *DISCRIMINATORS])
def test_options_that_are_not_stated_are_read_off_the_variables(tensorflow, name):
    complete = tensorflow.golden(name)
    expected = next(iter(opened.read(tensorflow.write(complete)).parts.values()))
    given = {key: value for key, value in complete.state["static_kwargs"].items() if key in NOT_IN_THE_SHAPES}
    found = opened.read(tensorflow.write(tensorflow.holder(complete.state | {"static_kwargs": given})))
    (part,) = found.parts.values()
    assert part.state.keys() == expected.state.keys()
    if "G_" not in name or (hasattr(part.config, "mapping") and part.config.mapping.num_layers > 1):
        assert part.config == expected.config


def test_what_is_stated_must_be_what_the_variables_tell():
    assert tensorflow_shapes.completed({"a": 1, "b": None, "c": 3}, {"a": 1, "b": 2}) == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(UserError, match="a: 1 is stated, but the variables are those of 2"):
        tensorflow_shapes.completed({"a": 1}, {"a": 2})


WIDTHS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128}
"""Feature maps of configs A to E."""


def discriminator(widths):
    finest = max(widths)
    shapes = {f"{finest}x{finest}/FromRGB/weight": (1, 1, 3, widths[finest]), "4x4/Conv/weight": (3, 3, 513, 512)}
    shapes |= {f"{size}x{size}/{'Conv' if size == 4 else 'Conv0'}/bias": (width,) for size, width in widths.items()}
    return shapes | {"Output/bias": (1,)}


@pytest.mark.parametrize(
    ("stated", "found"),
    [({}, (8192, 512)), ({"fmap_base": 8192}, (8192, 512)), ({"fmap_base": 8192, "fmap_max": 512}, (8192, 512))],
)
def test_feature_maps_are_what_gives_the_widths(stated, found):
    options = tensorflow_shapes.stylegan2_discriminator(discriminator(WIDTHS), stated)
    assert (options["fmap_base"], options["fmap_max"]) == found
    assert (options["resolution"], options["num_channels"], options["label_size"]) == (128, 3, 0)


@pytest.mark.parametrize("stated", [{"fmap_base": 4096}, {"fmap_max": 256}, {"fmap_base": 8192, "fmap_max": 1024}])
def test_stated_feature_maps_that_give_other_widths_are_refused(stated):
    with pytest.raises(UserError, match=r"fmap_base, fmap_max: .* 512 at 4x4, .* 128 at 128x128"):
        tensorflow_shapes.stylegan2_discriminator(discriminator(WIDTHS), stated)


def test_the_published_default_is_kept_where_it_gives_the_same():
    widths = {4: 512, 8: 512, 16: 512}
    options = tensorflow_shapes.stylegan2_discriminator(discriminator(widths), {})
    assert (options["fmap_base"], options["fmap_max"]) == (16384, 512)


@pytest.mark.parametrize("missing", ["8x8", "64x64"])
def test_a_missing_level_is_noticed(missing):
    shapes = {name: shape for name, shape in discriminator(WIDTHS).items() if not name.startswith(missing)}
    with pytest.raises(UserError, match="those of a level are missing"):
        tensorflow_shapes.stylegan2_discriminator(shapes, {})


def test_a_statistic_where_a_group_is_one_sample_is_none():
    shapes = discriminator(WIDTHS) | {"4x4/Conv/weight": (3, 3, 512, 512)}
    assert tensorflow_shapes.stylegan2_discriminator(shapes, {"mbstd_group_size": 1})["mbstd_group_size"] == 1
    with pytest.raises(UserError, match="mbstd_group_size: 4 is stated"):
        tensorflow_shapes.completed({"mbstd_group_size": 4}, tensorflow_shapes.stylegan2_discriminator(shapes, {}))


def test_a_statistic_of_no_channels_is_none_whatever_its_groups():
    shapes = discriminator(WIDTHS) | {"4x4/Conv/weight": (3, 3, 512, 512)}
    stated = {"mbstd_num_features": 0, "mbstd_group_size": 4}
    options = tensorflow_shapes.completed(stated, tensorflow_shapes.stylegan2_discriminator(shapes, stated))
    assert (options["mbstd_num_features"], options["mbstd_group_size"]) == (0, 4)
