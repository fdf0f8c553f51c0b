import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylegans.data import check as check_module
from stylegans.data.check import NEAR_LEVELS, check, difference_hashes, near_pairs, shrunk
from stylegans.data.images import open_dataset
from stylegans.errors import MissingFile, UserError

Photo = Callable[..., Image.Image]


def test_a_uniform_set_is_fit_for_training(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    for path in (uniform, zipped(uniform)):
        findings = check(path)
        assert findings.problems == ()
        assert findings.mend is None
        assert (findings.pictures, findings.sizes, findings.modes) == (8, (((16, 24), 8),), (("RGB", 8),))


def test_the_embedded_people_are_fit_for_training_without_duplicates() -> None:
    findings = check("emoji-people")
    assert (findings.name, findings.pictures, findings.problems, findings.duplicates) == ("emoji-people", 997, (), ())
    assert dict(findings.classes)["person-role"] == 492


def test_a_folder_of_everything_is_not_and_every_broken_file_is_named(adversarial: Path) -> None:
    findings = check(adversarial)
    broken = {path.name for path in adversarial.glob("bad-*")} - {"bad-float.tif", "bad-int32.tif"}
    assert broken <= {name for name, _ in findings.corrupt}
    assert any("cannot be decoded" in problem for problem in findings.problems)
    assert any("sizes" in problem for problem in findings.problems)
    assert any("modes" in problem for problem in findings.problems)
    assert findings.mend is not None
    assert findings.mend.startswith("stylegans data build ")
    assert findings.rotated == 1


def test_duplicates_are_pictures_with_the_same_pixels_whatever_the_file(uniform: Path) -> None:
    Image.open(uniform / "0" / "0.png").save(uniform / "copy.bmp")
    assert check(uniform).duplicates == (("0/0.png", "copy.bmp"),)


def test_near_duplicates_look_alike_but_differ(uniform: Path) -> None:
    Image.open(uniform / "0" / "0.png").save(uniform / "copy.jpg", quality=95)
    findings = check(uniform)
    assert findings.duplicates == ()
    assert ("0/0.png", "copy.jpg") in findings.near_duplicates


def test_plain_pictures_are_not_called_alike(tmp_path: Path) -> None:
    for colour in ("red", "green", "blue"):
        Image.new("RGB", (16, 16), colour).save(tmp_path / f"{colour}.png")
    assert check(tmp_path).near_duplicates == ()


def test_classes_are_counted_and_pictures_without_a_label_too(uniform: Path) -> None:
    labels = [["0/0.png", 1], ["0/2.png", 1], ["1/1.png", 0]]
    (uniform / "dataset.json").write_text(json.dumps({"labels": labels, "label_names": ["cat", "dog"]}))
    findings = check(uniform)
    assert (findings.classes, findings.unlabelled) == ((("cat", 1), ("dog", 2)), 5)


def test_vectors_are_summed_up_place_by_place(uniform: Path) -> None:
    labels = [["0/0.png", [1, 2]], ["0/2.png", [0, -1.5]], ["1/1.png", [1, 0]]]
    (uniform / "dataset.json").write_text(json.dumps({"labels": labels, "label_names": ["smiles", "turned"]}))
    findings = check(uniform)
    assert (findings.vectors, findings.unlabelled, findings.classes) == (3, 5, ())
    smiles, turned = findings.columns
    assert (smiles.name, smiles.positive, smiles.mean) == ("smiles", 2, pytest.approx(2 / 3))
    assert (turned.positive, turned.smallest, turned.largest) == (None, -1.5, 2)
    assert turned.mean == pytest.approx(1 / 6)


def write_arrays(folder: Path, channels: int, dtype: type, count: int = 3) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        values = np.random.default_rng(number).integers(0, np.iinfo(dtype).max + 1, (channels, 16, 16))
        np.save(folder / f"{number}.npy", values.astype(dtype))


@pytest.mark.parametrize(("channels", "dtype", "mode"), [(2, np.uint8, "2 channels of 8 bits"), (3, np.uint8, "RGB")])
def test_arrays_are_looked_over_like_any_picture(tmp_path: Path, channels: int, dtype: type, mode: str) -> None:
    write_arrays(tmp_path, channels, dtype)
    (tmp_path / "copy.npy").write_bytes((tmp_path / "0.npy").read_bytes())
    findings = check(tmp_path)
    assert (findings.modes, findings.depths, findings.problems) == (((mode, 4),), ((8, 4),), ())
    assert findings.duplicates == (("0.npy", "copy.npy"),)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "0.npy").read_bytes()[:-9])
    np.save(tmp_path / "floats.npy", np.zeros((3, 8, 8)))
    assert dict(check(tmp_path).corrupt).keys() == {"cut.npy", "floats.npy"}


