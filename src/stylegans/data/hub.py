"""Data sets on the Hugging Face hub: ``hf://USER/NAME``, streamed.

Each picture file is fetched once, and kept in a temporary file for as long as the source is in use. No set's own code
is run: ``datasets`` has no way to from version 4 on, and of its builders only those that read pictures are let
through.
"""

import io
import re
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, overload

from stylegans.data.columns import WHAT, Columns, content_and_path, find_columns, training_part
from stylegans.data.labels import Label
from stylegans.data.source_image import Source, SourceImage, extra, stream_of
from stylegans.errors import RunFailed, UserError

BUILDERS = ("parquet", "arrow", "imagefolder", "webdataset")
"""Those modules of ``datasets`` that a set may be read by."""

ADDRESS = re.compile(
    r"hf:/{1,2}(?:datasets/)?(?P<name>[\w.-]+/[\w.-]+)(?:/(?P<config>[\w.-]+))?(?::(?P<split>[\w.-]+))?"
)


ARCHIVES = ("zip", "tar", "gzip")
"""Kinds of files on the hub in which pictures may lie."""

LARGEST_FILE = 1 << 30


def is_address(path: str | Path) -> bool:
    """Whether it names a data set on the hub."""
    return str(path).startswith("hf:/")


def stream_set(path: str | Path) -> Source:
    """The pictures of ``hf://USER/NAME[/CONFIG][:SPLIT]``; of several splits those of 'train'.

    Raises:
        UserError: there is no such set, it holds no pictures, or it is read by another builder than ``BUILDERS``.
        RunFailed: while it is read: the connection broke.
    """
    address = ADDRESS.fullmatch(str(path))
    if address is None:
        raise UserError(f"SRC: '{path}': write hf://USER/NAME, hf://USER/NAME/CONFIG or hf://USER/NAME:SPLIT")
    datasets = extra("datasets", what=WHAT)
    if int(datasets.__version__.split(".")[0]) < 4:
        raise UserError(f"SRC: datasets {datasets.__version__} can run a set's code: pip install 'datasets>=4'")
    try:
        builder = datasets.load_dataset_builder(address["name"], address["config"])
        _check_builder(builder, path)
        splits = builder.as_streaming_dataset()
        split = address["split"] or training_part(list(splits), where=f"'{path}'")
        if split not in splits:
            raise UserError(f"SRC: '{path}' has no split {split}; it has {', '.join(splits)}")
        rows, known = splits[split], builder.info.splits or {}
        count = known[split].num_examples if split in known else None
        columns = find_columns(datasets, rows.features or {})
    except UserError:
        raise
    except Exception as error:  # no connection, no such set, not public: the library's message says which
        raise UserError(f"SRC: '{path}' cannot be read ({_line(error)})") from error
    if columns is None:
        raise UserError(f"SRC: '{path}' has no column of pictures")
    rows = rows.select_columns(columns.names)
    if columns.is_declared:
        rows = rows.cast_column(columns.image, datasets.Image(decode=False))
    images = StreamedImages(iter(rows), columns, name=address["name"], count=count)
    return Source(images, columns.labels_from, columns.class_names)


def _check_builder(builder: Any, path: str | Path) -> None:
    modules = {kind.__module__ for kind in type(builder).__mro__}
    if not modules & {f"datasets.packaged_modules.{name}.{name}" for name in BUILDERS}:
        raise UserError(
            f"SRC: '{path}' is read by {type(builder).__name__}, which is none of the builders for pictures "
            f"({', '.join(BUILDERS)})"
        )


class StreamedImages(Sequence[SourceImage]):
    """The pictures of a stream of rows, in its order. The stream is read as far as pictures are asked for, once."""

    def __init__(self, rows: Iterator[dict[str, Any]], columns: Columns, *, name: str, count: int | None) -> None:
        self._rows, self._columns, self._name, self._count = rows, columns, name, count
        self._labels: list[Label | None] = []
        self._elsewhere: dict[int, str] = {}  # position → address, of files not fetched yet
        self._kept: dict[int, tuple[int, int]] = {}  # position → where in the file, how long
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # in use for as long as a picture refers to it
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """As the set states it; where it does not, all of the stream is read to count it."""
        if self._count is None:
            while self._advance():
                pass
            self._count = len(self._labels)
        return self._count

    @overload
    def __getitem__(self, index: int) -> SourceImage: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SourceImage, ...]: ...
    def __getitem__(self, index: int | slice) -> SourceImage | tuple[SourceImage, ...]:
        if isinstance(index, slice):
            return tuple(self[position] for position in range(*index.indices(len(self))))
        position = index + len(self) if index < 0 else index
        while position >= len(self._labels) and self._advance():
            pass
        if not 0 <= position < len(self._labels):
            raise IndexError(index)
        return SourceImage(f"row {position}", partial(self._open, position), self._labels[position])

    def _advance(self) -> bool:
        """Read one more row; False at the end."""
        with self._lock:
            position = len(self._labels)
            try:
                row = next(self._rows, None)
            except Exception as error:
                raise RunFailed(f"hf://{self._name}: broke off after {position} pictures ({_line(error)})") from error
            if row is None:
                return False
            content, path = content_and_path(row[self._columns.image])
            if content is not None:
                self._keep(position, content)
            elif path is not None:
                self._elsewhere[position] = path
            label = None if self._columns.label is None else row[self._columns.label]
            self._labels.append(self._columns.to_label(label))
            return True

    def _open(self, position: int) -> IO[bytes]:
        if position in self._elsewhere and position not in self._kept:
            content = self._fetched(self._elsewhere[position])
            with self._lock:
                self._keep(position, content)
        with self._lock:
            start, length = self._kept.get(position, (0, 0))
            self._file.seek(start)
            return stream_of(self._file.read(length))

    def _keep(self, position: int, content: bytes) -> None:
        start = self._file.seek(0, io.SEEK_END)
        self._file.write(content)
        self._kept[position] = (start, len(content))

    def _fetched(self, address: str) -> bytes:
        """A file that a row names by its address, which must lie in this very set: rows are written by strangers."""
        *packed_in, last = address.split("::")
        inside = f"hf://datasets/{self._name}"
        if not last.startswith((f"{inside}@", f"{inside}/")) or any(
            part.split("://")[0] not in ARCHIVES for part in packed_in
        ):
            raise ValueError(f"is not in the data set, which only names it: '{address}'")
        try:
            with extra("fsspec", what=WHAT).open(address, "rb") as stream:
                content = stream.read(LARGEST_FILE + 1)
        except Exception as error:
            raise ValueError(f"cannot be fetched ({_line(error)})") from error
        if len(content) > LARGEST_FILE:
            raise ValueError(f"has more than {LARGEST_FILE} bytes: too large")
        return bytes(content)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
