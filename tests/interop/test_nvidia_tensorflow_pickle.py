import os
import pickle
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylegans.errors import MissingFile, UserError
from stylegans.interop import foreign, nvidia_export
from stylegans.interop import nvidia_tensorflow_pickle as nvidia
from stylegans.interop import open as opened
from stylegans.interop.nvidia_tensorflow_pickle import read
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.networks.pyramid import set_lod

GENERATORS = [
    "progan_G_paper", "progan_G_paper_labels5", "progan_G_paper_unfused", "sg1_G_cfgB", "sg1_G_cfgC", "sg1_G_cfgD",
    "sg1_G_default", "sg1_G_fused", "sg1_G_labels5", "sg1_G_noblur", "sg1_G_relu_pixelnorm", "sg1_G_trad8",
    "sg2_G_orig", "sg2_G_resnet", "sg2_G_revised", "sg2_G_skip", "sg2_G_skip_labels5", "sg2_G_skip_mixkernel",
]  # fmt: skip

DISCRIMINATORS = [
    "progan_D_paper", "progan_D_paper_unfused", "sg1_D_default", "sg1_D_fused", "sg1_D_labels5", "sg1_D_nombstd",
    "sg2_D_orig", "sg2_D_resnet", "sg2_D_resnet_asymkernel", "sg2_D_resnet_labels5", "sg2_D_skip", "sg2_D_stylegan",
]  # fmt: skip


def built(part, *, generator=True):
    found = (build_generator if generator else build_discriminator)(part.config)
    found.load_state_dict(part.state)
    return found


# --- they compute what the published ones do ------------------------------------------------------------------------


@pytest.mark.parametrize("name", GENERATORS)
def test_pictures_equal_the_published_ones_at_every_stage(golden, relative_error, tensorflow, name):
    vectors = golden(name)
    found = read(tensorflow.write(tensorflow.golden(name)))
    generator = built(found.parts["generator"])
    z, c, compared = vectors.inputs["latents"], vectors.inputs["labels"], 0
    for key, expected in vectors.outputs.items():
        if key == "dlatents":
            assert relative_error(generator.mapping(z, c), expected) < 1e-5
            continue
        _, lod, *truncation = key.split("_")
        set_lod(generator, float(lod.removeprefix("lod")))
        options = {}
        for part in truncation:
            if part.startswith("psi"):
                options["truncation"] = float(part.removeprefix("psi"))
            else:
                options["truncation_layers"] = int(part.removeprefix("cut"))
        assert relative_error(generator(z, c, **options), expected) < 1e-5, key
        compared += 1
    assert compared


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_scores_equal_the_published_ones_at_every_stage(golden, relative_error, tensorflow, name):
    vectors = golden(name)
    discriminator = built(read(tensorflow.write(tensorflow.golden(name))).parts["discriminator"], generator=False)
    for key, expected in vectors.outputs.items():
        kind, _, lod = key.partition("_lod")
        if kind == "scores":
            set_lod(discriminator, float(lod))
            found = discriminator(vectors.inputs["images"], vectors.inputs["labels"])
            assert relative_error(found, expected) < 1e-5, key


# --- what a file holds ----------------------------------------------------------------------------------------------


def averaged(published_network):
    state = dict(published_network.state, name="Gs")
    return type(published_network)(state | {"variables": [(key, value * 0 + 2) for key, value in state["variables"]]})


def test_the_averaged_generator_is_the_third(tensorflow):
    g, d = tensorflow.golden("sg2_G_skip"), tensorflow.golden("sg2_D_resnet", name="D")
    found = read(tensorflow.write((g, d, averaged(g))))
    assert [*found.parts] == ["generator", "discriminator", "generator_ema"]
    assert (found.source, found.family, found.licence) == ("StyleGAN2 (TensorFlow)", "stylegan2", foreign.NVIDIA)
    assert (found.parts["generator_ema"].state["mapping.w_avg"] == 2).all()
    assert not (found.parts["generator"].state["mapping.w_avg"] == 2).all()


def test_some_of_the_networks_are_enough(tensorflow):
    g, d = tensorflow.golden("sg1_G_default"), tensorflow.golden("sg1_D_default", name="D")
    assert [*read(tensorflow.write((g, d))).parts] == ["generator", "discriminator"]
    assert [*read(tensorflow.write((None, None, g))).parts] == ["generator_ema"]
    assert [*read(tensorflow.write(averaged(g))).parts] == ["generator_ema"]
    assert [*read(tensorflow.write([d])).parts] == ["discriminator"]


@pytest.mark.parametrize(
    ("name", "source", "licence"),
    [
        ("progan_D_paper", "Progressive GAN (TensorFlow)", "Creative Commons BY-NC 4.0"),
        ("sg1_D_default", "StyleGAN (TensorFlow)", "NVIDIA"),
        ("sg2_D_resnet", "StyleGAN2 (TensorFlow)", "NVIDIA"),
    ],
)
def test_it_says_which_program_wrote_it_and_what_it_may_be_used_for(tensorflow, name, source, licence):
    found = read(tensorflow.write(tensorflow.golden(name)))
    assert found.source == source
    assert licence in found.licence
    assert "non-commercial" in found.licence