def test_it_refuses_what_a_training_refuses_and_nothing_else(tmp_path: Path, photo: Photo) -> None:
    def agree(folder: Path) -> bool:
        try:
            dataset = open_dataset(folder)
            for index in range(len(dataset)):
                dataset.image(index)
        except UserError:
            return bool(check(folder).problems)
        return not check(folder).problems

    folder = tmp_path / "grows"
    write_arrays(folder, 3, np.uint8, count=1)
    assert agree(folder)
    photo(16, 16).save(folder / "8.png")  # beside an array of 8 bits: the same to a training
    assert agree(folder)
    assert not check(folder).problems
    for name, array in (("9", np.zeros((2, 16, 16), np.uint8)), ("9", np.zeros((3, 16, 16), np.uint16))):
        np.save(folder / f"{name}.npy", array)
        assert agree(folder)
        assert check(folder).problems


def test_grey_of_16_bits_is_mended_by_a_build_that_keeps_them(tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(np.full((16, 16), 1000 + number, np.uint16)).save(tmp_path / f"{number}.png")
    findings = check(tmp_path)
    assert findings.depths == ((16, 2),)
    assert findings.mend is not None
    assert findings.mend.endswith("--size 16 --depth 16")


@pytest.mark.parametrize(
    ("size", "mode", "problem"),
    [((50, 50), "RGB", "50x50"), ((16, 16), "P", "mode P"), ((16, 16), "CMYK", "mode CMYK")],
)
def test_a_size_or_mode_no_network_takes_is_a_problem(
    tmp_path: Path, photo: Photo, size: tuple[int, int], mode: str, problem: str
) -> None:
    for number in range(2):
        photo(*size, mode, seed=number).save(tmp_path / f"{number}.tif")
    (found,) = check(tmp_path).problems
    assert problem in found


def test_an_empty_folder_is_a_problem_without_a_mend(tmp_path: Path) -> None:
    findings = check(tmp_path)
    assert findings.problems == ("there are no pictures",)
    assert findings.mend is None


def test_what_only_data_build_reads_is_refused_with_its_command(tmp_path: Path) -> None:
    (tmp_path / "set-idx3").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8]) + bytes(2 * 8 * 8))
    for path in (tmp_path, tmp_path / "set-idx3"):
        with pytest.raises(UserError, match=r"^PATH: .*: stylegans data build "):
            check(path)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^PATH: nothing at"):
        check(tmp_path / "nope")


def test_pictures_of_one_kind_before_a_plain_background_are_not_called_alike(tmp_path: Path) -> None:
    for number in range(12):  # one outline, as trousers have, of other shades: one hash
        values = np.zeros((32, 32), np.uint8)
        values[4:28, 10:22] = 20 * (number + 1)
        Image.fromarray(values).save(tmp_path / f"{number:02d}.png")
    small = np.stack([shrunk(Image.open(path)) for path in sorted(tmp_path.iterdir())])
    assert len(set(difference_hashes(small))) == 1
    assert check(tmp_path).near_duplicates == ()


def test_pairs_are_looked_for_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "MOST_PAIRS", 7)
    frames = np.tile(np.arange(9, dtype=np.uint8), (20, 8, 1))
    assert near_pairs(frames) == [(0, j) for j in range(1, 8)]


def test_a_difference_hash_tells_which_pixels_are_darker_than_their_right_neighbours() -> None:
    rising = np.tile(np.arange(9, dtype=np.uint8), (8, 1))
    assert difference_hashes(np.stack([rising, rising[:, ::-1]])).tolist() == [2**64 - 1, 0]


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(100, 140)), max_size=12))
def test_near_pairs_differ_in_two_bits_at_most_and_nowhere_by_many_levels(values: list[tuple[int, int]]) -> None:
    small = np.zeros((len(values), 8, 9), np.uint8)
    for picture, (bits, level) in zip(small, values, strict=True):
        picture[:, :4] = level
        for place in range(4):  # one row for each bit, whose last number is above its left neighbour or not
            picture[place, 8] = bits >> place & 1
    expected = [
        (i, j)
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i][0] ^ values[j][0]).bit_count() <= 2 and abs(values[i][1] - values[j][1]) <= NEAR_LEVELS
    ]
    assert near_pairs(small) == expected
