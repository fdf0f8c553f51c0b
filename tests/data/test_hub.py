import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stylegans.data import hub
from stylegans.data.columns import find_columns
from stylegans.data.hub import StreamedImages
from stylegans.data.source_image import Source
from stylegans.errors import RunFailed, UserError

datasets = pytest.importorskip("datasets")


@pytest.fixture
def on_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """A function (module, **options) that makes a local data set stand for whatever is asked of the hub."""
    load = datasets.load_dataset_builder
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)

    def serve(module: str, **options: Any) -> None:
        def local(name: str, config: str | None) -> Any:
            assert (name, config) == ("user/name", None)
            return load(module, cache_dir=str(tmp_path / "cache"), **options)

        monkeypatch.setattr(datasets, "load_dataset_builder", local)

    return serve


@pytest.fixture
def parquet(uniform: Path, tmp_path: Path) -> Path:
    """The pictures of ``uniform`` in a parquet file, with their folder as the class."""
    paths = sorted(uniform.rglob("*.png"))
    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=["even", "odd"]))
    rows = {
        "image": [{"bytes": path.read_bytes(), "path": None} for path in paths],
        "label": [int(path.parent.name) for path in paths],
    }
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


def contents(source: Source) -> list[bytes]:
    return [image.open().read() for image in source.images]


def test_a_streamed_set_gives_its_files_and_classes(
    on_the_hub: Callable[..., None], parquet: Path, uniform: Path
) -> None:
    on_the_hub("parquet", data_files=str(parquet))
    source = hub.stream_set("hf://user/name")
    assert contents(source) == [path.read_bytes() for path in sorted(uniform.rglob("*.png"))]
    assert [image.label for image in source.images] == [0] * 4 + [1] * 4
    assert (source.class_names, source.labels_from, len(source.images)) == (("even", "odd"), "column 'label'", 8)


def test_a_split_is_named_after_a_colon(on_the_hub: Callable[..., None], parquet: Path) -> None:
    on_the_hub("parquet", data_files={"train": str(parquet), "test": str(parquet)})
    for address in ("hf://user/name", "hf://datasets/user/name:test", "hf:/user/name:train", Path("hf://user/name")):
        assert len(hub.stream_set(address).images) == 8
    with pytest.raises(UserError, match="has no split nope; it has train, test"):
        hub.stream_set("hf://user/name:nope")


def test_a_web_dataset_is_streamed(on_the_hub: Callable[..., None], uniform: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for number in range(8):
            archive.add(uniform / f"{number % 2}/{number}.png", f"{number}.png")
            info = tarfile.TarInfo(f"{number}.cls")
            info.size = 1
            archive.addfile(info, io.BytesIO(b"%d" % (number % 2)))
    on_the_hub("webdataset", data_files=str(tmp_path / "x.tar"))
    source = hub.stream_set("hf://user/name")
    assert contents(source) == [(uniform / f"{n % 2}/{n}.png").read_bytes() for n in range(8)]


def test_other_builders_are_not_let_through(on_the_hub: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("image\n/etc/hostname\n")
    on_the_hub("csv", data_files=str(tmp_path / "x.csv"))
    with pytest.raises(UserError, match=r"^SRC: 'hf://user/name' is read by Csv, which is none of the builders"):
        hub.stream_set("hf://user/name")


def test_a_set_that_cannot_be_had_is_one_line(on_the_hub: Callable[..., None], tmp_path: Path) -> None:
    on_the_hub("parquet", data_files=str(tmp_path / "nope.parquet"))
    with pytest.raises(UserError, match=r"^SRC: 'hf://user/name' cannot be read \(") as caught:
        hub.stream_set("hf://user/name")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["hf://name", "hf://", "hf://a/b/c/d", "hf://a/b?x=1"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UserError, match="write hf://USER/NAME"):
        hub.stream_set(address)


def test_a_version_that_could_run_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "__version__", "3.6.0")
    with pytest.raises(UserError, match=r"datasets 3\.6\.0 can run a set's code"):
        hub.stream_set("hf://user/name")


# --- the stream itself ------------------------------------------------------------------------------------------------


class Rows:
    """A stream that counts how far it was read."""

    def __init__(self, cells: list[Any], *, breaks: bool = False) -> None:
        self.read, self._cells, self._breaks = 0, cells, breaks

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for cell in self._cells:
            self.read += 1
            yield {"image": cell}
        if self._breaks:
            raise ConnectionError("no network\nat all")


def streamed(rows: Rows, count: int | None = None) -> StreamedImages:
    columns = find_columns(datasets, {"image": datasets.Image()})
    assert columns is not None
    return StreamedImages(iter(rows), columns, name="user/name", count=count)


def test_a_stream_is_read_once_and_no_further_than_asked() -> None:
    rows = Rows([{"bytes": b"%d" % n, "path": None} for n in range(9)])
    images = streamed(rows, count=9)
    assert (images[2].open().read(), rows.read, len(images)) == (b"2", 3, 9)
    assert [image.open().read() for image in images] == [b"%d" % n for n in range(9)]
    assert [image.open().read() for image in reversed(images)] == [b"%d" % n for n in range(8, -1, -1)]
    assert rows.read == 9
    with pytest.raises(IndexError):
        images[9]


@pytest.mark.parametrize("count", [None, 5])
def test_a_stream_may_state_no_count_or_a_false_one(count: int | None) -> None:
    images = streamed(Rows([b"a", b"b"]), count)
    assert [image.open().read() for image in images] == [b"a", b"b"]
    assert len(images) == (count or 2)


def test_a_connection_that_breaks_says_how_far_it_came() -> None:
    images = streamed(Rows([b"a", b"b"], breaks=True), count=3)
    with pytest.raises(RunFailed, match=r"^hf://user/name: broke off after 2 pictures \(no network at all\)$"):
        list(images)


def test_empty_cells_do_not_stop_the_rest() -> None:
    images = streamed(Rows([None, {"bytes": None, "path": None}, {"bytes": b"", "path": "x"}, b"a"]))
    for number in range(3):
        with pytest.raises(ValueError, match="is empty"):
            images[number].open()
    assert images[3].open().read() == b"a"


def test_a_file_is_fetched_from_the_set_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched: list[str] = []

    def fetch(address: str, mode: str) -> io.BytesIO:
        fetched.append(address)
        return io.BytesIO(address.encode())

    monkeypatch.setattr("fsspec.open", fetch)
    good = ["hf://datasets/user/name@main/a.png", "zip://a.png::hf://datasets/user/name@main/data.zip"]
    bad = [
        "/etc/hostname", "file:///etc/hostname", "https://example.com/a.png", "hf://datasets/user/other@main/a.png",
        "hf://datasets/user/namesake/a.png", "zip://a::file:///etc/x.zip", "file:///etc/x::hf://datasets/user/name/a",
    ]  # fmt: skip
    images = streamed(Rows([{"bytes": None, "path": path} for path in good + bad]))
    for image in images[len(good) :]:
        with pytest.raises(ValueError, match="is not in the data set, which only names it"):
            image.open()
    assert fetched == []
    assert [image.open().read().decode() for image in images[: len(good)]] == good
    images[0].open()
    assert fetched == good  # each once


def test_what_cannot_be_fetched_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str, mode: str) -> io.BytesIO:
        raise FileNotFoundError(address)

    monkeypatch.setattr("fsspec.open", fail)
    images = streamed(Rows([{"bytes": None, "path": "hf://datasets/user/name/a.png"}, b"b"]))
    with pytest.raises(ValueError, match="cannot be fetched"):
        images[0].open()
    assert images[1].open().read() == b"b"
