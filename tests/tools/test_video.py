import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from stylegans.errors import UserError
from stylegans.tools.video import check_video, durations, write_video


def frames(count: int, height: int, width: int, channels: int) -> list[np.ndarray]:
    """Smooth pictures that drift: as a walk's, and kind to codecs."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(y / height * 200 + 20), (x / width * 200 + 30), (x + y) / (height + width) * 180 + 40]
    solid = np.full((height, width), 255.0)
    picked = [*planes, solid][:channels] if channels != 1 else planes[:1]
    return [np.stack([np.clip(p + 2 * i, 0, 255) for p in picked], axis=2).astype(np.uint8) for i in range(count)]


def read(path: Path) -> list[tuple[np.ndarray, int]]:
    """(picture RGB, milliseconds it is shown) of every frame in the file."""
    with Image.open(path) as image:
        assert image.info.get("loop") == 0
        return [(np.asarray(f.convert("RGB")), int(f.info["duration"])) for f in ImageSequence.Iterator(image)]


def shown_at(shown: list[tuple[np.ndarray, int]], time: float) -> np.ndarray:
    for picture, duration in shown:
        if time < duration:
            return picture
        time -= duration
    raise AssertionError("the animation is over")


def palettes(content: bytes) -> tuple[bool, list[bool]]:
    """Whether a GIF has a palette for all frames, and of each frame whether it has its own."""

    def size(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    own, at = [], 13 + size(content[10])
    while content[at] != 0x3B:  # the end of the file
        if content[at] == 0x21:  # an extension
            at += 2
        else:  # a frame
            own.append(bool(content[at + 9] & 0x80))
            at += 10 + size(content[at + 9]) + 1
        while content[at]:  # its blocks
            at += content[at] + 1
        at += 1
    return bool(content[10] & 0x80), own


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("suffix", "tolerance"), [(".gif", 8), (".webp", 6)])
def test_an_animation_loops_and_shows_every_frame(tmp_path: Path, suffix: str, tolerance: int, channels: int) -> None:
    made = frames(7, 33, 20, channels)
    write_video(tmp_path / f"walk{suffix}", iter(made), fps=30)
    shown = read(tmp_path / f"walk{suffix}")  # a codec may join frames that look alike to it
    assert abs(sum(time for _, time in shown) - 7000 / 30) <= 10
    for number, original in enumerate(made):
        rgb = original[:, :, :3] if channels > 1 else original.repeat(3, axis=2)
        picture = shown_at(shown, (number + 0.5) * 1000 / 30)
        assert np.abs(picture.astype(int) - rgb).mean() < tolerance


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_has_one_palette_for_all_frames(tmp_path: Path, channels: int) -> None:
    write_video(tmp_path / "a.gif", frames(5, 16, 16, channels), fps=10)
    assert palettes((tmp_path / "a.gif").read_bytes()) == (True, [False] * 5)


@pytest.mark.parametrize(("height", "width"), [(32, 48), (33, 21)])
def test_an_mp4_holds_every_frame_in_true_colours_on_even_sides(tmp_path: Path, height: int, width: int) -> None:
    av = pytest.importorskip("av")
    made = frames(9, height, width, 3)
    write_video(tmp_path / "walk.mp4", iter(made), fps=25)
    with av.open(str(tmp_path / "walk.mp4")) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 25
        seen = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    assert len(seen) == 9
    for picture, original in zip(seen, made, strict=True):
        assert picture.shape == (height + height % 2, width + width % 2, 3)
        assert np.abs(picture[:height, :width].astype(int) - original).mean() < 4


@given(count=st.integers(1, 300), fps=st.integers(1, 100), unit=st.sampled_from([1, 10]))
def test_durations_are_whole_units_and_right_in_the_sum(count: int, fps: int, unit: int) -> None:
    times = durations(count, fps=fps, unit=unit)
    assert len(times) == count
    assert all(time % unit == 0 for time in times)
    assert abs(sum(times) - 1000 * count / fps) <= unit / 2


@pytest.mark.parametrize(
    ("name", "fps", "complaint"),
    [
        ("walk.avi", 30, "--out: walk.avi: a video's name ends in .gif, .webp, .mp4"),
        ("walk", 30, "--out: walk: a video's name ends in"),
        ("walk.gif", 60, "--fps: 60 is not between 1 and 50"),
        ("walk.mp4", 0, "--fps: 0"),
    ],
)
def test_what_cannot_be_written_is_refused_beforehand(tmp_path: Path, name: str, fps: int, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        write_video(tmp_path / name, [], fps=fps)
    assert not list(tmp_path.iterdir())


def test_an_mp4_without_pyav_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'stylegans\[video\]'"):
        check_video("walk.mp4", fps=30)
    check_video("walk.gif", fps=30)


def test_frames_that_no_video_holds_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1, 3 or 4 channels, not 2"):
        write_video(tmp_path / "walk.gif", [np.zeros((8, 8, 2), np.uint8)], fps=30)
    assert not list(tmp_path.iterdir())
