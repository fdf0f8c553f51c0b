from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stylegans.data import lmdb_source
from stylegans.data.source_image import Source
from stylegans.errors import UserError

lmdb = pytest.importorskip("lmdb")

Writer = Callable[[dict[bytes, bytes]], Path]


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """A function that writes a data base and returns its folder."""

    def write(values: dict[bytes, bytes]) -> Path:
        folder = tmp_path / "bedroom_lmdb"
        with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as writing:
            for key, value in values.items():
                writing.put(key, value)
        return folder

    return write


def read(folder: Path) -> Source:
    source = lmdb_source.in_folder(folder)
    assert source is not None
    return source


def contents(source: Source) -> dict[str, bytes]:
    return {image.name: image.open().read() for image in source.images}


def test_values_are_the_pictures_in_the_order_of_their_keys(written: Writer) -> None:
    source = read(written({b"b": b"2" * 9000, b"a": b"1", b"\xff\0": b"3"}))
    assert list(contents(source).items()) == [("a", b"1"), ("b", b"2" * 9000), ("ff00", b"3")]
    assert (source.labels_from, {image.label for image in source.images}) == (None, {None})


def test_the_file_and_its_folder_are_the_same_source(written: Writer) -> None:
    folder = written({b"a": b"1"})
    named = lmdb_source.in_file((folder / "data.mdb").rename(folder / "other.name"))
    assert named is not None
    assert contents(named) == {"a": b"1"}


def test_the_number_of_pictures_is_none_of_them(written: Writer) -> None:
    assert contents(read(written({b"00": b"1", b"01": b"2", b"length": b"2"}))) == {"00": b"1", "01": b"2"}


def test_an_empty_value_does_not_stop_the_rest(written: Writer) -> None:
    first, second = read(written({b"a": b"", b"b": b"2"})).images
    with pytest.raises(ValueError, match="is empty"):
        first.open()
    assert second.open().read() == b"2"


def test_nothing_is_written_beside_it_and_it_can_be_opened_twice(written: Writer) -> None:
    folder = written({b"a": b"1"})
    (folder / "lock.mdb").unlink()
    one, other = read(folder), read(folder)
    assert contents(one) == contents(other)
    assert [path.name for path in folder.iterdir()] == ["data.mdb"]


def test_values_can_be_read_from_many_threads(written: Writer) -> None:
    images = read(written({b"%03d" % n: b"%d" % n * 5000 for n in range(50)})).images
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: images[n % 50].open().read(), range(400)))
    assert found == [b"%d" % (n % 50) * 5000 for n in range(400)]


def test_an_empty_data_base_has_no_pictures(written: Writer) -> None:
    assert len(read(written({})).images) == 0


def test_a_data_base_cut_short_is_one_line(written: Writer) -> None:
    path = written({b"%03d" % n: b"x" * 5000 for n in range(50)}) / "data.mdb"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"^SRC: '.*data\.mdb' is cut short: 100000 of \d+ bytes"):
        lmdb_source.in_folder(path.parent)


@pytest.mark.parametrize("length", [24, 4096, 5000])
def test_a_header_without_the_rest_is_one_line(written: Writer, length: int) -> None:
    path = written({b"a": b"1"}) / "data.mdb"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r"^SRC: "):
        lmdb_source.in_folder(path.parent)


def test_other_files_of_that_name_are_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_text("text")
    assert lmdb_source.in_folder(tmp_path) is None
    assert lmdb_source.in_folder(tmp_path / "..") is None
