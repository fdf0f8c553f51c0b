"""CIFAR-10 and CIFAR-100 as their authors publish them for Python: pickled batches, in a folder or a ``.tar.gz``.

A batch is a dict of ``data``, uint8 [N, 3·32·32], and ``labels`` or, in CIFAR-100, ``fine_labels``. The pickles are
read by ``files.unpickle``, which runs nothing in them; an archive's members are read where they lie.
"""

import lzma
import math
import re
import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from stylegans.data import arrays
from stylegans.data.source_image import LazyImages, Source, SourceImage, stream_of
from stylegans.errors import UserError
from stylegans.files.unpickle import ARRAYS, unpickle

LARGEST_BATCH = 1 << 30
MOST_MEMBERS = 10_000
LARGEST_ARCHIVE = 1 << 33
"""An archive is read up to this many bytes, unpacked."""

BATCH = re.compile(r"data_batch_\d+|train")
META = ("batches.meta", "meta")
CLASS_NAMES = ("label_names", "fine_label_names")

PICKLE = re.compile(rb"\x80[\x02-\x05]")
"""How a pickle begins that says its protocol."""


def in_folder(folder: Path) -> Source | None:
    """The training pictures of an unpacked archive. None: the folder holds none."""
    batches = [path for path in folder.iterdir() if BATCH.fullmatch(path.name) and _is_pickle(path)]
    return _source({path.name: path.read_bytes() for path in batches}, _meta_in(folder), folder) if batches else None


def in_file(path: Path) -> Source | None:
    """The training pictures of an archive, or those of one unpacked batch, like ``test_batch``. None: it is neither.

    Raises:
        UserError: the archive is damaged; or a batch asks for something to be run.
    """
    if _is_pickle(path):
        return _source({path.name: path.read_bytes()}, _meta_in(path.parent), path)
    if not _is_tar(path):
        return None
    try:
        members = dict(_members(path))
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"SRC: '{path}' is damaged or cut short ({error})") from error
    batches = {name: content for name, content in members.items() if BATCH.fullmatch(name) and PICKLE.match(content)}
    meta = next((members[name] for name in META if name in members), None)
    return _source(batches, meta, path) if batches else None


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the files that count, in one pass."""
    with tarfile.open(path, "r|*") as archive:
        for number, member in enumerate(archive):
            if number > MOST_MEMBERS or member.offset_data + member.size > LARGEST_ARCHIVE:
                return
            name = PurePosixPath(member.name).name
            if not member.isfile() or not (BATCH.fullmatch(name) or name in META):
                continue
            if member.size > LARGEST_BATCH:
                raise UserError(f"SRC: '{path}': its {name} unpacks to {member.size} bytes: too large")
            stream = archive.extractfile(member)
            if stream is not None:
                yield name, stream.read()


def _is_pickle(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > LARGEST_BATCH:
        return False
    with path.open("rb") as stream:
        return PICKLE.match(stream.read(8)) is not None


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, OSError, zlib.error, lzma.LZMAError):  # packed, and damaged from the start
        return False


def _meta_in(folder: Path) -> bytes | None:
    return next(((folder / name).read_bytes() for name in META if _is_pickle(folder / name)), None)


def _source(batches: dict[str, bytes], meta: bytes | None, path: Path) -> Source:
    names = sorted(batches, key=lambda name: (len(name), name))  # data_batch_10 after data_batch_9
    read = {name: _batch(batches.pop(name), f"SRC: '{path}': {name}") for name in names}
    ends = np.cumsum([len(pictures) for pictures, _ in read.values()])

    def image(position: int) -> SourceImage:
        number = int(np.searchsorted(ends, position, side="right"))
        pictures, labels = read[names[number]]
        index = position - int(ends[number]) + len(pictures)
        label = None if labels is None else labels[index]
        return SourceImage(f"{names[number]}/{index:05d}", partial(_npy, pictures, index), label)

    labelled = all(labels is not None for _, labels in read.values())
    class_names = None if meta is None or not labelled else _class_names(meta, f"SRC: '{path}': its meta file")
    return Source(LazyImages(int(ends[-1]), image), "the batches" if labelled else None, class_names)


def _npy(pictures: np.ndarray, index: int) -> IO[bytes]:
    return stream_of(arrays.to_npy(pictures[index]))


def _batch(content: bytes, where: str) -> tuple[np.ndarray, list[int] | None]:
    """uint8 [N, 3, H, W], and the labels."""
    batch = _dict(content, where)
    data, labels = batch.get("data"), batch.get("fine_labels", batch.get("labels"))
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2:
        raise UserError(f"{where} is no CIFAR batch: it has no 'data' of bytes")
    side = math.isqrt(data.shape[1] // 3)
    if side == 0 or 3 * side * side != data.shape[1]:
        raise UserError(f"{where} is no CIFAR batch: {data.shape[1]} numbers make no square RGB picture")
    if labels is not None and not (
        isinstance(labels, list)
        and len(labels) == len(data)
        and all(type(label) is int and label >= 0 for label in labels)
    ):
        raise UserError(f"{where} has not one class for each of its {len(data)} pictures")
    return np.asarray(data).reshape(-1, 3, side, side), labels


def _class_names(content: bytes, where: str) -> tuple[str, ...] | None:
    meta = _dict(content, where)
    names = next((meta[key] for key in CLASS_NAMES if key in meta), None)
    if not isinstance(names, list):
        return None
    return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names)


def _dict(content: bytes, where: str) -> dict[str, Any]:
    """A pickled dict. Python 2 wrote its texts as bytes."""
    found = unpickle(content, allowed=ARRAYS, where=where, encoding="bytes", largest=LARGEST_BATCH)
    if not isinstance(found, dict):
        raise UserError(f"{where} is no CIFAR batch: it holds no dict")
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): value for key, value in found.items()}
