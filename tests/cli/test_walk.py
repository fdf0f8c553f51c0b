import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from stylegans.cli.main import main


def test_walk_enlarges_small_pictures_and_says_so(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "walk.gif"
    assert main(["walk", str(models / "plain.safetensors"), "--seeds", "1,5", "--frames", "3", "--out", str(out)]) == 0
    assert "wrote" in (said := capsys.readouterr().out)
    assert "6 frames of 256x256 (--scale 4), 0.2 s" in said
    with Image.open(out) as animation:
        assert animation.size == (256, 256)
        assert animation.n_frames == 6


def test_a_label_may_be_a_vector_and_other_channels_are_shown_in_part(models: Path, tmp_path: Path) -> None:
    for model, words in (("classes", ("--class", "0,1,1")), ("two-channels", ())):
        command = ["walk", str(models / f"{model}.safetensors"), "--seeds", "1,5", "--frames", "1", *words]
        assert main([*command, "--out", str(tmp_path / f"{model}.gif")]) == 0


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, out = models / "plain.safetensors", tmp_path / "out"
    for words, complaint in (
        (("walk", plain, "--seeds", "1", "--out", out / "a.gif"), "--seeds: a walk needs"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.mov"), "--out: a.mov"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.gif", "--fps", "60"), "--fps: 60"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.gif", "--frames", "0"), "--frames: 0"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.gif", "--scale", "0"), "--scale: 0"),
    ):
        assert main([str(word) for word in words]) == 2
        refusal = capsys.readouterr().err
        assert refusal.count("\n") == 1
        assert complaint in refusal
    assert not out.exists()


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['walk', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout
