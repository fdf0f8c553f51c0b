"""TFRecords as the published ProGAN, StyleGAN and StyleGAN2 take them.

``NAME-r02.tfrecords`` to ``NAME-r10.tfrecords``: the number is log2 of the size. Each file holds every picture at one
size, and the largest is read. A record is a ``tf.train.Example`` of ``shape``, three ints [C, H, W], and ``data``, the
bytes. Labels, where there are any, are in ``NAME-rxx.labels``: a ``.npy`` of float32 [N, c_dim], in the records' order.

A record on the disk: its length (uint64), a checksum of that, the Example, a checksum of it. The first checksum is
verified, for a false length would lose all that follows; the second is not: in Python it would take longer than all
the rest.
"""

import functools
import math
import re
import struct
from array import array
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from stylegans.data import arrays
from stylegans.data.labels import Label
from stylegans.data.source_image import LazyImages, Source, SourceImage, broken, extra, stream_of
from stylegans.errors import UserError

LARGEST_RECORD = 1 << 30
FRAME = struct.Struct("<QI")
FOOTER = 4
SUFFIXES = (".tfrecords", ".tfrecord")
LEVEL = re.compile(r"(?P<name>.*)-r(?P<level>\d\d)")
VALIDATION = "validation-"
"""How the published tools begin the names of the held-out part."""


def in_folder(folder: Path) -> Source | None:
    """The largest size of the set in a folder. None: it holds no records.

    Raises:
        UserError: it holds several sets.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    found = [path for path in found if _starts_like_records(path)]
    found = [path for path in found if not path.name.startswith(VALIDATION)] or found
    if not found:
        return None
    levels = [LEVEL.fullmatch(path.stem) for path in found]
    sets = sorted({match["name"] if match else path.stem for match, path in zip(levels, found, strict=True)})
    if len(sets) > 1:
        raise UserError(f"SRC: '{folder}' holds several sets of records ({', '.join(sets)}); give one file")
    return in_file(max(found, key=lambda path: path.stem))


def in_file(path: Path) -> Source | None:
    """The pictures in a file of records, with the labels beside it. None: it is no such file.

    Raises:
        UserError: the labels are no such array, or do not fit.
    """
    if not _starts_like_records(path):
        return None
    example = _example()
    starts, damage = _starts(path)
    labels, where = _labels(path, len(starts), cut=damage is not None)

    def image(index: int) -> SourceImage:
        label = _label(labels, index)
        if index == len(starts):
            return SourceImage(f"{path.name} record {index}", broken(damage or ""), label)
        return SourceImage(f"{path.name} record {index}", partial(_npy, path, starts[index], example), label)

    return Source(LazyImages(len(starts) + (damage is not None), image), where, None)


# --- records ----------------------------------------------------------------------------------------------------------


def _starts_like_records(path: Path) -> bool:
    with path.open("rb") as stream:
        return _length(stream.read(FRAME.size)) is not None


def _starts(path: Path) -> tuple["array[int]", str | None]:
    """Where each whole record begins, and what is wrong with the one after them."""
    starts, position, size = array("Q"), 0, path.stat().st_size
    with path.open("rb") as stream:
        while position < size:
            stream.seek(position)
            frame = stream.read(FRAME.size)
            length = _length(frame)
            if len(frame) == FRAME.size and length is None:
                return starts, "its length is damaged: neither it nor what follows can be found"
            end = size + 1 if length is None else position + FRAME.size + length + FOOTER
            if end > size:
                return starts, "the file is cut short"
            starts.append(position)
            position = end
    return starts, None


def _length(frame: bytes) -> int | None:
    """The length that a record's first 12 bytes state; None if their checksum is not theirs."""
    if len(frame) < FRAME.size:
        return None
    length, checksum = FRAME.unpack(frame)
    return int(length) if masked_crc32c(frame[:8]) == checksum else None


