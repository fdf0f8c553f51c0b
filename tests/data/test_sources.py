import gzip
import json
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.data import prepare, tfrecord
from stylegans.data.sources import open_source
from stylegans.errors import MissingFile, UserError


def by_name(path: Path, labels: str | None = None) -> dict[str, object]:
    return {image.name: image.label for image in open_source(path, labels=labels).images}


def test_a_folder_and_its_zip_are_the_same_source(uniform: Path, zipped: Callable[[Path], Path]) -> None:
    archive = zipped(uniform)
    assert by_name(uniform, "folders") == by_name(archive, "folders")
    for one, other in zip(open_source(uniform).images, open_source(archive).images, strict=True):
        with one.open() as a, other.open() as b:
            assert a.read() == b.read()


def test_first_level_folders_are_classes(uniform: Path) -> None:
    (uniform / "loose.png").touch()
    (uniform / "1" / "deeper").mkdir()
    (uniform / "1" / "deeper" / "x.png").touch()
    found = by_name(uniform, "folders")
    assert (found["0/0.png"], found["1/1.png"], found["1/deeper/x.png"], found["loose.png"]) == ("0", "1", "1", None)


def test_one_folder_is_no_classes(uniform: Path) -> None:
    with pytest.raises(UserError, match=r"^--labels folders: .* all lie in 'uniform'"):
        open_source(uniform.parent, labels="folders")
    with pytest.raises(UserError, match=r"^--labels folders: .* there are none"):
        open_source(uniform / "0", labels="folders")


def test_the_sources_own_labels_are_used_unless_others_are_named(uniform: Path, tmp_path: Path) -> None:
    assert open_source(uniform).labels_from is None
    (uniform / "dataset.json").write_text(json.dumps({"labels": [["0/0.png", 3]], "label_names": list("abcd")}))
    own = open_source(uniform)
    assert (own.labels_from, own.class_names) == ("dataset.json", ("a", "b", "c", "d"))
    assert by_name(uniform)["0/0.png"] == 3
    assert by_name(uniform)["0/2.png"] is None
    (tmp_path / "mine.csv").write_text("name,label\n0/2.png,cat\n")
    assert by_name(uniform, str(tmp_path / "mine.csv"))["0/2.png"] == "cat"


def test_a_file_of_labels_must_exist_and_hold_some(uniform: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"^--labels: '.*nope.csv' is not a file"):
        open_source(uniform, labels=str(tmp_path / "nope.csv"))
    (tmp_path / "dataset.json").write_text('{"labels": null}')
    with pytest.raises(UserError, match='"labels": null'):
        open_source(uniform, labels=str(tmp_path / "dataset.json"))


def test_an_embedded_subset_is_a_source_of_its_own_pictures() -> None:
    source = open_source("emoji-people")
    assert len(source.images) == 997
    assert all(image.label is not None for image in source.images)


# --- what a file or folder is, its content says ---------------------------------------------------------------------


def idx_file(folder: Path) -> Path:
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">I3I", 0x0803, 2, 4, 4) + bytes(32)))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">II", 0x0801, 2) + b"\1\0"))
    return path


def cifar_file(folder: Path) -> Path:
    path = folder / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 0]}, 2))
    return path


def record_file(folder: Path) -> Path:
    length = struct.pack("<Q", 5)
    record = length + struct.pack("<I", tfrecord.masked_crc32c(length)) + b"hello" + bytes(4)
    (folder / "x-r02.tfrecords").write_bytes(record * 2)
    return folder / "x-r02.tfrecords"


def lmdb_file(folder: Path) -> Path:
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        writing.put(b"a", b"1")
        writing.put(b"b", b"2")
    return folder / "data.mdb"


def parquet_file(folder: Path) -> Path:
    pytest.importorskip("datasets")
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"image": [b"1", b"2"], "label": [1, 0]}), folder / "x.parquet")
    return folder / "x.parquet"


KINDS = pytest.mark.parametrize("write", [idx_file, cifar_file, record_file, lmdb_file, parquet_file])


@KINDS
def test_each_kind_of_file_is_told_by_its_content_whatever_its_name(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    path = write(folder)
    assert len(open_source(folder).images) == 2
    renamed = path.rename(tmp_path / "file.zip.png")
    assert len(open_source(renamed).images) == 2


@KINDS
def test_other_labels_may_be_named_for_each_kind(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path)
    name = open_source(path).images[1].name
    (tmp_path / "mine.csv").write_text(f"name,label\n{name},cat\n")
    source = open_source(path, labels=str(tmp_path / "mine.csv"))
    assert [image.label for image in source.images] == [None, "cat"]
    assert source.labels_from == f"--labels {tmp_path / 'mine.csv'}"
    with pytest.raises(UserError, match=r"^--labels folders: SRC is one file or a data base"):
        open_source(path, labels="folders")


@KINDS
def test_pictures_may_be_taken_in_any_order_and_from_the_end(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    images = open_source(write(tmp_path)).images
    first, second = (image.name for image in images)
    assert [image.name for image in reversed(images)] == [images[-1].name, images[-2].name] == [second, first]
    assert [image.name for image in images[:1]] == [first]
    with pytest.raises(IndexError):
        images[2]


@pytest.mark.parametrize(
    "content",
    [b"", b"text", bytes(5000), b"\x1f\x8b broken", gzip.compress(b"text", mtime=0)],
    ids=["empty", "text", "zeros", "no gzip", "gzip"],  # the same in every worker: bytes with the time in them are not
)
def test_a_file_of_no_known_kind_lists_the_kinds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(
        UserError, match=r"^SRC: '.*x' is neither a folder nor .* LMDB; TFRecords; CIFAR or IDX"
    ) as caught:
        open_source(tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_a_damaged_zip_is_still_called_one(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(UserError, match="whole zip"):
        open_source(tmp_path / "x.zip")


@pytest.mark.parametrize(("write", "module"), [(lmdb_file, "lmdb"), (parquet_file, "datasets")])
def test_a_missing_library_is_one_line(
    tmp_path: Path, write: Callable[[Path], Path], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"^SRC: .* pip install 'stylegans\[data\]'$"):
        open_source(path)


def test_pictures_beside_files_with_such_names_are_a_folder_of_pictures(uniform: Path) -> None:
    (uniform / "train").mkdir()
    for name in ("data.mdb", "x.tfrecords", "data_batch_1", "notes-idx3.txt", "metadata.parquet", "state.json"):
        (uniform / name).write_text("text")
    assert len(open_source(uniform).images) == 8


def test_a_broken_record_is_skipped_and_named_by_a_build(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes((struct.pack(">I3I", 0x0803, 4, 8, 8) + pixels.tobytes())[:-10])
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x0801, 4) + b"\1\0\1\1")
    report = prepare.build(path, tmp_path / "out.zip")
    assert (report.kept, report.size, report.channels, report.classes) == (2, (8, 8), 1, (("0", 1), ("1", 1)))
    assert report.skipped == (
        ("train-images-idx3-ubyte/00002 and what follows", "the file is cut short: 2 of 4 pictures are missing"),
    )
    with zipfile.ZipFile(tmp_path / "out.zip") as archive, archive.open("00000/img00000001.png") as stream:
        assert np.array_equal(np.asarray(Image.open(stream)), pixels[1])
