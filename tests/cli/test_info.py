"""``info`` tells what a path is from headers, configs and logs alone, and one line when it cannot."""

import hashlib
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans.cli import info
from stylegans.config import Data, Discriminator, Mapping, Run, StyleGAN2
from stylegans.config.codec import to_json
from stylegans.errors import MissingFile, UserError
from stylegans.files.model_file import write_model
from stylegans.files.tensors import write_tensors


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    generator = StyleGAN2(mapping=Mapping(z_dim=64, w_dim=32, c_dim=3), resolution=(32, 48), base=(4, 6))
    parts = {
        "generator_ema": (
            generator,
            {"a.weight": torch.zeros(4, 5), "a.noise_const": torch.zeros(8, 8), "mapping.w_avg": torch.zeros(7)},
        ),
        "discriminator": (Discriminator(resolution=(32, 48)), {"b": torch.zeros(1000, 3)}),
    }
    write_model(path, parts, family="stylegan2", data="emoji [red]", licence="Apache-2.0")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for name in ("snapshots", "checkpoints/000004", "checkpoints/000008"):
        (folder / name).mkdir(parents=True)
    (folder / "config.json").write_text(to_json(Run(preset="tiny")))
    lines = [
        {"kimg": 4.0},
        {"kimg": 8.0, "metrics": {"fd_mobilenet": 123.456}},
        {"kimg": 12.0},
    ]
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"kimg": 1')
    (folder / "snapshots/000004.safetensors").touch()
    (folder / "snapshots/000008.safetensors").touch()
    return folder


def rows(path: Path | str) -> dict[str, str]:
    return dict(info.describe(str(path)).rows)


def test_a_model_tells_its_parts_pictures_and_latents(model: Path) -> None:
    told = info.describe(str(model))
    assert told.title.endswith("model.safetensors: a model")
    assert ("generator_ema", "20 parameters in 3 tensors") in told.rows  # buffers are no parameters
    assert ("discriminator", "3,000 parameters in 1 tensor") in told.rows
    assert ("  pictures", "48x32, 3 channels") in told.rows
    assert ("  latents", "z 64, w 32") in told.rows
    assert ("  labels", "3") in told.rows
    assert ("  labels", "none") in told.rows
    assert {"family": "stylegan2", "data": "emoji [red]", "licence": "Apache-2.0"}.items() <= dict(told.rows).items()


def test_what_is_printed_is_what_is_told_brackets_and_all(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert info.main([str(model)]) == 0
    printed = capsys.readouterr().out
    assert "emoji [red]" in printed
    assert rows(model)["sha256"] in printed  # on one line, to copy


def test_a_foreign_safetensors_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_tensors(path, {"w": torch.zeros(2, 3)}, metadata={})
    assert rows(path)["family"] == "unknown: not written by stylegans"
    assert rows(path)["holds"] == "6 parameters in 1 tensor"


def test_a_folder_as_on_the_hub_is_its_model(model: Path) -> None:
    (model.parent / "config.json").write_text("{}")
    assert rows(model.parent) == rows(model)


@pytest.mark.parametrize("keep", [0, 5, 8, 60, -1])
def test_a_model_cut_short_is_one_line(model: Path, keep: int) -> None:
    model.write_bytes(model.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"model\.safetensors: .*cut short") as refusal:
        info.describe(str(model))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 64,
        (20).to_bytes(8, "little") + b"not JSON at all.....",
        (2).to_bytes(8, "little") + b"[]",
        (8).to_bytes(8, "little") + b'{"a": 1}',
        (2).to_bytes(8, "little") + b"\xff\xfe",
    ],
)
def test_a_damaged_header_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.safetensors: not a safetensors file"):
        info.describe(str(path))


def test_a_run_tells_how_far_it_is(run: Path) -> None:
    assert rows(run) == {
        "preset": "tiny",
        "data": "not said",
        "pictures": "256x256, 3 channels",
        "trained": "12 of 25000 kimg, 3 ticks",
        "snapshots": "2, the newest 000008.safetensors",
        "checkpoints": "000004, 000008",
        "fd_mobilenet": "123.5 at 8 kimg",
    }


def test_a_run_tells_what_it_started_from_its_labels_and_what_the_guard_kept(run: Path) -> None:
    config = Run(preset="tiny", start_from="other@best", data=Data(path="set.zip", labels=True))
    (run / "config.json").write_text(to_json(config))
    (run / "best").mkdir()
    (run / "best" / "000006.safetensors").touch()
    told = rows(run)
    assert (told["data"], told["started from"]) == ("set.zip, with labels", "other@best")
    assert told["best to the guard"] == "000006.safetensors"


