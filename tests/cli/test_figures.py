import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylegans.cli.main import main

NAMES = ["uncurated", "style-mixing", "noise-detail", "noise-layers", "truncation", "contributions", "interpolations"]


def test_one_call_gives_a_folder_of_captioned_pictures_and_its_page(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures"
    assert main(["figures", str(models / "small.safetensors"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == sorted([*(f"{name}.png" for name in NAMES), "index.html"])
    assert f"wrote {out / 'index.html'}: 7 figures to look through" in said
    page = (out / "index.html").read_text("utf-8")
    assert "Figures of small.safetensors" in page
    for name in NAMES:
        assert f'src="{name}.png"' in page
        with Image.open(out / f"{name}.png") as picture:
            assert picture.mode == "RGB"
            assert (np.asarray(picture)[-60:] < 128).any()  # a caption


def test_some_figures_of_some_seeds_and_a_class(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--only", "truncation, interpolations", "--seeds", "5,9", "--class", "2", "--truncation", "0.8"]
    assert main(["figures", str(models / "classes.safetensors"), *words, "--out", str(tmp_path)]) == 0
    assert "2 figures to look through" in capsys.readouterr().out
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "Class 2." in page
    assert "Truncation ψ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0.8." in page


def test_what_a_model_cannot_have_is_left_out_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from stylegans.config import DCGAN
    from stylegans.files.model_file import write_model
    from stylegans.networks.families import build_generator

    config = DCGAN(z_dim=8, resolution=(8, 8), channel_base=64, channel_max=8)
    model, out = tmp_path / "dcgan.safetensors", tmp_path / "out"
    write_model(model, {"generator_ema": (config, build_generator(config).state_dict())}, family="dcgan")
    command = ["figures", str(model), "--out", str(out), "--only"]
    assert main([*command, "interpolations,noise-detail"]) == 0
    line = "noise-detail: this model has no noise inputs"
    assert f"left out {line}" in capsys.readouterr().out
    assert "this model has no noise inputs" in (out / "index.html").read_text("utf-8")
    assert main([*command, "noise-detail,truncation"]) == 2
    assert "--only: this model cannot have noise-detail, truncation" in capsys.readouterr().err


def run_of(folder: Path, model: Path, lines: Sequence[dict[str, Any]]) -> Path:
    """A run directory with one snapshot and a log."""
    (folder / "snapshots").mkdir(parents=True)
    shutil.copy(model, folder / "snapshots" / "000001.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"cut sh')
    return folder


def test_analyses_are_drawn_instead_and_reach_the_log_the_pictures_and_the_other_model(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylegans.tools.figures import Figure
    from stylegans.tools.figures.analyses import ANALYSES
    from stylegans.tools.figures.collection import Kind, Request

    asked: list[Request] = []

    def noted(kind: Kind) -> Kind:
        def draw(G: Any, request: Request) -> Figure:
            asked.append(request)
            return Figure(kind.name, kind.title, "A caption.", np.zeros([9, 9, 3], dtype=np.uint8))

        return replace(kind, draw=draw, missing=lambda G, request: None)

    for name, kind in list(ANALYSES.items()):
        monkeypatch.setitem(ANALYSES, name, noted(kind))
    run, out = run_of(tmp_path / "mine", models / "plain.safetensors", [{"kimg": 1.0}]), tmp_path / "out"
    words = ["--data", "emoji-people", "--beside", str(models / "plain.safetensors"), "--steps", "7", "--seed", "3"]
    assert main(["figures", str(run), "--analysis", *words, "--out", str(out)]) == 0
    assert "5 figures to look through" in capsys.readouterr().out
    assert sorted(path.stem for path in out.glob("*.png")) == sorted(ANALYSES)
    (request,) = {id(each): each for each in asked}.values()
    assert (request.name, request.steps, request.seed) == ("mine", 7, 3)
    assert request.log == [{"kimg": 1.0}]
    assert request.beside is not None
    assert request.beside[0] == "plain.safetensors"
    assert request.reals is not None
    assert request.reals.shape == (16, 3, 64, 64)
    assert request.reals.min() >= -1
    assert request.reals.max() <= 1
    assert request.reals.std() > 0.1
    again = ["--analysis", "--only", "shares", "--out", str(tmp_path / "other")]
    assert main(["figures", str(run / "snapshots/000001.safetensors"), *again]) == 0
    assert asked[-1].log == [{"kimg": 1.0}]
    assert (asked[-1].reals, asked[-1].beside) == (None, None)
    assert main(["figures", str(models / "plain.safetensors"), *again]) == 0
    assert asked[-1].log is None


def test_an_analysis_of_a_model_alone(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["figures", str(models / "small.safetensors"), "--analysis", "--out", str(tmp_path / "out"), "--only"]
    assert main([*command, "fixed-crop,shares,projections"]) == 0
    said = capsys.readouterr().out
    assert "left out shares: the model is in no run directory" in said
    assert "left out projections: it needs real pictures" in said
    assert "1 figure to look through" in said
    assert main([*command, "truncation"]) == 2
    assert "--only: 'truncation' is no figure; there are feature-maps, fixed-crop" in capsys.readouterr().err


def test_two_models_of_one_name_are_told_apart_by_their_paths() -> None:
    from stylegans.cli.figures import captions

    assert captions("runs/a", "runs/b") == ("a", "b")
    assert captions("a/snapshots/000100.safetensors", "b/snapshots/000100.safetensors") == (
        "a/snapshots/000100.safetensors",
        "b/snapshots/000100.safetensors",
    )
    assert captions("runs/a", None)[0] == "a"
    assert captions(Path.cwd().name, None)[0] == Path.cwd().name


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    plain, out, file = models / "plain.safetensors", tmp_path / "out", tmp_path / "file"
    grey = models / "small.safetensors"
    file.touch()
    for words, complaint in (
        ((plain, "--out", file), "is a file; name a folder"),
        ((plain, "--out", out, "--only", "mixing"), "--only: 'mixing' is no figure; there are uncurated"),
        ((plain, "--out", out, "--seeds", "3-1"), "--seeds: the range 3-1 runs backwards"),
        ((plain, "--out", out, "--seed", "-1"), "--seed: -1"),
        ((plain, "--out", out, "--class", "1"), "--class: this model has no classes"),
        ((tmp_path / "none", "--out", out), "no such model"),
        ((plain, "--out", out, "--data", "emoji-people"), "--data: is for --analysis"),
        ((plain, "--out", out, "--beside", plain), "--beside: is for --analysis"),
        ((plain, "--out", out, "--steps", "9"), "--steps: is for --analysis"),
        ((plain, "--out", out, "--analysis", "--beside", plain), "--beside: is for the projections"),
        ((plain, "--out", out, "--analysis", "--steps", "9"), "--steps: is for the projections"),
        ((plain, "--out", out, "--analysis", "--data", "emoji-people", "--steps", "0"), "--steps: 0 steps lead"),
        ((plain, "--out", out, "--analysis", "--data", tmp_path / "none"), "none"),
        ((plain, "--out", out, "--analysis", "--only", "shares", "--data", "emoji-people"), "which --only leaves out"),
        ((grey, "--out", out, "--analysis", "--data", "emoji-people"), "--data: projections: this model draws"),
        (
            (plain, "--out", out, "--analysis", "--data", "emoji-people", "--beside", grey),
            "--data: projections: the model beside draws",
        ),
    ):
        refused(["figures", *words], complaint)


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['figures', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--only" in done.stdout
