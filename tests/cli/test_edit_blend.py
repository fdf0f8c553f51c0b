from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylegans.cli.main import main
from stylegans.files.model_file import read_model_info, write_model
from stylegans.interop import rosinality_export
from stylegans.models import load, read
from stylegans.networks.families import build_generator


@pytest.fixture
def other(models: Path, tmp_path: Path) -> Path:
    """Another model of the shape of the plain one."""
    torch.manual_seed(1)
    config = load(models / "plain.safetensors").config
    parts = {"generator_ema": (config, build_generator(config).state_dict())}
    write_model(tmp_path / "other.safetensors", parts, family="stylegan2", data="dots", licence="CC0")
    return tmp_path / "other.safetensors"


def blend(*words: object) -> int:
    return main(["edit", "blend", *map(str, words)])


def test_two_models_are_blended_and_the_ends_are_one_of_them(
    models: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, out = models / "plain.safetensors", tmp_path / "new" / "c.safetensors"
    assert blend(plain, other, "--at", 16, "--out", out) == 0
    told = capsys.readouterr().out
    assert told == f"wrote {out}: layers up to 16 from {plain}, the others from {other}; licence: CC0\n"
    info = read_model_info(out)
    assert (info.data, info.licence) == ("none, dots", "CC0")
    z = torch.randn(1, 8)
    pictures = {"plain": load(plain)(z), "other": load(other)(z), "mixed": load(out)(z)}
    assert not torch.equal(pictures["mixed"], pictures["plain"])
    for at, whose in ((64, "plain"), (0, "other")):
        assert blend(plain, other, "--at", at, "--out", out) == 0
        assert torch.equal(load(out)(z), pictures[whose])


def test_width_and_mapping_are_passed_on(models: Path, other: Path, tmp_path: Path) -> None:
    words = (models / "plain.safetensors", other, "--at", 16, "--width", 3, "--mapping", "b")
    assert blend(*words, "--out", tmp_path / "c.safetensors") == 0
    mine, theirs, mixed = (
        read(path).parts["generator_ema"].state
        for path in (models / "plain.safetensors", other, tmp_path / "c.safetensors")
    )
    name = "synthesis.blocks.2.conv1.weight"
    torch.testing.assert_close(mixed[name], mine[name].lerp(theirs[name], 1 / 3))
    assert torch.equal(mixed["mapping.layers.0.weight"], theirs["mapping.layers.0.weight"])


def test_another_programs_checkpoint_is_blended(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = read(models / "plain.safetensors").parts
    rosinality_export.write(tmp_path / "a.pt", parts, licence="for non-commercial use only")
    assert blend(tmp_path / "a.pt", tmp_path / "a.pt", "--at", 16, "--out", tmp_path / "c.safetensors") == 0
    assert capsys.readouterr().out.endswith("; licence: for non-commercial use only\n")


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    out = tmp_path / "out.safetensors"
    plain, small = models / "plain.safetensors", models / "small.safetensors"
    for words, complaint in (
        (
            (plain, plain, "--at", 33, "--out", out),
            "--at: 33 is no resolution of this model's layers; use 0 (all of B)",
        ),
        ((plain, plain, "--at", "x", "--out", out), "--at"),
        ((plain, plain, "--out", out), "--at: missing"),
        ((plain, plain, "--at", 16), "--out: missing"),
        ((plain, plain, "--at", 16, "--out", tmp_path / "out.png"), "--out: out.png"),
        ((plain, plain, "--at", 16, "--width", 0, "--out", out), "--width: 0"),
        ((plain, plain, "--at", 16, "--mapping", "c", "--out", out), "--mapping"),
        ((plain, small, "--at", 16, "--out", out), "its resolution is (16, 16), that of"),
        ((plain, tmp_path / "nowhere", "--at", 16, "--out", out), "nowhere: no such model"),
        ((plain, "--at", 16, "--out", out), "B"),
    ):
        refused(("edit", "blend", *words), complaint)
