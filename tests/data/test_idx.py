import gzip
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from stylegans.data import idx
from stylegans.data.source_image import Source, SourceImage
from stylegans.errors import UserError


def pixels_of(image: SourceImage) -> np.ndarray:
    with image.open() as stream:
        return np.load(stream, allow_pickle=False)


def images_file(pictures: np.ndarray) -> bytes:
    return struct.pack(">I3I", 0x0803, *pictures.shape) + pictures.tobytes()


def labels_file(labels: list[int]) -> bytes:
    return struct.pack(">II", 0x0801, len(labels)) + bytes(labels)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path, pictures: np.ndarray) -> Path:
    """Training and test files, gzipped, named like MNIST's."""
    for part, chosen, labels in (("train", pictures, [3, 1, 2, 0, 3]), ("t10k", pictures[::-1][:2], [9, 8])):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images_file(chosen)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels_file(labels)))
    return tmp_path


def read(path: Path) -> Source:
    source = idx.in_file(path)
    assert source is not None
    return source


def test_a_folder_gives_its_training_pictures_with_their_classes(folder: Path, pictures: np.ndarray) -> None:
    source = idx.in_folder(folder)
    assert source is not None
    assert np.array_equal([pixels_of(image)[0] for image in source.images], pictures)
    assert [image.label for image in source.images] == [3, 1, 2, 0, 3]
    assert (source.labels_from, source.class_names) == ("train-labels-idx1-ubyte.gz", None)


def test_the_test_pictures_are_read_when_their_file_is_named(folder: Path, pictures: np.ndarray) -> None:
    source = read(folder / "t10k-images-idx3-ubyte.gz")
    assert [image.label for image in source.images] == [9, 8]
    assert np.array_equal(pixels_of(source.images[0])[0], pictures[-1])
    (folder / "train-images-idx3-ubyte.gz").unlink()
    assert len(idx.in_folder(folder).images) == 2  # type: ignore[union-attr]


def test_packed_and_unpacked_files_are_the_same_source(folder: Path) -> None:
    packed = idx.in_folder(folder)
    plain = folder / "plain"
    plain.mkdir()
    for path in folder.glob("*.gz"):
        (plain / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    unpacked = idx.in_folder(plain)
    assert packed is not None
    assert unpacked is not None
    assert [image.name for image in packed.images] == [image.name for image in unpacked.images]
    for one, other in zip(packed.images, unpacked.images, strict=True):
        assert np.array_equal(pixels_of(one), pixels_of(other))


def test_what_a_file_is_its_content_says(folder: Path) -> None:
    shutil.copy(folder / "train-images-idx3-ubyte.gz", folder / "whatever.bin")
    assert len(read(folder / "whatever.bin").images) == 5
    (folder / "notes-idx3.txt").write_text("text")
    assert idx.in_file(folder / "notes-idx3.txt") is None
    (folder / "empty-idx3").touch()
    assert idx.in_file(folder / "empty-idx3") is None
    assert len(idx.in_folder(folder).images) == 5  # type: ignore[union-attr]


def test_several_sets_of_pictures_must_be_told_apart(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte.gz").rename(folder / "other-images-idx3-ubyte.gz")
    with pytest.raises(UserError, match="give one of other-images-idx3-ubyte, t10k-images-idx3-ubyte"):
        idx.in_folder(folder)


def test_pictures_without_labels_have_none(folder: Path) -> None:
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    source = read(folder / "train-images-idx3-ubyte.gz")
    assert source.labels_from is None
    assert {image.label for image in source.images} == {None}


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_file_cut_short_the_whole_pictures_are_kept(folder: Path, pictures: np.ndarray, packed: bool) -> None:
    content = images_file(pictures)[: 16 + 12 * 3 + 5]
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content)[:-8] if packed else content)
    *whole, rest = read(path).images
    assert np.array_equal([pixels_of(image)[0] for image in whole], pictures[:3])
    with pytest.raises(ValueError, match="cut short: 2 of 5 pictures are missing"):
        rest.open()
    assert rest.label == 0  # so that it is not left out for having none


@pytest.mark.parametrize("shape", [(10**9, 28, 28), (5, 2**31, 2**31), (5, 0, 28)])
@pytest.mark.parametrize("packed", [False, True])
def test_absurd_counts_are_one_line(tmp_path: Path, shape: tuple[int, ...], packed: bool) -> None:
    content = struct.pack(">I3I", 0x0803, *shape) + bytes(100)
    (tmp_path / "x").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(UserError, match=r"^SRC: '.*x' says it holds \d+ pictures"):
        idx.in_file(tmp_path / "x")


def test_a_gzip_that_claims_to_be_huge_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(gzip.compress(struct.pack(">I3I", 0x0803, 10**8, 1000, 1000)))
    with pytest.raises(UserError, match="too large"):
        idx.in_file(tmp_path / "x")


def test_other_idx_files_are_refused_by_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(labels_file([1, 2]))
    (tmp_path / "floats").write_bytes(struct.pack(">I3I", 0x0D03, 1, 2, 2) + bytes(16))
    with pytest.raises(UserError, match="holds labels; give the images file"):
        idx.in_file(tmp_path / "labels")
    with pytest.raises(UserError, match="IDX file of floats"):
        idx.in_file(tmp_path / "floats")


def test_labels_of_another_count_are_refused(folder: Path) -> None:
    shutil.copy(folder / "t10k-labels-idx1-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(UserError, match="holds 2 labels for the 5 pictures"):
        idx.in_folder(folder)


def test_pictures_can_be_opened_from_many_threads(folder: Path, pictures: np.ndarray) -> None:
    images = read(folder / "train-images-idx3-ubyte.gz").images
    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(lambda n: pixels_of(images[n % 5]), range(200))):
            assert np.array_equal(found[0], pictures[number % 5])


def test_fashion_mnist_is_known_by_its_labels_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    monkeypatch.setattr(idx, "FASHION_LABELS", (idx.hashlib.sha256(content).hexdigest(),))
    assert read(folder / "train-images-idx3-ubyte.gz").class_names == idx.FASHION
    assert read(folder / "t10k-images-idx3-ubyte.gz").class_names is None
