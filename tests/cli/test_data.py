import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.cli.data import main
from stylegans.errors import UserError


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of three pictures, and a broken one whose name rich would take for markup."""
    folder = tmp_path / "pictures"
    for number in range(6):
        (folder / f"class{number % 2}").mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"class{number % 2}" / f"{number}.png")
    (folder / "class0" / "[bold]broken.png").write_text("x")
    return folder


def test_without_a_verb_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 0
    assert "build  make a data set" in capsys.readouterr().out


def test_an_unknown_verb_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^data: 'bild' is not one of list, build, check"):
        main(["bild"])


@pytest.mark.parametrize("verb", ["list", "build", "check"])
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert not stop.value.code
    assert f"stylegans data {verb}" in capsys.readouterr().out


def test_list_names_the_embedded_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "emoji-people" in out
    assert "Apache-2.0" in out


def test_list_takes_nothing() -> None:
    with pytest.raises(UserError, match=r"extra"):
        main(["list", "extra"])


def test_build_says_what_it_made_and_what_it_left_out(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.zip"
    assert main(["build", str(pictures), str(target), "--labels", "folders", "--filter", "box"]) == 0
    out = capsys.readouterr().out
    assert "skipped class0/[bold]broken.png: is no picture" in out
    assert "classes: class0 3, class1 3" in out
    assert f"{target}: 6 pictures, 32x32 (chosen; --size sets another), RGB, 1 skipped" in out
    assert main(["check", str(target)]) == 0
    assert "fit for training" in capsys.readouterr().out


def test_check_of_what_cannot_be_trained_on_gives_1_and_a_command_that_mends_it(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(pictures)]) == 1
    out = capsys.readouterr().out
    assert "[bold]broken.png" in out.replace("\n", "")
    (command,) = [line for line in out.splitlines() if "stylegans data build" in line]
    words = command.partition("stylegans data ")[2].split()
    assert main(words) == 0
    assert main(["check", words[2]]) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--size", "huge"], "^--size: 'huge' is not a size"),
        (["--size", "50"], "^--size: 50x50"),
        (["--channels", "0"], "^--channels: 0 should be at least 1"),
        (["--channels", "2"], "^SRC: none of the 7 pictures .* has 3 channels, not 2"),
        (["--depth", "12"], "^--depth: '12' is not one of 8, 16"),
        (["--crop", "left"], "^--crop: 'left' is not one of center, wide, none"),
        (["--filter", "cubic"], "^--filter: 'cubic' is not one of lanczos, box"),
        (["--sise", "32"], "^--sise: no such option; did you mean --size"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(
    pictures: Path, tmp_path: Path, words: list[str], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        main(["build", str(pictures), str(tmp_path / "out.zip"), *words])
    assert not (tmp_path / "out.zip").exists()


def test_deep_pictures_their_vectors_and_odd_names_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "deep"
    source.mkdir()
    for number in range(3):
        np.save(source / f"{number}.npy", np.full((5, 16, 16), number, np.uint16))
    (source / "two\nlines.png").write_text("x")
    rows = [[f"{number}.npy", [number % 2, number / 2]] for number in range(3)]
    (source / "dataset.json").write_text(json.dumps({"labels": rows, "label_names": ["smiles", "turned"]}))
    assert main(["build", str(source), str(tmp_path / "plain.zip")]) == 0
    assert "3 pictures have 16 bits and were rounded to 8; see --depth 16" in capsys.readouterr().out
    assert main(["build", str(source), str(tmp_path / "out.zip"), "--depth", "16", "--channels", "5"]) == 0
    out = capsys.readouterr().out
    assert r"skipped two\nlines.png: has no label in dataset.json" in out
    assert "labels: vectors of length 2" in out
    assert "out.zip: 3 pictures, 16x16 (chosen; --size sets another), 5 channels of 16 bits, 1 skipped" in out
    assert main(["check", str(tmp_path / "out.zip")]) == 0
    out = capsys.readouterr().out
    for line in (
        "5 channels of 16 bits: 3",
        "16: 3",
        "3 vectors of length 2",
        "smiles: 1 positive",
        "mean 0.5, 0 to 1",
    ):
        assert line in out
