import subprocess
import sys
from pathlib import Path

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


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, out, file = models / "plain.safetensors", tmp_path / "out", tmp_path / "file"
    file.touch()
    for words, complaint in (
        ((plain, "--out", file), "is a file; name a folder"),
        ((plain, "--out", out, "--only", "mixing"), "--only: 'mixing' is no figure; there are uncurated"),
        ((plain, "--out", out, "--seeds", "3-1"), "--seeds: the range 3-1 runs backwards"),
        ((plain, "--out", out, "--seed", "-1"), "--seed: -1"),
        ((plain, "--out", out, "--class", "1"), "--class: this model has no classes"),
        ((tmp_path / "none", "--out", out), "no such model"),
    ):
        assert main(["figures", *(str(word) for word in words)]) == 2
        refusal = capsys.readouterr().err
        assert refusal.count("\n") == 1
        assert complaint in refusal
    assert not out.exists()


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['figures', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--only" in done.stdout
