from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylegans.cli import edit
from stylegans.files.tensors import read_header, read_tensors, write_tensors
from stylegans.interop import rosinality_export
from stylegans.models import load, read


@pytest.fixture
def run(models: Path, tmp_path: Path) -> Path:
    """A run of two snapshots, each with the same generator as its power-function averages."""
    header = read_header(models / "small.safetensors")
    state = read_tensors(models / "small.safetensors", prefix="generator_ema.")
    parts = ("generator_power_0.05", "generator_power_0.1")
    tensors = {f"{part}.{name}": tensor.clone() for part in parts for name, tensor in state.items()}
    configs = {f"config.{part}": header.metadata["config.generator_ema"] for part in parts}
    facts = {"format": header.metadata["format"], "family": "stylegan2", "parts": f'["{parts[0]}", "{parts[1]}"]'}
    (tmp_path / "run" / "snapshots").mkdir(parents=True)
    for images in (1000, 2000):
        path = tmp_path / "run" / "snapshots" / f"{images // 1000:06d}.safetensors"
        write_tensors(path, tensors, metadata=facts | configs | {"images": str(images)})
    return tmp_path / "run"


def average(*words: object) -> int:
    return edit.main(["average", *map(str, words)])


def test_a_runs_average_gets_another_length(
    run: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert average(run, "--ema-length", 0.08, "--out", tmp_path / "new" / "a.safetensors") == 0
    assert "a.safetensors: the average of length 0.08 at 000002, from 2 snapshots; " in capsys.readouterr().out
    assert average(f"{run}@000001", "--ema-length", 0.08, "--out", tmp_path / "b.safetensors") == 0
    assert "at 000001, from 1 snapshot; " in capsys.readouterr().out
    latent = torch.randn(1, 8)
    expected = load(models / "small.safetensors")(latent)
    for name in ("new/a.safetensors", "b.safetensors"):
        torch.testing.assert_close(load(tmp_path / name)(latent), expected)


def test_models_are_averaged(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = models / "small.safetensors", tmp_path / "c.safetensors"
    assert average(model, model, "--weights", "0.3,0.7", "--out", out) == 0
    assert capsys.readouterr().out == f"wrote {out}: the average of 2 models\n"
    torch.testing.assert_close(dict(read_tensors(out)), dict(read_tensors(model)))


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    run: Path, models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    out = tmp_path / "out.safetensors"
    small, plain = models / "small.safetensors", models / "plain.safetensors"
    for words, complaint in (
        ((run, "--out", out), "two models or more, or a run and --ema-length"),
        ((run, "--ema-length", 0.01, "--out", out), "--ema-length: 0.01 is out of reach"),
        ((run, "--ema-length", 2, "--out", out), "--ema-length: 2.0 is no relative length"),
        ((run, run, "--ema-length", 0.1, "--out", out), "--ema-length: belongs to one run"),
        ((run, "--ema-length", 0.1, "--weights", "1", "--out", out), "--ema-length: belongs to one run"),
        ((small, "--ema-length", 0.1, "--out", out), "is a model on its own"),
        ((small, plain, "--out", out), "only models of one shape"),
        ((small, small, "--weights", "a,b", "--out", out), "--weights: 'a,b'"),
        ((small, small, "--weights", "0.3", "--out", out), "--weights: 1 for 2 models"),
        ((small, small, "--out", tmp_path / "out.png"), "--out: out.png"),
        ((small, small), "--out: missing"),
    ):
        refused(("edit", "average", *words), complaint)


def test_another_programs_checkpoint_is_averaged_and_its_licence_told(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = read(models / "plain.safetensors").parts
    rosinality_export.write(tmp_path / "a.pt", parts, licence="for non-commercial use only")
    out = tmp_path / "out.safetensors"
    assert average(tmp_path / "a.pt", tmp_path / "a.pt", "--out", out) == 0
    told = capsys.readouterr().out
    assert told == f"wrote {out}: the average of 2 models; licence: for non-commercial use only\n"
    latent = torch.randn(1, 8)
    with pytest.warns(UserWarning, match="non-commercial"):
        torch.testing.assert_close(load(out)(latent), load(tmp_path / "a.pt")(latent))
