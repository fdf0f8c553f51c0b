import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.data import images
from stylegans.data.images import ImageDataset, open_dataset, resized
from stylegans.errors import MissingFile, UserError

Photo = Callable[..., Image.Image]


def everything(dataset: ImageDataset) -> np.ndarray:
    return np.stack([dataset.image(index) for index in range(len(dataset))])


def label(folder: Path, labels: object, **more: object) -> None:
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, **more}))


def classes_by_number(folder: Path) -> None:
    label(folder, [[f"{n % 2}/{n}.png", n % 3] for n in range(8)], label_names=["x", "y", "z"])


def test_pictures_come_in_the_order_of_their_names_as_channels_height_width(uniform: Path) -> None:
    dataset = open_dataset(uniform)
    assert (dataset.name, dataset.resolution, dataset.channels, len(dataset)) == ("uniform", (16, 24), 3, 8)
    for index, number in enumerate((0, 2, 4, 6, 1, 3, 5, 7)):
        stored = np.asarray(Image.open(uniform / f"{number % 2}" / f"{number}.png")).transpose(2, 0, 1)
        np.testing.assert_array_equal(dataset.image(index), stored)
        assert dataset.image(index).dtype == np.uint8


def test_a_zip_and_a_folder_show_the_same(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    np.testing.assert_array_equal(everything(open_dataset(uniform)), everything(open_dataset(zipped(uniform))))


def test_xflip_adds_every_picture_mirrored_with_its_label(uniform: Path) -> None:
    classes_by_number(uniform)
    plain, doubled = open_dataset(uniform, labels=True), open_dataset(uniform, xflip=True, labels=True)
    assert len(doubled) == 2 * len(plain)
    np.testing.assert_array_equal(everything(doubled)[:8], everything(plain))
    np.testing.assert_array_equal(everything(doubled)[8:], everything(plain)[..., ::-1])
    np.testing.assert_array_equal(doubled.label(9), plain.label(1))


def test_labels_are_one_hot_and_read_only_when_asked_for(uniform: Path) -> None:
    classes_by_number(uniform)
    without, labelled = open_dataset(uniform), open_dataset(uniform, labels=True)
    assert (without.c_dim, without.has_labels, without.label(0).shape) == (0, True, (0,))
    assert (labelled.c_dim, labelled.label_names) == (3, ["x", "y", "z"])
    np.testing.assert_array_equal(labelled.label(1), np.array([0, 0, 1], np.float32))  # the second name is 0/2.png


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_modes_give_one_three_and_four_channels(tmp_path: Path, photo: Photo, mode: str) -> None:
    for number in range(2):
        photo(8, 8, mode).save(tmp_path / f"{number}.png")
    assert open_dataset(tmp_path).image(0).shape == ({"L": 1, "RGB": 3, "RGBA": 4}[mode], 8, 8)


def test_shrinking_by_a_whole_factor_is_the_mean_over_each_square(uniform: Path) -> None:
    full, half = open_dataset(uniform), open_dataset(uniform, size=(8, 12))
    means = everything(full).reshape(8, 3, 8, 2, 12, 2).mean((3, 5))
    assert half.resolution == (8, 12)
    assert np.abs(everything(half) - means).max() <= 0.5


def test_enlarging_keeps_flat_pictures_flat() -> None:
    flat = Image.new("RGB", (4, 4), (10, 20, 30))
    assert set(resized(flat, (9, 9)).get_flattened_data()) == {(10, 20, 30)}
    assert set(resized(flat, (3, 3)).get_flattened_data()) == {(10, 20, 30)}


def test_a_size_of_another_shape_is_refused(uniform: Path) -> None:
    with pytest.raises(UserError, match=r"^--size: 16x16 has another shape .*\(24x16\); stylegans data build"):
        open_dataset(uniform, size=(16, 16))


def test_a_picture_given_out_is_the_callers_own(uniform: Path) -> None:
    dataset = open_dataset(uniform)
    dataset.image(0)[:] = 0
    assert dataset.image(0).any()


def test_decoded_pictures_are_kept_unless_they_exceed_the_limit(uniform: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = open_dataset(uniform)
    monkeypatch.setattr(images, "CACHE_BYTES", 8 * 3 * 16 * 24 - 1)
    not_kept = open_dataset(uniform)
    before = everything(kept)
    np.testing.assert_array_equal(everything(not_kept), before)
    shutil.rmtree(uniform)
    np.testing.assert_array_equal(everything(kept), before)
    with pytest.raises(UserError, match=r"cannot be decoded"):
        not_kept.image(0)
    with pytest.raises(UserError, match=r"cannot be decoded"):
        kept.share_of_memory(2).image(0)


def test_it_survives_pickling_without_its_cache(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    for path in (uniform, zipped(uniform)):
        dataset = open_dataset(path, xflip=True)
        before = everything(dataset)
        frozen = pickle.dumps(dataset)
        assert len(frozen) < 8 * 3 * 16 * 24
        np.testing.assert_array_equal(everything(pickle.loads(frozen)), before)


def test_the_content_hash_knows_pictures_names_and_labels(uniform: Path) -> None:
    before = open_dataset(uniform).content_hash()
    assert open_dataset(uniform, xflip=True).content_hash() == before
    classes_by_number(uniform)
    assert open_dataset(uniform).content_hash() == before
    labelled = open_dataset(uniform, labels=True).content_hash()
    label(uniform, [[f"{n % 2}/{n}.png", 0] for n in range(8)])
    relabelled = open_dataset(uniform, labels=True).content_hash()
    (uniform / "0" / "0.png").unlink()
    fewer = open_dataset(uniform).content_hash()
    assert len({before, labelled, relabelled, fewer}) == 4


def test_a_picture_of_another_size_is_named_with_the_command_that_mends(uniform: Path, photo: Photo) -> None:
    photo(30, 30).save(uniform / "1" / "odd.png")
    with pytest.raises(
        UserError, match=r"^--data: .* 1/odd\.png is 30x30 RGB, .* stylegans data build \S+ \S+ --size 16$"
    ):
        open_dataset(uniform)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
def test_a_picture_of_another_mode_is_named(uniform: Path, photo: Photo, mode: str) -> None:
    photo(16, 24, mode).save(uniform / "1" / "odd.png")
    with pytest.raises(UserError, match=rf"1/odd\.png is .*{mode}.* stylegans data build"):
        open_dataset(uniform)


def test_modes_that_no_network_takes_are_refused_even_if_all_have_them(tmp_path: Path, photo: Photo) -> None:
    for number in range(2):
        photo(8, 8, "P").save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"0\.png is of mode P, not L, RGB or RGBA"):
        open_dataset(tmp_path)


def test_a_file_that_is_no_picture_is_named(uniform: Path) -> None:
    (uniform / "text.png").write_text("hello")
    with pytest.raises(UserError, match=r"text\.png cannot be read \(is no picture"):
        open_dataset(uniform)


def test_only_broken_files_are_one_line(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_text("hello")
    with pytest.raises(UserError, match=r"^--data: [^\n]*0\.png cannot be read"):
        open_dataset(tmp_path)


def test_a_truncated_picture_is_named_when_it_is_read(uniform: Path) -> None:
    path = uniform / "0" / "0.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"^0/0\.png: cannot be decoded"):
        open_dataset(uniform).image(0)


def test_a_picture_that_changes_after_opening_is_named(uniform: Path, photo: Photo) -> None:
    dataset = open_dataset(uniform)
    photo(8, 8).save(uniform / "0" / "0.png")
    with pytest.raises(UserError, match=r"^0/0\.png: is not what it was"):
        dataset.image(0)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_pictures_are_refused(tmp_path: Path, photo: Photo, count: int) -> None:
    for number in range(count):
        photo(8, 8).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=rf"--data: .* holds {count} pictures"):
        open_dataset(tmp_path)


def test_a_missing_path_names_the_embedded_sets(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"--data: .*emoji, emoji-people"):
        open_dataset(tmp_path / "nope")


def test_labels_of_an_unlabelled_set_are_refused(uniform: Path) -> None:
    for document in (None, {"labels": None}):
        if document is not None:
            (uniform / "dataset.json").write_text(json.dumps(document))
        with pytest.raises(UserError, match=r"^--labels: .* has no labels"):
            open_dataset(uniform, labels=True)


def test_a_picture_without_a_label_is_named(uniform: Path) -> None:
    label(uniform, [["0/0.png", 1]])
    with pytest.raises(UserError, match=r"^--labels: dataset\.json has no label for 0/2\.png"):
        open_dataset(uniform, labels=True)
    assert not open_dataset(uniform).c_dim


@pytest.mark.parametrize("index", [-1, 8])
def test_numbers_outside_the_set_are_refused(uniform: Path, index: int) -> None:
    with pytest.raises(IndexError):
        open_dataset(uniform).image(index)
