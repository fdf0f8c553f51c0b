"""What is uploaded is a folder that says everything; the upload itself is tested with the Hub's client (interop/)."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import stylegans
from stylegans.config import DCGAN, Mapping, Run, StyleGAN2
from stylegans.config.codec import to_dict, to_json
from stylegans.errors import MissingFile, UserError
from stylegans.files.model_file import read_model_info, write_model
from stylegans.files.tensors import read_header
from stylegans.interop import hub
from stylegans.interop.foreign import NVIDIA
from stylegans.networks.families import build_generator
from stylegans.tools.generate import generate
from stylegans.tools.push import SIDE, prepare

CATS = hub.Address("ana/cats")
SMALL = StyleGAN2(mapping=Mapping(z_dim=8, w_dim=8, num_layers=1), resolution=(16, 16), channel_base=64, channel_max=8)


def write(path, config=SMALL, **said):
    torch.manual_seed(0)
    parts = {"generator_ema": (config, build_generator(config).state_dict())}
    write_model(path, parts, family=config.family, **said)
    return path


@pytest.fixture
def model(tmp_path):
    return write(tmp_path / "m.safetensors", data="dots", images=2500)


def card(folder):
    return (folder / "README.md").read_text("utf-8")


def test_the_folder_holds_the_model_its_config_a_card_and_pictures(model, tmp_path):
    out = tmp_path / "out"
    names = prepare(model, CATS, out, seeds=range(8))
    assert names == ["README.md", "config.json", "model.safetensors", "samples.png", "style-mixing.png"]
    assert (out / "model.safetensors").read_bytes() == model.read_bytes()
    config = json.loads((out / "config.json").read_text())
    assert config == {
        "library_name": "stylegans",
        "format": "stylegans-1",
        "family": "stylegan2",
        "parts": {"generator_ema": json.loads(json.dumps(to_dict(SMALL)))},
    }
    assert "| training | 2.5 thousand pictures shown |" in card(out)
    assert "seeds 0-7, truncation 1." in card(out)
    assert stylegans.load(out).config == SMALL  # the folder itself is a model
    assert not list(tmp_path.glob(".tmp-*"))


def test_the_samples_are_the_models_pictures_enlarged_whole_pixels(model, tmp_path):
    prepare(model, CATS, tmp_path / "out", seeds=[3, 1], truncation=0.5)
    (_, images), *_ = generate(stylegans.load(model), [3, 1], truncation=0.5)
    scale = SIDE // 32
    with Image.open(tmp_path / "out/samples.png") as picture:
        shown = np.asarray(picture)[::scale, ::scale]
    expected = np.concatenate([*((images.permute(0, 2, 3, 1) * 127.5 + 128).clip(0, 255).byte().numpy())], axis=1)
    assert np.abs(shown.astype(int) - expected).max() <= 1  # drawn one by one


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_pictures_of_any_channels_are_shown_on_white(tmp_path, channels):
    config = replace(SMALL, img_channels=channels, resolution=(16, 32), base=(4, 8))
    prepare(write(tmp_path / "m.safetensors", config), CATS, tmp_path / "out", seeds=range(2))
    with Image.open(tmp_path / "out/samples.png") as shown:
        assert shown.mode == ("L" if channels <= 2 else "RGB")
        assert shown.size == (SIDE, SIDE // 4)
    assert "32×16" in card(tmp_path / "out")


def test_large_pictures_are_shown_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr("stylegans.tools.push.SIDE", 24)
    prepare(write(tmp_path / "m.safetensors"), CATS, tmp_path / "out", seeds=range(4))
    with Image.open(tmp_path / "out/samples.png") as shown:
        assert shown.size == (24, 24)


def test_classes_are_drawn_by_seed_and_named_or_chosen(tmp_path):
    config = replace(SMALL, mapping=replace(SMALL.mapping, c_dim=3))
    model = write(tmp_path / "m.safetensors", config, labels="classes")
    prepare(model, CATS, tmp_path / "drawn", seeds=[0, 1])
    assert "their classes, drawn by seed: " in card(tmp_path / "drawn")
    prepare(model, CATS, tmp_path / "chosen", seeds=[0, 1], label=2)
    assert "class 2." in card(tmp_path / "chosen")


def test_a_label_vector_must_be_given(tmp_path):
    config = replace(SMALL, mapping=replace(SMALL.mapping, c_dim=2))
    model = write(tmp_path / "m.safetensors", config, labels="vectors")
    with pytest.raises(UserError, match="--class: this model takes labels of 2 numbers"):
        prepare(model, CATS, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    prepare(model, CATS, tmp_path / "out", label=(0.5, 1.0), seeds=[0])
    assert "vectors of 2 numbers" in card(tmp_path / "out")


def test_without_layers_of_styles_or_a_second_seed_nothing_is_mixed(model, tmp_path):
    config = DCGAN(z_dim=8, resolution=(8, 8), channel_base=32, channel_max=8)
    prepare(write(tmp_path / "d.safetensors", config), CATS, tmp_path / "one-style")
    prepare(model, CATS, tmp_path / "one-seed", seeds=[5])
    for out in ("one-style", "one-seed"):
        assert not (tmp_path / out / "style-mixing.png").exists()
        assert "style-mixing" not in card(tmp_path / out)


def test_another_programs_checkpoint_is_converted_and_keeps_its_licence(nvidia, write_nvidia, tmp_path):
    path = write_nvidia({"training_set_kwargs": {"path": "./data/cats.zip"}, "G_ema": nvidia("ada_G_skip_c0")})
    with pytest.warns(UserWarning, match="non-commercial"):
        prepare(path, CATS, tmp_path / "out", seeds=[0, 1])
    info = read_model_info(tmp_path / "out/model.safetensors")
    assert (info.licence, info.data, info.parts) == (NVIDIA, "cats", ("generator_ema",))
    assert 'license_name: "nvidia-source-code-license"' in card(tmp_path / "out")
    assert NVIDIA in card(tmp_path / "out")
    with pytest.raises(UserError, match="--licence: this model has one already"):
        prepare(path, CATS, tmp_path / "other", seeds=[0], licence="mit")
    assert not (tmp_path / "other").exists()


def test_a_licence_is_written_into_the_model_too(model, tmp_path):
    prepare(model, CATS, tmp_path / "out", seeds=[0], licence="House rules:  be\nkind")
    assert (tmp_path / "out/LICENSE").read_text() == "House rules: be kind\n"
    written, before = read_header(tmp_path / "out/model.safetensors"), read_header(model)
    assert written.metadata == before.metadata | {"licence": "House rules: be kind"}
    assert written.shapes == before.shapes
    prepare(model, CATS, tmp_path / "free", seeds=[0], licence="mit")
    assert not (tmp_path / "free/LICENSE").exists()


def test_a_run_gives_its_best_snapshot_and_what_was_measured_of_it(tmp_path):
    run = tmp_path / "run"
    (run / "snapshots").mkdir(parents=True)
    for name, images in (("000001", 1000), ("000002", 2000)):
        write(run / f"snapshots/{name}.safetensors", data="dots", images=images)
    config = Run(preset="tiny", generator=SMALL)
    (run / "config.json").write_text(to_json(replace(config, outputs=replace(config.outputs, metrics=METRICS))))
    ticks = [{"snapshot": "000001", "metrics": {"fd_mobilenet": 5.0, "pr_mobilenet_recall": 0.5}}]
    ticks += [{"snapshot": "000002", "metrics": {"fd_mobilenet": 9.0, "pr_mobilenet_recall": 0.7}}]
    (run / "log.jsonl").write_text("\n".join(map(json.dumps, ticks)))
    sha256 = hashlib.sha256((run / "snapshots/000001.safetensors").read_bytes()).hexdigest()
    lines = [record(sha256, 4.5), record(sha256, 4.25), record("0" * 64, 1.5)]
    (run / "measurements.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"cut')
    prepare(run, CATS, tmp_path / "out", seeds=[0])
    text = card(tmp_path / "out")
    assert "| training | 1 thousand pictures shown |" in text
    assert "| preset | `tiny` |" in text
    assert (
        "| `fd_mobilenet` | 4.25 | 1.5 | 60 / 50 | `dots` |" in text
    )  # measured last, and better known than the log's
    assert "- `fd_mobilenet`: what it is (mobilenet_v2, seed 0); which pictures" in text
    assert "| `pr_mobilenet_recall` | 0.5 |  | 1000 | `dots` |" in text
    assert "measured during the training" in text
    assert str(tmp_path) not in text


METRICS = ("fd_mobilenet", "pr_mobilenet")


def record(sha256, value):
    """A line as ``stylegans measure`` writes it."""
    return {
        "metric": "fd_mobilenet",
        "values": {"fd_mobilenet": value},
        "real": {"fd_mobilenet": 1.5},
        "intervals": {},
        "num_generated": 60,
        "num_real": 50,
        "seed": 0,
        "features": "mobilenet_v2",
        "definition": "what it is",
        "protocol": "which pictures",
        "model_sha256": sha256,
        "data": "dots",
        "data_hash": "1",
    }


def test_what_makes_no_sense_is_refused_and_nothing_is_left(model, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").touch()
    for out, options, why in (
        ("used", {}, "--dry-run: .*used is in use"),
        ("out", {"seeds": []}, "--seeds: 0 samples"),
        ("out", {"seeds": range(65)}, "--seeds: 65 samples"),
        ("out", {"label": 1}, "--class: this model has no classes"),
        ("out", {"truncation": float("nan")}, "--truncation"),
    ):
        with pytest.raises(UserError, match=why):
            prepare(model, CATS, tmp_path / out, **options)
    with pytest.raises(MissingFile, match="nowhere"):
        prepare(tmp_path / "nowhere", CATS, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".tmp-*"))
