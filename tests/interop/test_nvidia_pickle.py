import pytest
import torch

from stylegans.config import Discriminator, StyleGAN2
from stylegans.errors import MissingFile, UserError
from stylegans.interop import nvidia_pickle
from stylegans.interop.foreign import NVIDIA
from stylegans.interop.open import read
from stylegans.networks.families import build_discriminator, build_generator

GENERATORS = [
    "ada_G_orig_c0",
    "ada_G_resnet_asymfir",
    "ada_G_resnet_c0",
    "ada_G_resnet_clamp",
    "ada_G_skip_asymfir",
    "ada_G_skip_c0",
    "ada_G_skip_c5",
    "ada_G_skip_clamp",
]
DISCRIMINATORS = [
    "ada_D_orig_c0",
    "ada_D_orig_c5",
    "ada_D_resnet_asymfir",
    "ada_D_resnet_c0",
    "ada_D_resnet_c0_clamp",
    "ada_D_resnet_c5",
    "ada_D_skip_asymfir",
    "ada_D_skip_c0",
    "ada_D_skip_c5",
]
STYLEGAN3 = ["sg3_R_tiny", "sg3_T_c5_default_layers", "sg3_T_clamp_up", "sg3_T_tiny"]


def generator_of(foreign, part="generator_ema"):
    found = foreign.parts[part]
    network = build_generator(found.config)
    network.load_state_dict(found.state)
    return network.eval().requires_grad_(False)


def discriminator_of(foreign):
    found = foreign.parts["discriminator"]
    network = build_discriminator(found.config)
    network.load_state_dict(found.state)
    return network.eval().requires_grad_(False)


def training_file(write_nvidia, **networks):
    options = {"class_name": "training.dataset.ImageFolderDataset", "path": "/home/her/data/cats-256.zip"}
    return write_nvidia({"training_set_kwargs": options, "augment_pipe": None, **networks})


def pictures_equal(network, vectors, relative_error, keys):
    for key in keys:
        kind = key.partition("_psi")
        psi, _, cut = kind[2].partition("_cut")
        noise = {"noise": "none"} if "none" in key else {}
        options = {"truncation": float(psi), "truncation_layers": int(cut) if cut else None}
        found = network(vectors.inputs["z"], vectors.inputs["c"], **options, **noise)
        assert relative_error(found, vectors.outputs[key]) < 1e-5, key


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generators_pictures_equal_the_published_ones(name, nvidia, write_nvidia, golden, relative_error):
    foreign = read(training_file(write_nvidia, G_ema=nvidia(name)))
    assert (foreign.source, foreign.family, foreign.licence) == ("stylegan2-ada-pytorch", "stylegan2", NVIDIA)
    assert foreign.data == "cats-256"
    assert list(foreign.parts) == ["generator_ema"]
    vectors = golden(name)
    keys = [key for key in vectors.outputs if key.startswith("img_") and not key.endswith("mix")]
    assert len(keys) >= 2
    pictures_equal(generator_of(foreign), vectors, relative_error, keys)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_discriminators_scores_equal_the_published_ones(name, nvidia, write_nvidia, golden, relative_error):
    vectors = golden(name)
    D = discriminator_of(read(training_file(write_nvidia, D=nvidia(name))))
    found = D(vectors.inputs["img"], vectors.inputs["c"])
    assert relative_error(found, vectors.outputs["logits"]) < vectors.tolerance("logits")


@pytest.mark.parametrize("name", STYLEGAN3)
def test_a_stylegan3_generators_pictures_equal_the_published_ones(name, nvidia, write_nvidia, golden, relative_error):
    foreign = read(training_file(write_nvidia, G_ema=nvidia(name)))
    assert (foreign.source, foreign.family, foreign.licence) == ("stylegan3", "stylegan3", NVIDIA)
    vectors = golden(name)
    pictures_equal(generator_of(foreign), vectors, relative_error, ["img_psi1", "img_psi0.7", "img_psi0.7_cut4"])


