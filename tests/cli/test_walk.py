import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

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
    models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    plain, out = models / "plain.safetensors", tmp_path / "out"
    for words, complaint in (
        (("walk", plain, "--seeds", "1", "--out", out / "a.gif"), "--seeds: a walk needs"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.mov"), "--out: a.mov"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.gif", "--fps", "60"), "--fps: 60"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.gif", "--frames", "0"), "--frames: 0"),
        (("walk", plain, "--seeds", "1,2", "--out", out / "a.gif", "--scale", "0"), "--scale: 0"),
    ):
        refused(words, complaint)


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['walk', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout


# --- long walks -----------------------------------------------------------------------------------------------------


def shown(path: Path) -> tuple[int, float, tuple[int, int]]:
    """(frames, frames a second, (width, height)) of a video, as they are decoded."""
    if path.suffix != ".mp4":
        with Image.open(path) as animation:
            times = [frame.load() and frame.info["duration"] for frame in ImageSequence.Iterator(animation)]
            return len(times), 1000 * len(times) / sum(times), animation.size
    av = pytest.importorskip("av")
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24").shape for frame in file.decode(stream)]
        return len(frames), float(stream.average_rate), (frames[0][1], frames[0][0])


@pytest.mark.parametrize(("name", "fps"), [("walk.mp4", 60), ("walk.webp", 40), ("walk.gif", 20)])
def test_a_video_plays_with_every_option(models: Path, tmp_path: Path, name: str, fps: int) -> None:
    out = tmp_path / name
    words = ["--seeds", "1,5,9", "--frames", "4", "--fps", str(fps), "--curve", "smooth", "--style-layers", "0-3"]
    assert main(["walk", str(models / "plain.safetensors"), *words, "--base", "7", "--out", str(out)]) == 0
    frames, rate, size = shown(out)
    assert (frames, size) == (12, (256, 256))
    assert rate == pytest.approx(fps, rel=0.02)
    assert list(tmp_path.iterdir()) == [out]


def test_a_walk_at_constant_speed_and_through_classes(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--seeds", "4", "--classes", "0,2,1", "--frames", "3", "--even", "--out", str(tmp_path / "walk.gif")]
    assert main(["walk", str(models / "classes.safetensors"), *words]) == 0
    assert capsys.readouterr().out.startswith("wrote")  # no class was drawn
    assert shown(tmp_path / "walk.gif")[0] == 9


def start(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "stylegans", *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def killed_when(process: "subprocess.Popen[str]", folder: Path, pattern: str, count: int) -> None:
    """Kill it once so many files lie in its folder."""
    while process.poll() is None and len(list(folder.glob(pattern))) < count:
        time.sleep(0.005)
    process.kill()
    process.communicate()


def test_a_killed_walk_continues_to_the_same_bytes(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., None]
) -> None:
    pytest.importorskip("av")
    words = ["walk", str(models / "plain.safetensors"), "--seeds", "1,5", "--frames", "40", "--scale", "1", "--out"]
    assert main([*words, str(tmp_path / "whole.mp4")]) == 0
    out, folder = tmp_path / "walk.mp4", tmp_path / ".walk.mp4.unfinished"
    killed_when(start(*words, out), folder, "frame-*.png", 10)
    assert not out.exists()
    refused([*words, out, "--truncation", "0.5"], "with --truncation 1.0, now 0.5")
    assert main([*words, str(out)]) == 0
    assert "continuing after" in capsys.readouterr().out
    assert out.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walk.mp4", "whole.mp4"]


@pytest.mark.long
@pytest.mark.parametrize("name", ["walk.mp4", "walk.gif"])
def test_many_kills_change_nothing(models: Path, tmp_path: Path, name: str) -> None:
    words = ["walk", models / "plain.safetensors", "--seeds", "1,5", "--frames", "60", "--fps", "30", "--even"]
    whole, out = tmp_path / f"whole-{name}", tmp_path / name
    process = start(*words, "--out", whole)
    process.communicate()
    assert process.returncode == 0
    folder = tmp_path / f".{name}.unfinished"
    for pattern, count in (("steps.txt", 1), ("frame-*.png", 1), ("frame-*.png", 70), ("video*", 1)):
        killed_when(start(*words, "--out", out), folder, pattern, count)
    assert "wrote" in start(*words, "--out", out).communicate()[0]
    assert out.read_bytes() == whole.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_options_of_long_walks_are_refused_in_one_line(
    models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    out = tmp_path / "out"
    for model, words, complaint in (
        ("plain", ("--style-layers", "99"), "--style-layers: 99 reaches beyond"),
        ("plain", ("--base", "3"), "--base: all layers move"),
        ("plain", ("--classes", "0,1"), "--classes: this model has no classes"),
        ("classes", ("--classes", "0,x"), "--classes: '0,x' is no list of classes"),
        ("classes", ("--classes", "0,1", "--class", "1"), "--classes: each keyframe has its own"),
        ("plain", ("--curve", "smooth", "--space", "z"), "--curve: a smooth curve"),
    ):
        command = ["walk", models / f"{model}.safetensors", "--seeds", "1,2", "--out", out / "a.gif"]
        refused([*command, *words], complaint)


def test_a_walk_is_in_float32_unless_asked(models: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    command = ["walk", str(models / "small.safetensors"), "--seeds", "0,1", "--frames", "2", "--out"]
    assert main([*command, str(tmp_path / "walk.gif"), "--precision", "auto"]) == 0
    refused([*command, tmp_path / "new.gif", "--precision", "float16", "--device", "cpu"], "--precision: float16 needs")
