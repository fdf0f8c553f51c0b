import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylegans.data import huggingface
from stylegans.data.source_image import Source, SourceImage
from stylegans.errors import UserError

datasets = pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(autouse=True)
def away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)).save(stream, "png")
    return stream.getvalue()


PICTURES = [png(n) for n in range(6)]
NAMES = ["cat", "dog", "owl"]
LABELS = [2, 0, 1, 1, 0, 2]


def made(columns: dict[str, Any] | None = None, **features: Any) -> Any:
    """A data set of PICTURES and LABELS."""
    columns = columns or {"label": LABELS}
    features = features or {"label": datasets.ClassLabel(names=NAMES)}
    cells = [{"bytes": content, "path": None} for content in PICTURES]
    return datasets.Dataset.from_dict(
        {**columns, "image": cells}, features=datasets.Features({**features, "image": datasets.Image()})
    )


def to_parquet(data: Any, path: Path) -> Path:
    """As the library writes it, in row groups of two."""
    path.parent.mkdir(exist_ok=True)
    data.to_parquet(path, batch_size=2)
    return path


def content_of(image: SourceImage) -> bytes:
    with image.open() as stream:
        return stream.read()


def read(path: Path) -> Source:
    source = huggingface.in_folder(path) if path.is_dir() else huggingface.in_file(path)
    assert source is not None
    return source


def check(source: Source) -> None:
    assert [content_of(image) for image in source.images] == PICTURES
    assert [image.label for image in source.images] == LABELS
    assert (source.labels_from, source.class_names) == ("column 'label'", tuple(NAMES))


def test_a_parquet_file_gives_its_picture_files_and_classes(tmp_path: Path) -> None:
    path = to_parquet(made(), tmp_path / "x.parquet")
    assert pq.ParquetFile(path).metadata.num_row_groups == 3
    check(read(path))


def test_an_arrow_file_is_the_same_with_an_index_or_without(tmp_path: Path) -> None:
    table = made().data.table
    for opened, name in ((pa.ipc.new_file, "file.arrow"), (pa.ipc.new_stream, "stream")):
        with opened(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table)
        check(read(tmp_path / name))


def test_what_save_to_disk_wrote_is_read(tmp_path: Path) -> None:
    made().save_to_disk(tmp_path / "one", num_shards=2)
    check(read(tmp_path / "one"))
    datasets.DatasetDict(train=made(), test=made().select([0])).save_to_disk(tmp_path / "parts")
    check(read(tmp_path / "parts"))
    assert len(read(tmp_path / "parts" / "test").images) == 1


def test_nothing_is_copied_to_a_cache(tmp_path: Path) -> None:
    check(read(to_parquet(made(), tmp_path / "x.parquet")))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("place", [".", "data"])
def test_a_folder_of_shards_gives_its_training_part(tmp_path: Path, place: str) -> None:
    data = made()
    (tmp_path / place).mkdir(exist_ok=True)
    to_parquet(data.select([4, 5]), tmp_path / place / "train-00001-of-00002.parquet")
    to_parquet(data.select(range(4)), tmp_path / place / "train-00000-of-00002.parquet")
    to_parquet(data.select([0]), tmp_path / place / "test-00000-of-00001.parquet")
    source = read(tmp_path)
    check(source)
    assert source.images[5].name == "train-00001-of-00002.parquet row 1"


def test_several_parts_of_which_none_is_for_training_must_be_told_apart(tmp_path: Path) -> None:
    for part in ("left", "right"):
        to_parquet(made(), tmp_path / f"{part}-00000-of-00001.parquet")
    with pytest.raises(UserError, match="has the parts left, right, none called train"):
        huggingface.in_folder(tmp_path)


def test_bytes_without_declared_features_are_pictures_too(tmp_path: Path) -> None:
    cells = [{"bytes": content, "path": "x.png"} for content in PICTURES]
    for name, column in (("struct", cells), ("binary", PICTURES)):
        pq.write_table(pa.table({"id": list(range(6)), "img": column, "label": LABELS}), tmp_path / name)
        source = read(tmp_path / name)
        assert [content_of(image) for image in source.images] == PICTURES
        assert [image.label for image in source.images] == LABELS
        assert source.class_names is None