class Python2Pickler(pickle._Pickler):
    """Texts and arrays' numbers alike are strings of bytes."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        content = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + len(content).to_bytes(4, "little") + content)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string


@pytest.mark.parametrize(
    ("protocol", "pickler"), [*((protocol, pickle.Pickler) for protocol in (2, 3, 4, 5)), (2, Python2Pickler)]
)
@pytest.mark.parametrize("module", ["dnnlib.tflib.network", "tfutil"])
def test_every_way_of_writing_gives_the_same(tensorflow, module, protocol, pickler):
    for name in ("progan_G_paper", "sg2_G_skip"):
        expected = read(tensorflow.write(tensorflow.golden(name))).parts["generator"]
        found = read(
            tensorflow.write(tensorflow.golden(name), module=module, protocol=protocol, pickler=pickler)
        ).parts["generator"]
        assert found.config == expected.config
        assert found.state.keys() == expected.state.keys()
        assert all(torch.equal(value, expected.state[key]) for key, value in found.state.items())


# --- Progressive GAN's two layouts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_both_layouts_of_progressive_gan_are_told_apart_by_their_shapes(golden, relative_error, tensorflow, first):
    vectors = golden("progan_G_paper")
    variables = {
        name: value.transpose(2, 3) if first and "Conv0_up/weight" in name else value
        for name, value in vectors.state.items()
    }
    path = tensorflow.write(
        tensorflow.network("G_paper", variables, vectors.config["kwargs"], version=2), module="tfutil"
    )
    generator = built(read(path).parts["generator"])
    set_lod(generator, 0)
    image = generator(vectors.inputs["latents"], vectors.inputs["labels"])
    assert relative_error(image, vectors.outputs["img_lod0"]) < 1e-5


@pytest.mark.parametrize(("version", "first"), [(2, True), (3, False)])
def test_where_shapes_do_not_tell_the_layout_the_version_does(version, first):
    variables = {"8x8/Conv0_up/weight": torch.zeros(3, 3, 4, 4), "8x8/Conv0_up/bias": torch.zeros(4)}
    square = nvidia.Network(name="G", version=version, function="G_paper", options={}, variables=variables)
    assert nvidia._output_comes_first(square) is first
    oblong = replace(square, variables=variables | {"8x8/Conv0_up/weight": torch.zeros(3, 3, 8, 4)})
    assert nvidia._output_comes_first(oblong) is False


# --- Progressive GAN's labels -----------------------------------------------------------------------------------------


def test_a_discriminator_that_also_classifies_gives_its_scores(golden, relative_error, tensorflow):
    vectors = golden("progan_D_paper")
    state = dict(vectors.state)
    for name in ("4x4/Dense1/weight", "4x4/Dense1/bias"):
        state[name] = torch.cat([state[name], torch.randn(*state[name].shape[:-1], 5)], dim=-1)
    kwargs = vectors.config["kwargs"] | {"label_size": 5}
    part = read(tensorflow.write(tensorflow.network("D_paper", state, kwargs, version=2, name="D"))).parts
    scores = built(part["discriminator"], generator=False)(vectors.inputs["images"])
    assert relative_error(scores, vectors.outputs["scores_lod0"]) < vectors.tolerance("scores_lod0")


# --- options --------------------------------------------------------------------------------------------------------


def test_the_stage_of_growth_is_the_generators_own(tensorflow):
    published_network = tensorflow.golden("sg2_G_revised")
    state = published_network.state
    state["variables"] = [(key, np.float32(1.5) if key == "lod" else value) for key, value in state["variables"]]
    state["components"]["synthesis"].state["variables"].append(("lod", np.float32(4)))
    assert read(tensorflow.write(published_network)).parts["generator"].state["synthesis.lod"] == 1.5


def test_what_is_done_with_labels_is_left_unsaid_where_there_are_none(tensorflow, tmp_path):
    networks = (None, tensorflow.golden("sg2_D_resnet", name="D"), tensorflow.golden("sg2_G_skip", name="Gs"))
    before = opened.read(tensorflow.write(networks)).parts
    nvidia_export.write(tmp_path / "ada.pkl", before)  # whose labels are another matter
    after = opened.read(tmp_path / "ada.pkl").parts
    for name, part in before.items():
        assert after[name].config == part.config
        assert all(torch.equal(value, after[name].state[key]) for key, value in part.state.items())


# --- what is refused ------------------------------------------------------------------------------------------------


def test_one_array_by_many_names_takes_no_more_than_the_file(tensorflow):
    array = np.zeros(100_000, np.uint8)
    network = tensorflow.network("G_paper", {}, {}, version=2)
    network.state["variables"] = [(f"a{i}", array) for i in range(50_000)]  # 20 GB as float32, each its own
    path = tensorflow.write(network)
    assert path.stat().st_size < 2_000_000
    with pytest.raises(UserError, match=r"more than \d+ numbers, for which there is no room in the file"):
        read(path)


class Evil:
    def __reduce__(self):
        return os.system, ("exit 1",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"build_func_name": "os.system"}, "build_func_name: 'os.system' is none of G_paper"),
        ({"build_func_name": "x\n\x1b[2J"}, "stands where a name should be"),
        ({"build_func_name": Evil()}, r"asks for \w+\.system, which no such file needs; nothing was run"),
        ({"variables": [("4x4/Conv/weight", "os.system")]}, "'4x4/Conv/weight' is not an array of numbers"),
        ({"variables": [("a", np.array([None, "x"], dtype=object))]}, "array"),
        ({"variables": [("a", Evil())]}, "asks for"),
        ({"variables": [("a", 1, 2)]}, "not a list of names and arrays"),
        ({"variables": [("", np.zeros(3, np.float32))]}, "'': unknown variable"),
        ({"variables": 3}, "not a list of names and arrays"),
        ({"variables": [], "components": {}}, "those of a level are missing"),
        ({"components": {"os": {}}}, "components: 'os' is no network that we know"),
        ({"components": {"mapping": Evil()}}, "asks for"),
        ({"version": 9}, "version: 9 is none of 2, 3, 4, 5"),
        ({"version": [2]}, "damaged"),
        ({"static_kwargs": 3}, "static_kwargs: not a dictionary"),
        ({"static_kwargs": {"colour": "red"}}, "colour: unknown option"),
        ({"static_kwargs": {"colour": {}}}, "colour: neither a number, nor a text"),
        ({"static_kwargs": {"resolution": 1 << 40}}, "resolution: 1099511627776 is stated, but .* 32"),
        ({"static_kwargs": {"mapping_layers": 1 << 40}}, "mapping_layers: .* is stated, but the variables .* 4"),
        ({"static_kwargs": {"fmap_max": 1 << 60, "fmap_base": 1 << 60}}, "fmap_base, fmap_max: "),
        ({"static_kwargs": {"fmap_base": "os"}}, "fmap_base: 'os' is not a whole number"),
        ({"static_kwargs": {"label_size": 1 << 40}}, "label_size: "),
        ({"static_kwargs": {"mapping_lrmul": "x"}}, "lr_multiplier"),
        ({"static_kwargs": {"resample_kernel": [1e300] * 60}}, "resample_kernel|resample_filter|option"),
        ({"static_kwargs": {"resample_kernel": [1] * 100}}, "resample_kernel: neither"),
        ({"static_kwargs": {"architecture": "resnet"}}, "architecture: 'resnet' is stated"),
    ],
)
def test_a_hostile_file_gets_one_line(tensorflow, change, message):
    whole = tensorflow.golden("sg2_G_skip")
    path = tensorflow.write(tensorflow.holder(whole.state | change))
    with pytest.raises(UserError, match=message) as caught:
        opened.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["version", "static_kwargs", "build_func_name", "variables"])
def test_what_a_network_lacks_is_named(tensorflow, name):
    state = dict(tensorflow.golden("sg1_D_default").state)
    del state[name]
    with pytest.raises(UserError, match=f"{name}: a network of its lacks it"):
        read(tensorflow.write(tensorflow.holder(state)))


@pytest.mark.long
@pytest.mark.parametrize("name", ["sg1_G_default", "sg2_D_resnet", "progan_G_paper", "progan_D_paper", "sg2_G_orig"])
def test_every_variable_is_needed(tensorflow, name):
    state = tensorflow.golden(name).state
    holders = [state, *(component.state for component in state["components"].values())]
    for holder in holders:
        complete = holder["variables"]
        for i in range(0, len(complete), 5):  # every fifth, for speed
            if complete[i][0] in ("lod", "dlatent_avg") and name.startswith("sg2"):
                continue
            holder["variables"] = complete[:i] + complete[i + 1 :]
            with pytest.raises(UserError) as caught:
                opened.read(tensorflow.write(tensorflow.holder(state)))
            assert str(caught.value).isprintable()
        holder["variables"] = complete


@pytest.mark.parametrize("tree", [[], (), None, 3, {"G": 1}, [1, 2], "text"])
def test_other_pickles_are_refused(tensorflow, tree):
    with pytest.raises(UserError, match="holds no networks; NVIDIA's TensorFlow programs write"):
        read(tensorflow.write(tree))


def test_more_than_one_of_a_kind_is_refused(tensorflow):
    d = tensorflow.golden("sg2_D_resnet", name="D")
    with pytest.raises(UserError, match="two networks that would be its discriminator"):
        read(tensorflow.write((d, d)))


def test_a_file_that_is_not_there_is_missed(tmp_path):
    with pytest.raises(MissingFile, match="no such file"):
        read(tmp_path / "none.pkl")


@given(data=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_gets_one_line_or_is_read(tensorflow, data):
    path = tensorflow.write((None, tensorflow.golden("sg2_D_orig")))
    content = bytearray(path.read_bytes())
    place = st.integers(0, 2500) | st.integers(0, len(content) - 1)  # names are at the start, numbers follow
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(place)] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    message = ""
    try:
        opened.read(path)
    except UserError as error:
        message = str(error)
    assert "\n" not in message