def test_all_networks_of_a_training_keep_their_names(nvidia, write_nvidia):
    networks = {"G": nvidia("ada_G_skip_c5"), "D": nvidia("ada_D_resnet_c5"), "G_ema": nvidia("ada_G_skip_c5")}
    networks["G"].state["_modules"]["mapping"].state["_buffers"]["w_avg"] = torch.full((64,), 3.0)
    foreign = nvidia_pickle.read(training_file(write_nvidia, **networks))
    assert list(foreign.parts) == ["generator_ema", "generator", "discriminator"]
    assert foreign.parts["generator"].state["mapping.w_avg"].tolist() == [3.0] * 64
    assert foreign.parts["generator_ema"].state["mapping.w_avg"].tolist() != [3.0] * 64


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(("name", "part"), [("ada_G_skip_c0", "generator_ema"), ("ada_D_resnet_c0", "discriminator")])
def test_a_network_pickled_alone_is_known_by_its_class(name, part, protocol, nvidia, write_nvidia):
    assert list(read(write_nvidia(nvidia(name), protocol=protocol)).parts) == [part]


def test_options_may_have_been_given_by_position(nvidia, write_nvidia):
    kwargs = nvidia("ada_G_skip_c0").state["_init_kwargs"]
    order = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
    G = nvidia(
        "ada_G_skip_c0",
        _init_args=tuple(kwargs[name] for name in order),
        _init_kwargs={name: value for name, value in kwargs.items() if name not in order},
    )
    expected = read(write_nvidia(nvidia("ada_G_skip_c0"), name="by-name.pkl"))
    assert read(write_nvidia(G)).parts["generator_ema"].config == expected.parts["generator_ema"].config


def test_stylegan3s_stylegan2_has_its_synthesis_options_among_the_generators(nvidia, write_nvidia):
    flat = dict(nvidia("ada_G_skip_c0").state["_init_kwargs"])
    flat |= flat.pop("synthesis_kwargs")
    del flat["num_fp16_res"]
    G = nvidia("ada_G_skip_c0", _init_kwargs=flat | {"fused_modconv_default": "inference_only"})
    G.at("synthesis")["num_fp16_res"] = 4
    G.at("synthesis", "b4", "conv1")["conv_clamp"] = 256
    G.at("mapping").update(num_layers=2, w_avg_beta=0.998)
    D = nvidia("ada_D_resnet_c0")
    D.at("b4", "conv")["conv_clamp"] = 256
    D.state["_init_kwargs"]["block_kwargs"] = {"freeze_layers": 0, "fp16_channels_last": True}
    foreign = read(write_nvidia({"G_ema": G, "D": D}))
    assert (foreign.source, foreign.family) == ("stylegan3", "stylegan2")
    config = foreign.parts["generator_ema"].config
    assert isinstance(config, StyleGAN2)
    assert (config.conv_clamp, config.mapping.num_layers, config.mapping.w_avg_beta) == (256, 2, 0.998)
    discriminator = foreign.parts["discriminator"].config
    assert isinstance(discriminator, Discriminator)
    assert discriminator.conv_clamp == 256  # its constructor's default, which the options do not say


def test_a_width_that_is_stated_though_it_is_the_rule_is_left_unsaid(nvidia, write_nvidia):
    kwargs = dict(nvidia("ada_G_skip_c5").state["_init_kwargs"])
    stated = kwargs | {"mapping_kwargs": dict(kwargs["mapping_kwargs"]) | {"layer_features": 64, "embed_features": 64}}
    found = read(write_nvidia(nvidia("ada_G_skip_c5", _init_kwargs=stated), name="stated.pkl"))
    expected = read(write_nvidia(nvidia("ada_G_skip_c5")))
    assert found.parts["generator_ema"].config == expected.parts["generator_ema"].config


