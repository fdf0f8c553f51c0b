from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans.data.prepare import build
from stylegans.errors import MissingFile, UserError
from stylegans.tools import survey
from stylegans.tools.survey import free_memory, look, look_at


def picture(path: Path, *, width: int = 40, height: int = 30, mode: str = "RGB", seed: int = 0, side: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = side
    Image.fromarray(pixels).save(path, exif=exif)


def test_a_folder_of_anything_is_counted_and_why_it_is_no_training_set_said(tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / f"{number}.png", width=40 + number // 4, seed=number)
    (tmp_path / "broken.png").write_bytes(b"x")
    facts = look(tmp_path)
    assert facts.pictures == 5
    assert facts.sizes == (((30, 40), 4), ((30, 41), 1))
    assert "there are 2 sizes" in facts.problems
    assert any("1 file cannot be decoded" in warning for warning in facts.warnings)


def test_what_was_built_is_fit_and_has_its_labels(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / "src" / f"kind{number % 2}" / f"{number}.png", seed=number)
    build(tmp_path / "src", tmp_path / "set.zip", size=(16, 16), labels="folders")
    facts = look(tmp_path / "set.zip")
    assert facts.problems == facts.warnings == ()
    assert facts.classes == (("kind0", 3), ("kind1", 3))
    assert facts.label_length == 2
    assert not facts.are_folders


def test_sub_folders_may_be_classes_but_not_mere_numbering(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "pets" / ("cats", "dogs")[number % 2] / f"{number}.png", seed=number)
        picture(tmp_path / "large" / f"{number % 2:05d}" / f"{number}.png", seed=number)
    assert look(tmp_path / "pets").classes == (("cats", 2), ("dogs", 2))
    assert look(tmp_path / "pets").are_folders
    assert look(tmp_path / "large").classes == ()


def test_pictures_on_their_side_count_the_right_way_up(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"{number}.jpg", side=6, seed=number)
    facts = look(tmp_path)
    assert facts.sizes == (((40, 30), 3),)
    assert any("on their side" in problem for problem in facts.problems)


@pytest.mark.parametrize(
    ("modes", "channels"), [("LLL", 1), ("L RGB RGB", 3), ("RGBA RGBA RGB", 4), ("RGBA RGB RGB", 3)]
)
def test_channels_are_those_of_most(tmp_path: Path, modes: str, channels: int) -> None:
    for number, mode in enumerate(modes.split() if " " in modes else modes):
        picture(tmp_path / f"{number}.png", mode=mode, seed=number)
    assert look(tmp_path).channels == channels


def test_a_large_set_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        picture(tmp_path / f"{number}.png", width=40 + (number == 0), seed=number)
    monkeypatch.setattr(survey, "CHECKED", 5)
    monkeypatch.setattr(survey, "SAMPLED", 3)
    facts = look(tmp_path)
    assert (facts.pictures, facts.looked_at) == (9, 3)
    assert facts.problems
    assert "3 of 9" in facts.warnings[0]


def test_other_sources_are_looked_at_and_need_a_build(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (5, 28, 28))
    pixels = np.random.default_rng(0).integers(0, 256, 5 * 28 * 28, dtype=np.uint8).tobytes()
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + pixels)
    facts = look(tmp_path / "train-images-idx3-ubyte")
    assert facts.pictures == 5
    assert facts.sizes == (((28, 28), 5),)
    assert facts.channels == 1
    assert facts.problems


def test_nothing_there_and_nothing_in_it_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^DATA: nothing at"):
        look(tmp_path / "absent")
    with pytest.raises(UserError, match=r"^DATA: .* holds no pictures"):
        look(tmp_path)
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(UserError, match=r"^DATA: .* neither a folder nor"):
        look(tmp_path / "text.txt")
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"^DATA: none of the 3 pictures"):
        look(tmp_path)
    with pytest.raises(UserError, match=r"^DATA: 'hf://a/b' is not on this machine"):
        look("hf://a/b")


def test_the_machine_is_known() -> None:
    machine = look_at(torch.device("cpu"))
    assert not machine.is_gpu
    assert machine.cores == torch.get_num_threads()
    memory = free_memory(torch.device("cpu"))
    assert memory is None or memory > 1 << 26
