import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans.cli.main import main
from stylegans.models import load
from stylegans.tools.latents import read_latent
from stylegans.tools.tune import apply_delta

FEW = ("--steps", "2")


@pytest.fixture(autouse=True)
def no_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGANS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    return path


def project(*words: object) -> int:
    return main(["project", *(str(word) for word in words)])


def test_pictures_are_found_and_everything_is_saved(
    models: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = (models / "small.safetensors", photo, photo, "--out", out, *FEW)
    assert project(*words, "--space", "w+", "--tune", "--tune-steps", 2, "--video") == 0
    said = capsys.readouterr().out
    assert "photo.png: 24x20; the largest part in its centre was taken and resized to 16x16" in said
    assert "projecting into w+, 2 steps, distance lpips_alexnet, seed 0" in said
    assert said.count("times nearer") == 2
    assert "; tuned " in said
    assert "s a step for 2 pictures" in said
    names = {"latent.safetensors", "tuned.safetensors", "before_after.png", "distance.png", "distances.csv"}
    pairs = {f"{stem}{number}.png" for stem in ("target", "projected", "tuned") for number in (0, 1)}
    assert {path.name for path in out.iterdir()} == names | pairs | {"descent.mp4"}
    latent = read_latent(out / "latent.safetensors")
    G = load(models / "small.safetensors")
    assert latent.ws.shape == (2, G.num_ws, G.w_dim)
    assert latent.space == "w+"
    apply_delta(G, out / "tuned.safetensors")
    with (out / "distances.csv").open() as file:
        assert [row[0] for row in csv.reader(file)] == ["part", *["project"] * 3, *["tune"] * 3]


def test_the_same_again_is_the_same(models: Path, photo: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert project(models / "small.safetensors", photo, "--out", tmp_path / name, *FEW) == 0
    for file in ("latent.safetensors", "before_after.png", "distances.csv", "target.png", "projected.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_search_goes_on_from_a_seed_or_a_file(models: Path, photo: Path, tmp_path: Path) -> None:
    words = (models / "small.safetensors", photo, "--out")
    assert project(*words, tmp_path / "a", "--start", "seed:7", *FEW) == 0
    assert project(*words, tmp_path / "b", "--start", tmp_path / "a/latent.safetensors", *FEW) == 0
    w = read_latent(tmp_path / "a/latent.safetensors").ws.numpy()
    np.savez(tmp_path / "guess.npz", w=w)
    assert project(*words, tmp_path / "c", "--start", tmp_path / "guess.npz", *FEW) == 0

    def distances(name: str) -> list[float]:
        with (tmp_path / name / "distances.csv").open() as file:
            return [float(row[2]) for row in list(csv.reader(file))[1:]]

    assert distances("b")[0] == pytest.approx(distances("a")[-1], rel=1e-3)


def test_a_label_is_drawn_and_told_and_other_channels_come_as_arrays(
    models: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project(models / "classes.safetensors", photo, "--out", tmp_path / "a", "--seed", 4, *FEW) == 0
    assert "seed 4 class" in capsys.readouterr().out
    assert project(models / "classes.safetensors", photo, "--out", tmp_path / "b", "--class", 1, *FEW) == 0
    assert "drawn by seed" not in capsys.readouterr().out
    np.save(tmp_path / "two.npy", np.zeros((2, 16, 16), dtype=np.uint8))
    assert project(models / "two-channels.safetensors", tmp_path / "two.npy", "--out", tmp_path / "c", *FEW) == 0
    assert np.load(tmp_path / "c/target.npy").shape == (2, 16, 16)


def test_attribution_calibrates_once_and_says_yes_or_no(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., None]
) -> None:
    model, reals, kept = models / "small.safetensors", tmp_path / "reals", tmp_path / "kept.json"
    reals.mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(reals / f"{number}.png")
    common = (model, reals / "0.png", "--attribute", "--calibration", kept, "--steps", 1, "--start", "mean")
    assert project(*common, "--data", reals, "--calibrate", 4, "--out", tmp_path / "a") == 0
    assert f"wrote {kept}" in capsys.readouterr().out
    before = kept.read_bytes()
    assert project(*common, "--out", tmp_path / "b") == 0
    said = capsys.readouterr().out
    assert "calibration: 4 generated and 4 real pictures, AUC " in said
    assert "0.png: not this model's: distance" in said
    assert kept.read_bytes() == before
    facts = json.loads((tmp_path / "b/attribution.json").read_text())
    assert facts["pictures"][0]["own"] is False
    assert (tmp_path / "a/attribution.json").read_bytes() == (tmp_path / "b/attribution.json").read_bytes()
    assert (tmp_path / "b/attribution.png").exists()
    refused(["project", *common, "--seed", 1, "--out", tmp_path / "c"], "was made with seed 0, not 1")


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, photo: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    small, out = models / "small.safetensors", tmp_path / "out"
    (tmp_path / "bad.png").write_text("no picture")
    torch.save({}, tmp_path / "strange.pt")
    for words, complaint in (
        ((photo, "--steps", 0), "--steps: 0"),
        ((photo, "--seed", -1), "--seed: -1"),
        ((tmp_path / "bad.png",), "IMAGE: bad.png: is no picture"),
        ((tmp_path / "none.png",), "no such file"),
        ((tmp_path,), "is a folder"),
        ((), "IMAGE: missing"),
        ((photo, "--start", "middle"), "--start: 'middle' is none of"),
        ((photo, "--start", "seed:1-2"), "--start: seed:1-2 names 2 seeds"),
        ((photo, "--start", tmp_path / "bad.png"), "--start: "),
        ((photo, "--tune", "--tune-rate", -1), "--tune-rate: -1"),
        ((photo, "--tune", "--tune-steps", 0), "--tune-steps: 0"),
        ((photo, "--features", tmp_path / "none.pth"), "--features: "),
        ((photo, "--class", "1"), "--class: this model has no classes"),
        ((photo, "--attribute"), "--attribute: needs --data"),
        ((photo, "--attribute", "--data", "emoji", "--tune"), "--tune: is not for --attribute"),
        ((photo, "--attribute", "--data", "emoji", "--start", "seed:1"), "--start: 'seed:1' is not for --attribute"),
        ((photo, "--attribute", "--calibration", tmp_path / "none.json"), "--calibration: "),
        ((photo, "--attribute", "--data", tmp_path / "none"), "--data: "),
        ((photo, "--data", "emoji"), "are for --attribute alone"),
        ((photo, "--space", "z"), "--space: 'z' is not one of w, w+"),
    ):
        refused(["project", small, *words, "--out", out], complaint)
    refused(["project", small, photo, "--out", photo], "--out: ")


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['project', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--attribute" in done.stdout


def test_an_attribution_is_in_float32(models: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    command = ["project", models / "plain.safetensors", "x.png", "--out", tmp_path / "new", "--attribute"]
    refused([*command, "--data", "emoji", "--precision", "bfloat16"], "--precision: --attribute compares distances")