def masked_crc32c(content: bytes) -> int:
    """The records' checksum: CRC-32C (Castagnoli), rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _table()[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = row >> 1 ^ (0x82F63B78 if row & 1 else 0)
        rows.append(row)
    return tuple(rows)


# --- Examples ---------------------------------------------------------------------------------------------------------


def _npy(path: Path, start: int, example: Any) -> IO[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        length = _length(stream.read(FRAME.size))
        if length is None or length > LARGEST_RECORD:
            raise ValueError(f"has {length} bytes: too large" if length else "has changed since it was found")
        content = stream.read(length)
    return stream_of(arrays.to_npy(_picture(content, example)))


def _picture(content: bytes, example: Any) -> np.ndarray:
    """uint8 [C, H, W].

    Raises:
        ValueError: it is no Example, or holds something else.
    """
    record = example()
    try:
        record.ParseFromString(content)
    except Exception as error:  # DecodeError, of a module that is imported by its name
        raise ValueError("is no tf.train.Example") from error
    features = record.features.feature
    if "shape" not in features or "data" not in features:
        raise ValueError(f"has no 'shape' and 'data', only: {', '.join(sorted(features)) or 'nothing'}")
    shape, data = tuple(features["shape"].int64_list.value), features["data"].bytes_list.value
    if len(shape) != 3 or min(shape) < 1 or len(data) != 1 or math.prod(shape) != len(data[0]):
        raise ValueError(f"says shape {list(shape)} of {sum(map(len, data))} bytes")
    return np.frombuffer(data[0], np.uint8).reshape(shape)


@functools.cache
def _example() -> Any:
    """The class of ``tf.train.Example``, described here so that TensorFlow is not needed."""
    what = "a TFRecord"
    descriptor_pb2 = extra("google.protobuf.descriptor_pb2", what=what)
    pool = extra("google.protobuf.descriptor_pool", what=what).DescriptorPool()
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="stylegans", syntax="proto3")

    def message(into: Any, name: str, *fields: tuple[str, int, int, str | None]) -> Any:
        added = into.add(name=name)
        for number, (title, label, kind, type_name) in enumerate(fields, start=1):
            added.field.add(name=title, number=number, label=label, type=kind, type_name=type_name)
        return added

    one, many, composed = field.LABEL_OPTIONAL, field.LABEL_REPEATED, field.TYPE_MESSAGE
    messages = file.message_type
    message(messages, "BytesList", ("value", many, field.TYPE_BYTES, None))
    message(messages, "FloatList", ("value", many, field.TYPE_FLOAT, None))
    message(messages, "Int64List", ("value", many, field.TYPE_INT64, None))
    message(
        messages,
        "Feature",
        ("bytes_list", one, composed, ".stylegans.BytesList"),
        ("float_list", one, composed, ".stylegans.FloatList"),
        ("int64_list", one, composed, ".stylegans.Int64List"),
    )
    features = message(messages, "Features", ("feature", many, composed, ".stylegans.Features.FeatureEntry"))
    entry = message(
        features.nested_type,
        "FeatureEntry",
        ("key", one, field.TYPE_STRING, None),
        ("value", one, composed, ".stylegans.Feature"),
    )
    entry.options.map_entry = True
    message(messages, "Example", ("features", one, composed, ".stylegans.Features"))
    pool.Add(file)
    factory = extra("google.protobuf.message_factory", what=what)
    return factory.GetMessageClass(pool.FindMessageTypeByName("stylegans.Example"))


# --- labels -----------------------------------------------------------------------------------------------------------


def _labels(path: Path, count: int, *, cut: bool) -> tuple[np.ndarray | None, str | None]:
    """int64 [N], classes, where every row is one-hot, else float32 [N, c_dim]; and the file's name."""
    match = LEVEL.fullmatch(path.stem)
    beside = path.with_name(f"{match['name'] if match else path.stem}-rxx.labels")
    if not beside.is_file():
        return None, None
    try:
        rows = np.load(beside, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"SRC: '{beside}' is no array of labels ({' '.join(str(error).split())})") from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.dtype.kind not in "fiub":
        raise UserError(f"SRC: '{beside}' is no array of labels: it should be numbers [N, c_dim]")
    if len(rows) < count or (len(rows) > count and not cut):
        raise UserError(f"SRC: '{beside}' holds {len(rows)} labels for the {count} pictures of '{path.name}'")
    if rows.shape[1] == 0:
        return None, None
    one_hot = bool((((rows == 0) | (rows == 1)).all(axis=1) & (rows.sum(axis=1) == 1)).all())
    return (rows.argmax(axis=1) if one_hot else np.array(rows, np.float32)), beside.name


def _label(labels: np.ndarray | None, index: int) -> Label | None:
    if labels is None or index >= len(labels):
        return None
    return int(labels[index]) if labels.ndim == 1 else tuple(map(float, labels[index]))
