import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from stylegans.data import tfrecord
from stylegans.data.source_image import Source, SourceImage
from stylegans.data.tfrecord import masked_crc32c
from stylegans.errors import UserError

pytest.importorskip("google.protobuf")

# Protocol buffers by hand, so that the descriptor under test is not what made the files.


def varint(value: int) -> bytes:
    head = b""
    while value > 127:
        head, value = head + bytes([value & 127 | 128]), value >> 7
    return head + bytes([value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def example(features: dict[str, bytes]) -> bytes:
    entries = [field(1, field(1, name.encode()) + field(2, feature)) for name, feature in features.items()]
    return field(1, b"".join(entries))


def ints(*values: int) -> bytes:
    return field(3, field(1, b"".join(map(varint, values))))


def picture_example(picture: np.ndarray) -> bytes:
    return example({"shape": ints(*picture.shape), "data": field(1, field(1, picture.tobytes()))})


def record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    checksums = [struct.pack("<I", masked_crc32c(part)) for part in (length, content)]
    return length + checksums[0] + content + checksums[1]


def pictures(count: int, size: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 256, (count, channels, size, size), np.uint8)


def write(path: Path, chosen: Sequence[np.ndarray]) -> Path:
    path.write_bytes(b"".join(record(picture_example(picture)) for picture in chosen))
    return path


def pixels_of(image: SourceImage) -> np.ndarray:
    with image.open() as stream:
        return np.load(stream, allow_pickle=False)


def read(path: Path) -> Source:
    source = tfrecord.in_folder(path) if path.is_dir() else tfrecord.in_file(path)
    assert source is not None
    return source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A multi-resolution set of five pictures, 4² to 16², with one-hot labels, and a validation set."""
    for level in (2, 3, 4):
        write(tmp_path / f"cats-r{level:02d}.tfrecords", pictures(5, 2**level))
        write(tmp_path / f"validation-cats-r{level:02d}.tfrecords", pictures(2, 2**level))
    np.save(tmp_path / "labels.npy", np.eye(3, dtype=np.float32)[[2, 0, 1, 1, 2]])
    (tmp_path / "labels.npy").rename(tmp_path / "cats-rxx.labels")
    return tmp_path


@pytest.mark.parametrize(
    ("content", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_crc32c_of_rfc_3720(content: bytes, crc: int) -> None:
    unmasked = masked_crc32c(content) - 0xA282EAD8 & 0xFFFFFFFF
    assert (unmasked << 15 | unmasked >> 17) & 0xFFFFFFFF == crc


def test_a_folder_gives_its_largest_size_with_labels(folder: Path) -> None:
    source = read(folder)
    assert np.array_equal([pixels_of(image) for image in source.images], pictures(5, 16))
    assert [image.label for image in source.images] == [2, 0, 1, 1, 2]
    assert source.labels_from == "cats-rxx.labels"
    assert source.images[3].name == "cats-r04.tfrecords record 3"


def test_a_named_file_gives_its_size_with_the_same_labels(folder: Path) -> None:
    source = read(folder / "cats-r02.tfrecords")
    assert pixels_of(source.images[0]).shape == (3, 4, 4)
    assert [image.label for image in source.images] == [2, 0, 1, 1, 2]
    assert [image.label for image in read(folder / "validation-cats-r02.tfrecords").images] == [None, None]


def test_grey_pictures_and_any_name(tmp_path: Path) -> None:
    source = read(write(tmp_path / "no-suffix", pictures(2, 8, channels=1)))
    assert pixels_of(source.images[1]).shape == (1, 8, 8)


def test_labels_that_are_not_one_hot_are_vectors(folder: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    with (folder / "cats-rxx.labels").open("wb") as stream:
        np.save(stream, values)
    assert np.allclose([image.label for image in read(folder).images], values, atol=0)


def test_labels_are_never_unpickled(folder: Path) -> None:
    with (folder / "cats-rxx.labels").open("wb") as stream:
        np.save(stream, np.array([{"a": 1}] * 5, object))
    with pytest.raises(UserError, match=r"^SRC: '.*cats-rxx\.labels' is no array of labels") as caught:
        tfrecord.in_folder(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", [np.zeros((4, 3)), np.zeros((6, 3)), np.zeros(5), np.array([["a"]] * 5)])
def test_labels_that_do_not_fit_are_refused(folder: Path, labels: np.ndarray) -> None:
    with (folder / "cats-rxx.labels").open("wb") as stream:
        np.save(stream, labels)
    with pytest.raises(UserError, match=r"cats-rxx\.labels"):
        tfrecord.in_folder(folder)


def test_labels_that_claim_to_be_many_take_no_memory(folder: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 10), }"
    (folder / "cats-rxx.labels").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(UserError, match="is no array of labels"):
        tfrecord.in_folder(folder)


@pytest.mark.parametrize("missing", [1, 4, 100, 770, 785])
def test_a_last_record_cut_short_is_named_and_the_rest_kept(folder: Path, missing: int) -> None:
    path = folder / "cats-r04.tfrecords"
    path.write_bytes(path.read_bytes()[:-missing])
    *whole, last = read(folder).images
    assert np.array_equal([pixels_of(image) for image in whole], pictures(5, 16)[:4])
    assert (last.name, last.label) == ("cats-r04.tfrecords record 4", 2)
    with pytest.raises(ValueError, match="cut short"):
        last.open()


def test_a_false_length_is_found_by_its_checksum(folder: Path) -> None:
    path = folder / "cats-r04.tfrecords"
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 5] ^= 1
    path.write_bytes(content)
    *whole, rest = read(folder).images
    assert len(whole) == 2
    with pytest.raises(ValueError, match="its length is damaged"):
        rest.open()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xff\xff", "is no tf.train.Example"),
        (b"", "only: nothing"),
        (example({"image/encoded": field(1, field(1, b"x"))}), "only: image/encoded"),
        (example({"shape": ints(3, 10**6, 10**6), "data": field(1, field(1, b"x"))}), "says shape"),
        (example({"shape": ints(1, 1), "data": field(1, field(1, b"x"))}), "says shape"),
        (example({"shape": ints(1, 1, 1), "data": ints(1)}), "says shape"),
    ],
)
def test_a_broken_record_does_not_stop_the_rest(tmp_path: Path, content: bytes, message: str) -> None:
    picture = pictures(1, 8)[0]
    good = record(picture_example(picture))
    (tmp_path / "x.tfrecords").write_bytes(good + record(content) + good)
    first, broken, last = read(tmp_path).images
    with pytest.raises(ValueError, match=message):
        broken.open()
    assert np.array_equal(pixels_of(first), picture)
    assert np.array_equal(pixels_of(last), picture)


def test_several_sets_must_be_told_apart(folder: Path) -> None:
    write(folder / "dogs-r05.tfrecords", pictures(1, 32))
    with pytest.raises(UserError, match=r"several sets of records \(cats, dogs\)"):
        tfrecord.in_folder(folder)


def test_other_files_are_not_taken_for_records(tmp_path: Path) -> None:
    (tmp_path / "x.tfrecords").write_bytes(bytes(100))
    (tmp_path / "y.tfrecords").touch()
    assert tfrecord.in_folder(tmp_path) is None


def test_records_can_be_read_from_many_threads(folder: Path) -> None:
    images, expected = read(folder).images, pictures(5, 16)
    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(lambda n: pixels_of(images[n % 5]), range(200))):
            assert np.array_equal(found, expected[number % 5])
