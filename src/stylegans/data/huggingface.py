"""Hugging Face data sets on this machine: parquet and arrow files, and folders written by ``save_to_disk``.

They are read where they lie, without the copy in a cache that ``datasets`` would make. Nothing in them is run.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from stylegans.data.columns import WHAT, Columns, content_and_path, find_columns, training_part
from stylegans.data.source_image import LazyImages, Source, SourceImage, extra, stream_of
from stylegans.errors import UserError

SHARD = re.compile(r"(?P<part>.+)-\d{5}-of-\d{5}.*")
"""How the parts of a set are named: ``train-00000-of-00005.parquet``."""

PLACES = ("*.parquet", "data/*.parquet", "*.arrow", "data/*.arrow")

LARGEST_GROUP = 1 << 32
"""A parquet row group, which is read as a whole, that says it unpacks to more bytes than this is refused."""

GROUPS_KEPT = 2
"""Row groups in memory: pictures are asked for in order, a few ahead of each other."""

Part = tuple[str, int, Callable[[int], Any], Sequence[Any] | None]
"""A file's name, its rows, a function row → cell of the picture's column, and the cells of the labels' column."""


def in_file(path: Path) -> Source | None:
    """The pictures in a parquet or arrow file. None: it is neither.

    Raises:
        UserError: it is damaged, or has no column of pictures.
    """
    if _kind(path) is None:
        return None
    source = _source([path], path.parent)
    if source is None:
        raise UserError(f"SRC: '{path}' has no column of pictures")
    return source


def in_folder(folder: Path) -> Source | None:
    """The pictures in a folder written by ``save_to_disk``, or of parquet or arrow files; the part 'train' of several.

    None: it holds no such files with a column of pictures.

    Raises:
        UserError: a file is damaged; or which of several parts is meant cannot be told.
    """
    if (folder / "dataset_dict.json").is_file():
        parts = sorted(path.parent.name for path in folder.glob("*/state.json"))
        return in_folder(folder / training_part(parts, where=f"'{folder}'")) if parts else None
    if (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file():
        return _saved(folder)
    for place in PLACES:
        # metadata.parquet: what the hub keeps beside pictures that are files
        files = [path for path in sorted(folder.glob(place)) if path.stem != "metadata" and _kind(path) is not None]
        if files:
            names = [match["part"] if (match := SHARD.fullmatch(path.stem)) else "" for path in files]
            chosen = training_part(sorted(set(names)), where=f"'{folder}'")
            return _source([path for path, name in zip(files, names, strict=True) if name == chosen], folder)
    return None


def _kind(path: Path) -> str | None:
    """'parquet', 'arrow' (a file) or 'stream' (arrow without an index); None: another kind of file."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        start = stream.read(8)
    if start[:4] == b"\xff\xff\xff\xff" and len(start) == 8:
        return "stream"
    return "parquet" if start[:4] == b"PAR1" else "arrow" if start[:6] == b"ARROW1" else None


def _source(paths: Sequence[Path], root: Path) -> Source | None:
    datasets = extra("datasets", what=WHAT)
    tables, columns = [], None
    for path in paths:
        try:
            table = _Parquet(path) if _kind(path) == "parquet" else _Arrow(path.name, _mapped(path))
            found = find_columns(datasets, datasets.Features.from_arrow_schema(table.schema))
            if found is None:
                return None
            columns = columns or found
            tables.append(table.part(columns))
        except Exception as error:  # what a damaged file raises is the library's business
            raise UserError(f"SRC: '{path}' cannot be read ({_line(error)})") from error
    return None if columns is None else _joined(tables, columns, root)


def _saved(folder: Path) -> Source | None:
    datasets = extra("datasets", what=WHAT)
    try:
        saved = datasets.load_from_disk(str(folder), keep_in_memory=False)
        columns = find_columns(datasets, saved.features)
        if columns is None:
            return None
        return _joined([_Arrow(folder.name, saved.data.table).part(columns)], columns, folder)
    except Exception as error:
        raise UserError(f"SRC: '{folder}' cannot be read ({_line(error)})") from error


def _joined(parts: Sequence[Part], columns: Columns, root: Path) -> Source:
    ends = np.cumsum([rows for _, rows, _, _ in parts])

    def image(position: int) -> SourceImage:
        number = int(np.searchsorted(ends, position, side="right"))
        name, rows, cell, labels = parts[number]
        row = position - int(ends[number]) + rows
        label = None if labels is None else columns.to_label(labels[row].as_py())
        return SourceImage(f"{name} row {row}", partial(_opened, cell, row, root), label)

    return Source(LazyImages(int(ends[-1]), image), columns.labels_from, columns.class_names)


def _opened(cell: Callable[[int], Any], row: int, root: Path) -> IO[bytes]:
    content, path = content_and_path(cell(row))
    return _beside(root, path) if content is None and path else stream_of(content)


def _beside(root: Path, path: str) -> IO[bytes]:
    """A picture that the table only names: opened if it lies within the data set's folder."""
    found = (root / path).resolve()
    if not found.is_relative_to(root.resolve()) or not found.is_file():
        raise ValueError(f"is not in the data set, which only names it: '{path}'")
    return found.open("rb")


# --- files ------------------------------------------------------------------------------------------------------------


class _Arrow:
    """A table that is left on the disk."""

    def __init__(self, name: str, table: Any) -> None:
        self._name, self._table, self.schema = name, table, table.schema

    def part(self, columns: Columns) -> Part:
        table = self._table.select(columns.names)
        table.validate(full=True)  # what lies where is taken from the file, and not checked again
        pictures = table[columns.image]
        labels = None if columns.label is None else table[columns.label]
        return self._name, table.num_rows, lambda row: pictures[row].as_py(), labels


def _mapped(path: Path) -> Any:
    arrow = extra("pyarrow", what=WHAT)
    reading = arrow.memory_map(str(path))
    return (arrow.ipc.open_stream if _kind(path) == "stream" else arrow.ipc.open_file)(reading).read_all()


class _Parquet:
    """A parquet file, read one row group at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = extra("pyarrow.parquet", what=WHAT).ParquetFile(str(path))
        self.schema = self._file.schema_arrow
        metadata = self._file.metadata
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self._sizes = [group.total_byte_size for group in groups]
        self._ends = np.cumsum([group.num_rows for group in groups])
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Any] = OrderedDict()

    def part(self, columns: Columns) -> Part:
        rows = int(self._ends[-1]) if len(self._ends) else 0
        labels = None if columns.label is None else self._file.read([columns.label])[columns.label]
        return self._path.name, rows, partial(self._cell, columns.image), labels

    def _cell(self, column: str, row: int) -> Any:
        number = int(np.searchsorted(self._ends, row, side="right"))
        start = int(self._ends[number - 1]) if number else 0
        return self._group(column, number)[row - start].as_py()

    def _group(self, column: str, number: int) -> Any:
        if self._sizes[number] > LARGEST_GROUP:
            raise ValueError(f"its row group has {self._sizes[number]} bytes: too large")
        with self._lock:
            if number not in self._kept:
                if len(self._kept) >= GROUPS_KEPT:
                    self._kept.popitem(last=False)
                try:
                    self._kept[number] = self._file.read_row_group(number, [column])[column]
                except Exception as error:
                    raise ValueError(f"its row group {number} is damaged ({_line(error)})") from error
            self._kept.move_to_end(number)
            return self._kept[number]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