@pytest.mark.parametrize(
    ("columns", "features", "expected"),
    [
        ({"kind": [-1, 0, None, 1, 1, 1]}, {"kind": "class"}, [None, 0, None, 1, 1, 1]),
        ({"tags": [[0, 2], [], [1], None, [2], [0]]}, {"tags": "classes"},
         [(1, 0, 1), (0, 0, 0), (0, 1, 0), None, (0, 0, 1), (1, 0, 0)]),
        ({"label": [0.5, 1, 2, 3, 4, 5]}, {"label": "float32"}, [(0.5,), (1,), (2,), (3,), (4,), (5,)]),
        ({"label": [[1.0, 2.0]] * 6}, {"label": "floats"}, [(1, 2)] * 6),
        ({"label": ["b", "a", None, "", "b", "b"]}, {"label": "string"}, ["b", "a", None, None, "b", "b"]),
        ({"fine": LABELS, "coarse": [0] * 6}, {"fine": "class", "coarse": "class"}, LABELS),
        ({"caption": ["a"] * 6}, {"caption": "string"}, [None] * 6),
    ],
    ids=["kept back", "several classes", "number", "vector", "text", "first of two", "none"],
)  # fmt: skip
def test_labels_of_every_kind(tmp_path: Path, columns: Any, features: dict[str, str], expected: list[Any]) -> None:
    kinds = {
        "class": datasets.ClassLabel(names=NAMES),
        "classes": datasets.List(datasets.ClassLabel(names=NAMES)),
        "floats": datasets.List(datasets.Value("float32")),
    }
    declared = {name: kinds.get(kind) or datasets.Value(kind) for name, kind in features.items()}
    source = read(to_parquet(made(columns, **declared), tmp_path / "x.parquet"))
    assert [image.label for image in source.images] == expected


def test_a_picture_that_is_only_named_must_lie_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PICTURES[0])
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.png").write_bytes(PICTURES[1])
    paths = ["a.png", "../secret.png", str(tmp_path / "secret.png"), "https://example.com/a.png", "b.png", None]
    cells = pa.array(
        [{"bytes": None, "path": path} for path in paths], pa.struct({"bytes": "binary", "path": "string"})
    )
    pq.write_table(pa.table({"image": cells}), folder / "x.parquet")
    inside, *others, empty = read(folder).images
    assert content_of(inside) == PICTURES[1]
    for image in others:
        with pytest.raises(ValueError, match="is not in the data set, which only names it"):
            image.open()
    with pytest.raises(ValueError, match="is empty"):
        empty.open()


def test_a_damaged_row_group_does_not_stop_the_rest(tmp_path: Path) -> None:
    path = to_parquet(made(), tmp_path / "x.parquet")
    group = pq.ParquetFile(path).metadata.row_group(1)
    column = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "image.bytes")
    content = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    images = read(path).images
    for number in (0, 1, 4, 5):
        assert content_of(images[number]) == PICTURES[number]
    for number in (2, 3):
        with pytest.raises(ValueError, match="its row group 1 is damaged"):
            images[number].open()


def test_a_row_group_that_claims_to_be_huge_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "LARGEST_GROUP", 100)
    with pytest.raises(ValueError, match=r"its row group has \d+ bytes: too large"):
        read(to_parquet(made(), tmp_path / "x.parquet")).images[0].open()


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_file_cut_short_is_one_line(tmp_path: Path, keep: float) -> None:
    parquet, arrow = to_parquet(made(), tmp_path / "x.parquet"), tmp_path / "x.arrow"
    table = made().data.table
    with pa.ipc.new_stream(str(arrow), table.schema) as writer:
        writer.write_table(table)
    for path in (parquet, arrow):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
        with pytest.raises(UserError, match=r"^SRC: '.*' cannot be read \(") as caught:
            huggingface.in_file(path)
        assert "\n" not in str(caught.value)


def test_tables_without_pictures_are_no_source(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "x.parquet")
    assert huggingface.in_folder(tmp_path) is None
    with pytest.raises(UserError, match="has no column of pictures"):
        huggingface.in_file(tmp_path / "x.parquet")
    (tmp_path / "x.txt").write_text("text")
    assert huggingface.in_file(tmp_path / "x.txt") is None


def test_the_table_beside_pictures_that_are_files_is_left_alone(tmp_path: Path) -> None:
    to_parquet(made(), tmp_path / "metadata.parquet")
    assert huggingface.in_folder(tmp_path) is None


def test_rows_can_be_opened_from_many_threads(tmp_path: Path) -> None:
    images = read(to_parquet(made(), tmp_path / "x.parquet")).images
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: content_of(images[n % 6]), range(120))) == PICTURES * 20