def test_so_is_one_of_a_discriminators_label_mapping(nvidia, write_nvidia):
    kwargs = dict(nvidia("ada_D_resnet_c5").state["_init_kwargs"])
    stated = kwargs | {"cmap_dim": 32, "mapping_kwargs": {"layer_features": 32, "embed_features": 32}}
    found = read(write_nvidia(nvidia("ada_D_resnet_c5", _init_kwargs=stated), name="stated.pkl"))
    expected = read(write_nvidia(nvidia("ada_D_resnet_c5")))
    assert found.parts["discriminator"].config == expected.parts["discriminator"].config


def test_options_given_outweigh_what_the_modules_keep(nvidia, write_nvidia):
    G = nvidia("ada_G_skip_clamp")
    G.at("synthesis", "b4", "conv1")["conv_clamp"] = 256
    assert read(write_nvidia(G)).parts["generator_ema"].config.conv_clamp == 1.5


def test_networks_of_other_classes_are_left_out_and_named_when_nothing_is_left(nvidia, write_nvidia):
    other = nvidia("ada_D_resnet_c0")
    other.class_name = "ProjectedDiscriminator"
    assert list(read(write_nvidia({"G_ema": nvidia("ada_G_skip_c0"), "D": other})).parts) == ["generator_ema"]
    with pytest.raises(UserError, match="'ProjectedDiscriminator'"):
        read(write_nvidia(other))
    with pytest.raises(UserError, match="entries 'D'"):
        read(write_nvidia({"D": other}))


def changed(network, **options):
    network.state["_init_kwargs"].update(options)
    return network


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"colour": 1}, "colour: unknown option"),
        ({"img_channels": 4}, r"has the shape \[3, 64, 1, 1\] where its options make it \[4, 64, 1, 1\]"),
        ({"img_resolution": 64}, "no tensor synthesis.blocks.4"),
        ({"img_resolution": 16}, "unknown tensor 'synthesis.blocks.3"),
        ({"img_resolution": 1 << 40}, "do not bear out"),
        ({"img_resolution": "32"}, "damaged|not of type"),
        ({"mapping_kwargs": {"num_layers": 10**9}}, "num_layers 1000000000"),
        ({"mapping_kwargs": {"num_layers": -5}}, "num_layers -5"),
        ({"z_dim": 1 << 62}, "z_dim 4611686018427387904"),
        ({"synthesis_kwargs": None}, "damaged"),
        ({"synthesis_kwargs": {"architecture": "spiral"}}, "'spiral' is none of"),
    ],
)  # fmt: skip
def test_options_that_the_tensors_do_not_bear_out_are_one_line(options, complaint, nvidia, write_nvidia):
    path = write_nvidia({"G_ema": changed(nvidia("ada_G_skip_c0"), **options)})
    with pytest.raises(UserError, match=complaint) as refusal:
        read(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_tensors_that_share_their_numbers_cannot_make_more_of_them_than_the_file_has(nvidia, write_nvidia):
    G = nvidia("ada_G_skip_c0")
    one = torch.zeros(64, 64, 3, 3)
    for block in ("b4", "b8", "b16"):
        for conv in ("conv0", "conv1"):
            if conv in G.at("synthesis", block)["_modules"]:
                G.at("synthesis", block, conv)["_parameters"]["weight"] = one
    with pytest.raises(UserError, match="numbers in a file of"):
        read(write_nvidia({"G": G, "G_ema": G, "training_set_kwargs": None}))


def test_modules_within_modules_end(nvidia, write_nvidia):
    G = nvidia("ada_G_skip_c0")
    inner = nvidia("ada_D_resnet_c0")
    for _ in range(60):
        outer = nvidia("ada_D_resnet_c0")
        outer.state["_modules"] = {"a": inner, "b": inner}
        inner = outer
    G.state["_modules"]["deep"] = inner
    with pytest.raises(UserError, match="unknown"):
        read(write_nvidia(G))


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingFile):
        read(tmp_path / "nothing.pkl")
