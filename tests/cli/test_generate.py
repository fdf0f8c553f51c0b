import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.cli.main import main


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_generate_writes_a_png_per_seed_and_the_numbers_before_rounding(models: Path, tmp_path: Path) -> None:
    command = ["generate", str(models / "plain.safetensors"), "--seeds", "0-2,11,0", "--out", str(tmp_path / "new")]
    assert main(command) == 0
    assert main([*command, "--format", "npz", "--batch", "2"]) == 0
    names = [f"seed{seed:04d}.png" for seed in (0, 1, 2, 11)]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["images.npz", *names]
    arrays = np.load(tmp_path / "new" / "images.npz")
    assert (arrays["images"].dtype, arrays["images"].shape) == (np.float32, (4, 3, 64, 64))
    assert (arrays["seeds"].dtype, arrays["seeds"].tolist()) == (np.int64, [0, 1, 2, 11])
    rounded = np.clip(arrays["images"] * 127.5 + 128, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    for expected, name in zip(rounded, names, strict=True):
        assert np.abs(picture(tmp_path / "new" / name).astype(int) - expected).max() <= 1


def test_generate_makes_a_grid(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seeds", "0-4", "--format", "grid", "--truncation", "0.5", "--truncation-layers", "4"]
    assert main(["generate", str(models / "plain.safetensors"), "--out", str(tmp_path), *words]) == 0
    assert picture(tmp_path / "grid.png").shape == (2 * 64, 3 * 64, 3)
    assert capsys.readouterr().out == f"wrote {tmp_path / 'grid.png'}: 5 pictures\n"


def test_drawn_classes_are_printed(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", str(models / "classes.safetensors"), "--seeds", "0,1", "--out", str(tmp_path)]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("classes (drawn by seed; --class chooses): seed 0 class ")
    for label in ("1", "0,1,1", "-0.5,1,0"):
        assert main([*command, "--class", label]) == 0
        assert capsys.readouterr().out.startswith("wrote 2 pictures")


def test_what_a_png_cannot_hold_becomes_an_array(models: Path, tmp_path: Path) -> None:
    assert main(["generate", str(models / "two-channels.safetensors"), "--seeds", "3", "--out", str(tmp_path)]) == 0
    array = np.load(tmp_path / "seed0003.npy")
    assert (array.dtype, array.shape) == (np.uint8, (2, 16, 16))


def test_a_grid_shows_what_can_be_shown_of_other_channels(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", str(models / "two-channels.safetensors"), "--seeds", "3", "--out", str(tmp_path)]
    assert main([*command, "--format", "grid"]) == 0
    assert capsys.readouterr().out.endswith("grid.png: 1 pictures, of 2 channels the first 1\n")
    assert main(command) == 0
    assert np.array_equal(picture(tmp_path / "grid.png"), np.load(tmp_path / "seed0003.npy")[0])


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, out = models / "plain.safetensors", tmp_path / "out"
    classes = models / "classes.safetensors"
    (tmp_path / "file").touch()
    for words, complaint in (
        (("generate", plain, "--seeds", "x", "--out", out), "--seeds: 'x'"),
        (("generate", plain, "--seeds", "1", "--out", tmp_path / "file"), "--out: "),
        (("generate", plain, "--seeds", "1", "--out", out, "--class", "0"), "--class: "),
        (("generate", plain, "--seeds", "1", "--out", out, "--batch", "0"), "--batch: "),
        (("generate", classes, "--seeds", "1", "--out", out, "--class", "0,1"), "--class: 2 numbers"),
        (("generate", classes, "--seeds", "1", "--out", out, "--class", "cat"), "--class: 'cat'"),
        (("generate", tmp_path / "none.safetensors", "--seeds", "1", "--out", out), "none.safetensors"),
    ):
        assert main([str(word) for word in words]) == 2
        refusal = capsys.readouterr().err
        assert refusal.count("\n") == 1
        assert complaint in refusal
    assert not out.exists()


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['generate', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout
