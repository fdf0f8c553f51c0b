"""IDX files, in which MNIST, Fashion-MNIST, KMNIST and EMNIST come: bytes behind a header of counts, often gzipped.

``00 00 08 03`` and three big-endian counts, then pictures one after the other; ``00 00 08 01`` and one count, then
labels. The labels of ``train-images-idx3-ubyte.gz`` are in ``train-labels-idx1-ubyte.gz`` beside it.
"""

import gzip
import hashlib
import io
import math
import struct
import tempfile
import zlib
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from stylegans.data import arrays, decode
from stylegans.data.source_image import LazyImages, Source, SourceImage, broken, stream_of
from stylegans.errors import UserError

MOST_PICTURES = 100_000_000

LARGEST_UNPACKED = 1 << 34
"""A gzipped file that says it unpacks to more bytes than this is refused."""

TYPES = {0x08: "bytes", 0x09: "signed bytes", 0x0B: "shorts", 0x0C: "ints", 0x0D: "floats", 0x0E: "doubles"}

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
"""The classes of Fashion-MNIST (1708.07747, table 2)."""

FASHION_LABELS = (
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
)
"""SHA-256 of its two files of labels, unpacked. The files are named like MNIST's and say nothing of what they hold."""


def in_folder(folder: Path) -> Source | None:
    """The training pictures in a folder of IDX files; its only pictures if none are called so. None: it holds none.

    Raises:
        UserError: which of several files is meant cannot be told.
    """
    candidates = sorted(path for path in folder.iterdir() if "idx" in path.name.lower() and path.is_file())
    found = [path for path in candidates if len(_shape(path) or ()) == 3]
    chosen = [path for path in found if path.name.lower().startswith("train")] or found
    unpacked = {path.name.removesuffix(".gz"): path for path in chosen}  # a file may lie there packed and unpacked
    if len(unpacked) > 1:
        raise UserError(f"SRC: '{folder}' holds several files of pictures; give one of {', '.join(sorted(unpacked))}")
    return in_file(unpacked.popitem()[1]) if unpacked else None


def in_file(path: Path) -> Source | None:
    """The pictures of an IDX file, with the labels beside it. None: it is no IDX file.

    Raises:
        UserError: it holds something else than pictures, or absurd counts; or its labels do not fit.
    """
    shape = _shape(path)
    if shape is None:
        return None
    if len(shape) != 3:
        raise UserError(f"SRC: '{path}' holds {'labels' if len(shape) == 1 else 'no pictures'}; give the images file")
    count, height, width = shape
    if count > MOST_PICTURES or not 0 < height * width <= decode.LARGEST_PIXELS:
        raise UserError(f"SRC: '{path}' says it holds {count} pictures of {width}x{height}, which cannot be")
    pixels = _pixels(path, shape)
    labels, where, class_names = _labels(path, count)
    stem = path.name.removesuffix(".gz")

    def image(index: int) -> SourceImage:
        label = int(labels[index]) if index < len(labels) else None
        if index < len(pixels):
            return SourceImage(f"{stem}/{index:05d}", partial(_npy, pixels, index), label)
        reason = f"the file is cut short: {count - index} of {count} pictures are missing"
        return SourceImage(f"{stem}/{index:05d} and what follows", broken(reason), label)

    whole = len(pixels) == count
    return Source(LazyImages(count if whole else len(pixels) + 1, image), where, class_names)


def _npy(pixels: np.ndarray, index: int) -> IO[bytes]:
    return stream_of(arrays.to_npy(np.array(pixels[index])[None]))


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.GzipFile(path) if _is_packed(path) else path.open("rb")


def _is_packed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _shape(path: Path) -> tuple[int, ...] | None:
    """What the header counts; None: it is none.

    Raises:
        UserError: an IDX file, but of other numbers than bytes.
    """
    with _open(path) as stream:
        start = _read(stream, 4)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not 1 <= start[3] <= 4:
            return None
        counts = _read(stream, 4 * start[3])
    if len(counts) < 4 * start[3]:
        return None
    if start[2] != 0x08:
        raise UserError(f"SRC: '{path}' is an IDX file of {TYPES[start[2]]}; pictures and classes are bytes")
    return struct.unpack(f">{start[3]}I", counts)


def _pixels(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 [n, H, W] of the pictures that are whole, left on the disk; a gzipped file in a temporary one."""
    offset, size = 4 + 4 * len(shape), math.prod(shape[1:])
    with _open(path) as stream:
        if not _is_packed(path):
            return _mapped(path, min(shape[0], (path.stat().st_size - offset) // size), shape, offset)
        if math.prod(shape) > LARGEST_UNPACKED:
            raise UserError(f"SRC: '{path}' says it unpacks to {math.prod(shape)} bytes: too large")
        _read(stream, offset)
        with tempfile.TemporaryFile() as unpacked:
            left = math.prod(shape)
            while left and (chunk := _read(stream, min(left, 1 << 20))):
                unpacked.write(chunk)
                left -= len(chunk)
            unpacked.flush()
            return _mapped(unpacked, unpacked.tell() // size, shape, 0)


def _mapped(file: Path | IO[bytes], count: int, shape: tuple[int, ...], offset: int) -> np.ndarray:
    if count <= 0:
        return np.zeros((0, *shape[1:]), np.uint8)
    return np.memmap(file, np.uint8, "r", offset, (count, *shape[1:]))


def _labels(path: Path, count: int) -> tuple[np.ndarray, str | None, tuple[str, ...] | None]:
    """The labels beside a file of pictures, that file's name, and the names of the classes."""
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    beside = next((path.with_name(name + end) for end in ("", ".gz") if path.with_name(name + end).is_file()), None)
    if beside is None or name == path.name.removesuffix(".gz"):
        return np.zeros(0, np.uint8), None, None
    shape = _shape(beside)
    if shape != (count,):
        found = f"{shape[0]} labels" if shape is not None and len(shape) == 1 else "no labels"
        raise UserError(f"SRC: '{beside}' holds {found} for the {count} pictures of '{path.name}'")
    with _open(beside) as stream:
        content = _read(stream, 8 + count)
    known = hashlib.sha256(content).hexdigest() in FASHION_LABELS
    return np.frombuffer(content, np.uint8, offset=8), beside.name, FASHION if known else None


def _read(stream: io.BufferedIOBase, count: int) -> bytes:
    """Up to ``count`` bytes; fewer where the file, or what it packs, is cut short or damaged."""
    content = bytearray()
    try:
        while len(content) < count and (chunk := stream.read1(min(count - len(content), 1 << 16))):
            content += chunk
    except (EOFError, gzip.BadGzipFile, zlib.error):
        pass
    return bytes(content)
