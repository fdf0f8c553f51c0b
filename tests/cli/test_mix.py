import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from stylegans.cli.main import main


def test_mix_draws_the_sources_and_every_pair(models: Path, tmp_path: Path) -> None:
    words = ["--rows", "1-2", "--cols", "10-12", "--layers", "middle"]
    assert main(["mix", str(models / "plain.safetensors"), *words, "--out", str(tmp_path / "new" / "mix.png")]) == 0
    with Image.open(tmp_path / "new" / "mix.png") as picture:
        assert picture.size == (4 * 64, 3 * 64)


def test_mix_in_bfloat16_is_near(models: Path, tmp_path: Path) -> None:
    words = ["mix", str(models / "plain.safetensors"), "--rows", "1", "--cols", "2"]
    grids = []
    for precision in ("float32", "bfloat16"):
        assert main([*words, "--out", str(tmp_path / f"{precision}.png"), "--precision", precision]) == 0
        with Image.open(tmp_path / f"{precision}.png") as picture:
            grids.append(np.asarray(picture).astype(float))
    assert 0 < abs(grids[0] - grids[1]).mean() < 3


def test_mix_shows_what_can_be_shown_of_other_channels(models: Path, tmp_path: Path) -> None:
    words = ["--rows", "1", "--cols", "2", "--layers", "0", "--out", str(tmp_path / "mix.png")]
    assert main(["mix", str(models / "two-channels.safetensors"), *words]) == 0
    with Image.open(tmp_path / "mix.png") as picture:
        assert (picture.size, picture.mode) == ((32, 32), "L")


def test_a_label_may_be_a_vector(models: Path, tmp_path: Path) -> None:
    words = ["--rows", "1", "--cols", "2", "--layers", "0", "--class", "0,1,1", "--out", str(tmp_path / "mix.png")]
    assert main(["mix", str(models / "classes.safetensors"), *words]) == 0


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    plain, out = models / "plain.safetensors", tmp_path / "out"
    small = models / "small.safetensors"
    valid = ("mix", plain, "--rows", "1", "--cols", "2", "--out", out / "a.png")
    for words, complaint in (
        (("mix", plain, "--rows", "1", "--cols", "y", "--out", out / "a.png"), "--cols: 'y'"),
        (("mix", plain, "--rows", "1", "--cols", "2", "--out", out / "a.jpg"), "--out: a.jpg"),
        (("mix", small, "--rows", "1", "--cols", "2", "--layers", "fine", "--out", out / "a.png"), "no fine"),
        ((*valid, "--precision", "float16", "--device", "cpu"), "--precision: float16 needs"),
    ):
        refused(words, complaint)


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['mix', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout
