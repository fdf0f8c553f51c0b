"""LMDB data bases whose values are picture files, as LSUN's are: a folder with ``data.mdb``, or that file."""

import weakref
from array import array
from functools import partial
from pathlib import Path
from typing import IO, Any

from stylegans.data.source_image import LazyImages, Source, SourceImage, extra, stream_of
from stylegans.errors import UserError

MAGIC = bytes.fromhex("dec0efbe")
"""At byte 16 of the file, where the machine that wrote it was little-endian."""

FILE = "data.mdb"

COUNT = b"length"
"""The key under which writers of this field keep the number of pictures."""

_open_now: "weakref.WeakValueDictionary[Path, Any]" = (
    weakref.WeakValueDictionary()
)  # LMDB opens a file once per process


def in_folder(folder: Path) -> Source | None:
    """The pictures of the data base in a folder. None: there is none."""
    return in_file(folder / FILE) if (folder / FILE).is_file() else None


def in_file(path: Path) -> Source | None:
    """The pictures of a data base, in the order of their keys. None: the file is none.

    Raises:
        UserError: it is cut short, or of a kind that this machine's LMDB cannot read.
    """
    with path.open("rb") as stream:
        if stream.read(20)[16:] != MAGIC:
            return None
    lmdb = extra("lmdb", what="an LMDB data base")
    try:
        environment = _environment(lmdb, path.resolve())
        keys = _Keys(environment)
    except lmdb.Error as error:
        raise UserError(f"SRC: '{path}' cannot be read as LMDB ({error})") from error

    def image(index: int) -> SourceImage:
        key = keys[index]
        return SourceImage(_name(key), partial(_value, environment, key), None)

    return Source(LazyImages(len(keys), image), None, None)


class _Keys:
    """All keys in one piece: as many objects they would take twice the memory."""

    def __init__(self, environment: Any) -> None:
        self._bytes, self._ends = bytearray(), array("Q", [0])
        with environment.begin(buffers=True) as reading, reading.cursor() as cursor:
            for key in cursor.iternext(keys=True, values=False):
                if key != COUNT:
                    self._bytes += key
                    self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> bytes:
        return bytes(self._bytes[self._ends[index] : self._ends[index + 1]])


def _environment(lmdb: Any, path: Path) -> Any:
    known = _open_now.get(path)
    if known is not None:
        return known
    environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False, create=False)
    promised = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if path.stat().st_size < promised:  # reading a page that is not there would end the process
        environment.close()
        raise UserError(f"SRC: '{path}' is cut short: {path.stat().st_size} of {promised} bytes")
    _open_now[path] = environment
    return environment


def _value(environment: Any, key: bytes) -> IO[bytes]:
    with environment.begin() as reading:
        return stream_of(reading.get(key))


def _name(key: bytes) -> str:
    text = key.decode("utf-8", "replace")
    return text if text.isprintable() and "\ufffd" not in text else key.hex()