def test_a_run_that_has_just_begun_has_nothing_yet(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(to_json(Run()))
    (tmp_path / "checkpoints").mkdir()
    told = rows(tmp_path)
    assert (told["trained"], told["snapshots"], told["checkpoints"]) == (
        "0 of 25000 kimg, 0 ticks",
        "none yet",
        "none yet",
    )


def test_a_snapshot_of_a_run_is_chosen_as_everywhere(run: Path, model: Path) -> None:
    for name in ("000004", "000008"):
        (run / "snapshots" / f"{name}.safetensors").write_bytes(model.read_bytes())
    assert info.describe(f"{run}@newest").title == f"{run}/snapshots/000008.safetensors: a model"
    assert info.describe(f"{run}@000004").title == f"{run}/snapshots/000004.safetensors: a model"
    with pytest.raises(UserError, match="no metric was measured"):
        info.describe(f"{run}@best")
    with pytest.raises(MissingFile, match="nowhere@best: no such"):
        info.describe("nowhere@best")


def test_what_is_on_the_hub_is_told_by_its_address(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylegans.interop.hub.fetch", lambda name: model)
    told = info.describe("hf://ana/cats@v1")
    assert told.title == "hf://ana/cats@v1: a model"
    assert ("kept in", str(model)) in told.rows
    assert dict(told.rows)["sha256"] == rows(model)["sha256"]


def test_how_long_a_model_was_trained_is_told_where_the_file_says(model: Path, tmp_path: Path) -> None:
    assert "trained" not in rows(model)
    parts = {"generator_ema": (StyleGAN2(), {"a": torch.zeros(1)})}
    write_model(tmp_path / "m.safetensors", parts, family="stylegan2", images=2500)
    assert rows(tmp_path / "m.safetensors")["trained"] == "2.5 kimg"


def test_a_model_of_ours_is_known_by_its_content(model: Path) -> None:
    ours = model.rename(model.with_suffix(".pkl"))
    assert rows(ours)["licence"] == "Apache-2.0"


def test_a_run_with_a_damaged_config_is_one_line_that_names_it(run: Path) -> None:
    (run / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json: "):
        info.describe(str(run))


def test_a_checkpoint_tells_where_it_stands(tmp_path: Path) -> None:
    write_tensors(tmp_path / "state.safetensors", {"w": torch.zeros(2, 3)}, metadata={})
    (tmp_path / "state.json").write_text('{"images": 4000, "more": [1]}')
    assert info.describe(str(tmp_path)).title.endswith("a checkpoint")
    assert rows(tmp_path) == {"images": "4000", "state.safetensors": "6 parameters in 1 tensor"}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_data_set_tells_its_pictures_and_classes(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.new("L", (12, 8)).save(folder / name)
    labels = {"labels": [["a.png", 0], ["b.png", 1], ["c.png", 1]], "label_names": ["cat", "dog"]}
    (folder / "dataset.json").write_text(json.dumps(labels))
    path = folder
    if kind == "zip":
        path = tmp_path / "set.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
    told = rows(path)
    assert (told["pictures"], told["the first"], told["labels"]) == ("3", "12x8 L (a.png)", "2: cat, dog")
    assert told["look closer"] == f"stylegans data check {path}"


def test_a_first_picture_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    assert rows(tmp_path)["the first"] == "a.png cannot be read"


@pytest.mark.parametrize(("labels", "said"), [([[1, 0.5], [0, 1]], "vectors of 2"), ([3, 5], "2"), ([], "none")])
def test_labels_are_told_by_their_kind(tmp_path: Path, labels: list[object], said: str) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    rows_of_labels = [[name, label] for name, label in zip(("a.png", "b.png"), labels, strict=False)]
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": rows_of_labels or None}))
    assert rows(tmp_path)["labels"] == said


def test_a_set_of_arrays_tells_their_channels_and_bits(tmp_path: Path) -> None:
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", np.zeros((5, 16, 24), np.uint16))
    assert rows(tmp_path)["the first"] == "24x16 5 channels of 16 bits (0.npy)"


def test_what_only_data_build_reads_is_told_with_its_command(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 28, 28) + bytes(2 * 28 * 28))
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 2) + bytes([1, 0]))
    for source in (path, folder):
        assert rows(source) == {
            "pictures": "2",
            "the first": "28x28 L (train-images-idx3-ubyte/00000)",
            "labels": "train-labels-idx1-ubyte",
            "to train on it": f"stylegans data build {source} DST",
        }


def test_an_embedded_set_is_known_by_its_name() -> None:
    assert rows("emoji")["licence"] == "Apache-2.0"


def test_nothing_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"nowhere: nothing there; .*emoji"):
        info.describe(str(tmp_path / "nowhere"))


def test_something_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    for name in ("a.txt", "empty"):
        with pytest.raises(UserError, match=f"{name}: not a model"):
            info.describe(str(tmp_path / name))


# --- other programs' checkpoints --------------------------------------------------------------------------------------


def test_a_checkpoint_of_nvidias_tells_who_wrote_it_and_its_licence(
    nvidia: Callable[..., Any], write_nvidia: Callable[..., Path]
) -> None:
    networks = {"G_ema": nvidia("ada_G_skip_c5"), "D": nvidia("ada_D_resnet_c5")}
    path = write_nvidia({"training_set_kwargs": {"path": "./data/cats.zip"}, **networks})
    told = info.describe(str(path))
    assert told.title == f"{path}: another program's checkpoint"
    assert [value for name, value in told.rows if name == "written by"] == ["stylegan2-ada-pytorch"]
    values = dict(told.rows)
    assert values["family"] == "stylegan2"
    assert values["generator_ema"].endswith("parameters in 66 tensors")
    assert ("  latents", "z 64, w 64") in told.rows
    assert ("  labels", "5") in told.rows
    assert values["data"] == "cats"
    assert values["licence"].startswith("NVIDIA Source Code License")
    assert values["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_zip_of_pytorchs_is_no_data_set_whatever_its_name(golden: Callable[..., Any], tmp_path: Path) -> None:
    torch.save({"g_ema": golden("rosinality_G").state}, tmp_path / "x.zip")
    assert rows(tmp_path / "x.zip")["written by"] == "rosinality's stylegan2-pytorch"
    torch.save({"weights": torch.zeros(3)}, tmp_path / "y.zip")
    with pytest.raises(UserError, match="holds no g_ema, g or d"):
        info.describe(str(tmp_path / "y.zip"))
