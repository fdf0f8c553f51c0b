import io
import os
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylegans.data import cifar
from stylegans.data.source_image import Source, SourceImage
from stylegans.errors import UserError


def pixels_of(image: SourceImage) -> np.ndarray:
    with image.open() as stream:
        return np.load(stream, allow_pickle=False)


def pictures(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), np.uint8)


def batch(data: np.ndarray, **labels: list[int]) -> bytes:
    names = {key.encode(): value for key, value in labels.items()}
    return pickle.dumps({b"data": data.reshape(len(data), -1), b"filenames": [b"x.png"] * len(data)} | names, 2)


def cifar10() -> dict[str, bytes]:
    files = {f"data_batch_{n}": batch(pictures(3, n), labels=[n, 0, 9]) for n in range(1, 6)}
    files["test_batch"] = batch(pictures(2, 9), labels=[7, 7])
    files["batches.meta"] = pickle.dumps({b"label_names": [f"class {n}".encode() for n in range(10)]}, 2)
    return files


def cifar100() -> dict[str, bytes]:
    return {
        "train": batch(pictures(4, 0), fine_labels=[99, 1, 2, 3], coarse_labels=[0, 1, 2, 3]),
        "test": batch(pictures(2, 1), fine_labels=[5, 6], coarse_labels=[7, 8]),
        "meta": pickle.dumps({b"fine_label_names": [f"fine {n}".encode() for n in range(100)]}, 2),
    }


def as_folder(files: dict[str, bytes], path: Path) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def as_archive(files: dict[str, bytes], path: Path, mode: Any = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in {**files, "readme.html": b"<html>"}.items():
            info = tarfile.TarInfo(f"cifar/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def listed(source: Source | None) -> list[tuple[str, object, int]]:
    assert source is not None
    return [(image.name, image.label, int(pixels_of(image).sum())) for image in source.images]


def test_cifar_10_is_its_five_training_batches_in_order(tmp_path: Path) -> None:
    source = cifar.in_file(as_archive(cifar10(), tmp_path / "a.tar.gz"))
    assert source is not None
    expected = np.concatenate([pictures(3, n) for n in range(1, 6)])
    assert np.array_equal([pixels_of(image) for image in source.images], expected)
    assert [image.label for image in source.images] == [x for n in range(1, 6) for x in (n, 0, 9)]
    assert source.class_names == tuple(f"class {n}" for n in range(10))
    assert source.images[4].name == "data_batch_2/00001"


def test_cifar_100_has_its_fine_classes(tmp_path: Path) -> None:
    source = cifar.in_file(as_archive(cifar100(), tmp_path / "a.tar.gz"))
    assert source is not None
    assert [image.label for image in source.images] == [99, 1, 2, 3]
    assert (len(source.class_names or ()), (source.class_names or ())[99]) == (100, "fine 99")


@pytest.mark.parametrize("files", [cifar10(), cifar100()], ids=["10", "100"])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_folder_and_its_archive_are_the_same_source(tmp_path: Path, files: dict[str, bytes], mode: str) -> None:
    folder, archive = as_folder(files, tmp_path / "f"), as_archive(files, tmp_path / "no-suffix", mode)
    assert listed(cifar.in_folder(folder)) == listed(cifar.in_file(archive))


def test_the_test_batch_is_read_when_it_is_named(tmp_path: Path) -> None:
    source = cifar.in_file(as_folder(cifar10(), tmp_path / "f") / "test_batch")
    assert source is not None
    assert ([image.label for image in source.images], (source.class_names or ())[7]) == ([7, 7], "class 7")


def test_what_python_2_wrote_is_read(tmp_path: Path) -> None:
    """The published files: Python 2's cPickle, with byte strings for keys and NumPy's old module names."""
    data = pictures(1, 0).tobytes()
    content = (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05K\x06aU\x04dataq\x06"
        b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<i", len(data)) + data + b"tbu."
    )
    (tmp_path / "data_batch_1").write_bytes(content)
    source = cifar.in_folder(tmp_path)
    assert source is not None
    assert source.images[0].label == 6
    assert np.array_equal(pixels_of(source.images[0]), pictures(1, 0)[0])


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("place", ["data_batch_3", "batches.meta"])
def test_nothing_in_an_archive_is_run(tmp_path: Path, place: str) -> None:
    files = {**cifar10(), place: pickle.dumps({b"data": Evil(tmp_path / "run")}, 2)}
    for open_it, path in (
        (cifar.in_file, as_archive(files, tmp_path / "a.tar.gz")),
        (cifar.in_folder, as_folder(files, tmp_path / "f")),
    ):
        with pytest.raises(UserError, match=r"^SRC: .*asks for (posix|nt)\.system, .* nothing was run$"):
            open_it(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1], 2), "holds no dict"),
        (pickle.dumps({b"labels": [1]}, 2), "has no 'data' of bytes"),
        (pickle.dumps({b"data": np.zeros((2, 3072))}, 2), "has no 'data' of bytes"),
        (pickle.dumps({b"data": np.zeros((2, 100), np.uint8)}, 2), "no square RGB picture"),
        (batch(pictures(2, 0), labels=[1]), "has not one class for each"),
        (batch(pictures(2, 0), labels=[1, -1]), "has not one class for each"),
        (batch(pictures(2, 0), labels=[1, 2])[:3000], "is no pickle, or a damaged one"),
    ],
)
def test_a_damaged_batch_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(UserError, match=f"data_batch_1.*{message}") as caught:
        cifar.in_folder(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_archive_cut_short_is_one_line(tmp_path: Path) -> None:
    path = as_archive(cifar10(), tmp_path / "a.tar.gz")
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UserError, match="damaged or cut short"):
        cifar.in_file(path)


def test_a_member_that_claims_to_be_huge_is_not_unpacked(tmp_path: Path) -> None:
    info = tarfile.TarInfo("data_batch_1")
    info.size = 1 << 32
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(10_240))
    with pytest.raises(UserError, match="too large"):
        cifar.in_file(tmp_path / "a.tar")


def test_other_files_are_not_taken_for_cifar(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()  # a class of that name
    (tmp_path / "data_batch_1").write_text("text")
    assert cifar.in_folder(tmp_path) is None
    assert cifar.in_file(tmp_path / "data_batch_1") is None
    assert cifar.in_file(as_archive({"picture.png": b"x"}, tmp_path / "a.tar.gz")) is None
    link = tarfile.TarInfo("data_batch_1")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        archive.addfile(link)
    assert cifar.in_file(tmp_path / "link.tar") is None
