import json
import pickle
import shutil
import struct
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


def write_arrays(folder: Path, *shape: int, dtype: type = np.uint16, count: int = 6) -> np.ndarray:
    folder.mkdir(exist_ok=True)
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (count, *shape)).astype(dtype)
    for number, array in enumerate(values):
        np.save(folder / f"{number}.npy", array)
    return values


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_arrays_are_pictures_of_any_channels_and_8_or_16_bits(
    tmp_path: Path, zipped: Callable[[Path], Path], dtype: type, channels: int
) -> None:
    values = write_arrays(tmp_path / "set", channels, 8, 12, dtype=dtype)
    for path in (tmp_path / "set", zipped(tmp_path / "set")):
        dataset = open_dataset(path, xflip=True)
        found = everything(dataset)
        assert (dataset.channels, dataset.depth, dataset.resolution) == (channels, 8 * values.itemsize, (8, 12))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found[:6], values)
        np.testing.assert_array_equal(found[6:], values[..., ::-1])
        np.testing.assert_array_equal(everything(dataset), found)  # out of its cache


def test_arrays_are_resized_as_they_are_read(tmp_path: Path) -> None:
    values = write_arrays(tmp_path / "set", 5, 8, 12)
    means = values.astype(np.float64).reshape(6, 5, 4, 2, 6, 2).mean((3, 5))
    assert np.abs(everything(open_dataset(tmp_path / "set", size=(4, 6))) - means).max() <= 0.51
    assert open_dataset(tmp_path / "set", size=(16, 24)).image(0).shape == (5, 16, 24)


@pytest.mark.parametrize("odd", [np.zeros((5, 8, 12), np.uint8), np.zeros((4, 8, 12), np.uint16)])
def test_arrays_of_other_channels_or_bits_are_named(tmp_path: Path, odd: np.ndarray) -> None:
    write_arrays(tmp_path / "set", 5, 8, 12)
    np.save(tmp_path / "set" / "odd.npy", odd)
    with pytest.raises(UserError, match=r"odd\.npy is 12x8 \d channels of \d+ bits, .* 12x8 5 channels of 16 bits"):
        open_dataset(tmp_path / "set")


def test_a_subset_is_chosen_by_its_seed_and_keeps_the_order(uniform: Path) -> None:
    whole = everything(open_dataset(uniform))
    number = {picture.tobytes(): index for index, picture in enumerate(whole)}

    def chosen(count: int, seed: int = 0) -> list[int]:
        part = everything(open_dataset(uniform, subset=count, subset_seed=seed))
        return [number[picture.tobytes()] for picture in part]

    assert chosen(5) == chosen(5) == sorted(chosen(5))
    assert len(set(chosen(5))) == 5
    assert len({tuple(chosen(5, seed)) for seed in range(8)}) > 4
    assert chosen(8) == list(range(8))
    assert chosen(3) == [3, 4, 7]  # and never changes


def test_a_subset_is_mirrored_hashed_and_labelled_as_itself(uniform: Path) -> None:
    label(uniform, [[f"{n % 2}/{n}.png", n] for n in range(8)])
    part = open_dataset(uniform, subset=3, xflip=True, labels=True)
    assert (len(part), part.c_dim) == (6, 8)
    np.testing.assert_array_equal(part.image(3), part.image(0)[:, :, ::-1])
    assert [int(part.label(index).argmax()) for index in range(6)] == [6, 1, 7, 6, 1, 7]
    hashes = {open_dataset(uniform, subset=count, subset_seed=seed).content_hash() for count, seed in ((3, 0), (3, 1))}
    assert len(hashes | {open_dataset(uniform).content_hash()}) == 3
    assert open_dataset(uniform, subset=8).content_hash() == open_dataset(uniform).content_hash()


@pytest.mark.parametrize(("count", "complaint"), [(9, "holds 8 pictures, not 9"), (1, "1 pictures are too few")])
def test_a_subset_that_cannot_be_is_one_line(uniform: Path, count: int, complaint: str) -> None:
    with pytest.raises(UserError, match=f"^--subset: .*{complaint}"):
        open_dataset(uniform, subset=count)


@pytest.mark.parametrize(
    "vectors",
    [[[n % 2, 1 - n % 2, 1] for n in range(8)], [[n / 3, -1.2] for n in range(8)]],
    ids=["multi", "continuous"],
)
def test_label_vectors_come_as_they_are(uniform: Path, vectors: list[list[float]]) -> None:
    names = ["a", "b", "c"][: len(vectors[0])]
    label(uniform, [[f"{n % 2}/{n}.png", vectors[n]] for n in range(8)], label_names=names)
    dataset = open_dataset(uniform, labels=True, xflip=True)
    assert (dataset.c_dim, dataset.label_names) == (len(names), names)
    np.testing.assert_array_equal(dataset.label(1), np.array(vectors[2], np.float32))  # the second name is 0/2.png
    np.testing.assert_array_equal(dataset.label(9), dataset.label(1))


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
        kept.sharing(None).image(0)


def test_several_pictures_are_those_one_by_one(uniform: Path) -> None:
    dataset = open_dataset(uniform, xflip=True)
    np.testing.assert_array_equal(dataset.images([9, 0, 9, 1]), np.stack([dataset.image(i) for i in (9, 0, 9, 1)]))
    assert dataset.images([]).shape == (0, 3, 16, 24)
    with pytest.raises(IndexError, match="picture 16 of 16"):
        dataset.images([0, 16])


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


def test_what_only_data_build_reads_is_refused_with_its_command(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 8, 8) + bytes(2 * 8 * 8))
    for source in (path, folder):
        with pytest.raises(UserError, match=r"^--data: .* make a training set of it: stylegans data build .*zip$"):
            open_dataset(source)
    with pytest.raises(UserError, match=r"on the Hub; .*: stylegans data build hf://user/cats cats\.zip$"):
        open_dataset("hf://user/cats")


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
