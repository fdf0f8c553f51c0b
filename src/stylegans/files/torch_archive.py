"""PyTorch's files, read without running anything in them: checkpoints, TorchScript archives, pickled modules.

All are pickles whose tensors point into raw bytes. ``read_archive`` gives what such a file holds as plain containers:
objects of unknown classes become ``Inert`` ones, which say what they were called and what their state was, and tensors
``Stored`` ones. ``named_tensors`` lists the tensors in any part of it. Source code in the files is never looked at.
"""

import io
import math
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.files.unpickle import ARRAYS, LARGEST_PICKLE, Call, Outside, Refused, unpickle

ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files begin that PyTorch wrote before 1.6, and the storages inside pickled modules to this day."""

MOST_MEMBERS = 100_000
"""Files in a zip archive. Published ones have some hundreds, one per tensor."""


# --- what a file holds ------------------------------------------------------------------------------------------------


class Inert:
    """An object of a class that is not there."""

    __slots__ = ("arguments", "state")
    kind: ClassVar[str] = ""
    """The class, as the file names it."""
    arguments: tuple[Any, ...]
    """What it was made with, usually nothing."""
    state: Any
    """What it was then given, usually its attributes: name → value."""

    def __new__(cls, *arguments: Any) -> "Inert":  # pickles make objects without ``__init__``
        self = super().__new__(cls)
        self.arguments, self.state = arguments, None
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Stored:
    """A tensor, in a shell that a pickle cannot change."""

    __slots__ = ("tensor",)
    tensor: Tensor

    def __init__(self, tensor: Tensor) -> None:
        object.__setattr__(self, "tensor", tensor)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("cannot be changed")

    def __setstate__(self, state: object) -> None:
        raise AttributeError("cannot be changed")


class Storage(Stored):
    """The numbers that tensors are views of, in one dimension."""

    __slots__ = ()


def inert(kind: str) -> type[Inert]:
    """The class of inert objects called ``kind``."""
    return type("Inert", (Inert,), {"kind": kind, "__slots__": ()})


TRANSPARENT = ("_parameters", "_buffers", "_modules")
"""Attributes of a module whose contents are named as if they were the module's own, as in a state dict."""


def named_tensors(tree: object) -> dict[str, Tensor]:
    """The tensors and arrays in what ``read_archive`` gave, or in a part of it: dotted name → tensor, in file order.

    A container that is reachable by two names is listed under the first; an array by two names is one tensor.
    """
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    arrays: dict[int, Tensor] = {}  # a copy for every name could be a thousand times the file
    waiting: list[tuple[str, object]] = [("", tree)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Stored):
            found[name] = value.tensor
        elif isinstance(value, np.ndarray):
            if id(value) not in arrays:
                native = value.dtype.newbyteorder("=")
                arrays[id(value)] = torch.from_numpy(np.array(value, dtype=native, subok=False))
            found[name] = arrays[id(value)]
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.extend(reversed([(_joined(name, key), part) for key, part in _parts(value)]))
    return found


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Inert):
        value = value.state
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield "" if key in TRANSPARENT else str(key), part
    elif isinstance(value, list | tuple):
        yield from ((str(i), part) for i, part in enumerate(value))


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


# --- reading ----------------------------------------------------------------------------------------------------------


def read_archive(path: str | Path) -> Any:
    """What a PyTorch file or a pickle holds, in memory.

    A zip with ``constants.pkl`` (TorchScript) gives ``{"": the module, "constants": its constants}``.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no such file, is damaged, promises more than it holds, or asks for something to be run.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    with path.open("rb") as file:
        start = file.read(len(LEGACY))
        file.seek(0)
        if start.startswith(ZIP):
            return _read_zip(file, str(path))
        if start == LEGACY:
            return _read_legacy(file, str(path))
        if path.stat().st_size > LARGEST_PICKLE:
            raise UserError(f"{path}: {path.stat().st_size} bytes; at most {LARGEST_PICKLE} are read")
        return _unpickle(file.read(), str(path))


class _Names(dict[tuple[str, str], object]):
    def __missing__(self, key: tuple[str, str]) -> object:
        module, name = key
        if not module.startswith(("__torch__", "torch.nn.modules.")):
            raise KeyError(key)
        self[key] = inert(f"{module}.{name}")
        return self[key]


def _unpickle(content: bytes, where: str, *, storage: Outside | None = None) -> Any:
    """One pickle; ``storage`` makes the ``Storage``s of what it says of them."""
    return unpickle(content, allowed=_Names(NAMES), where=where, encoding="latin1", outside=storage)


def _described(pid: Any) -> tuple[torch.dtype, str, int]:
    """A storage's type, key and number of elements, from what a pickle says of it."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage" or any(pid[5:]):
        raise Refused("refers to something that is not a storage; nothing was run")
    _, dtype, key, _, count, *_ = pid
    if not isinstance(dtype, torch.dtype) or not isinstance(key, str) or not _is_size(count):
        raise Refused("describes a storage as no pickler does")
    return dtype, key, count


# --- zip: torch.save since 1.6, TorchScript ---------------------------------------------------------------------------


def _read_zip(file: io.BufferedIOBase, where: str) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive, size=file.seek(0, io.SEEK_END), where=where)
            if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
                raise UserError(f"{where}: written on a big-endian machine, which is not read")
            if "data.pkl" not in members:
                raise UserError(f"{where}: a zip file, but not PyTorch's (no data.pkl in it, or compressed)")
            tree = _read_member(archive, members, "data", where)
            if "constants.pkl" not in members:
                return tree
            return {"": tree, "constants": _read_member(archive, members, "constants", where)}
    except UserError:
        raise
    except Exception as error:  # a damaged archive raises almost anything
        raise UserError(f"{where}: a damaged zip file ({' '.join(str(error).split())})") from None


def _members(archive: zipfile.ZipFile, *, size: int, where: str) -> dict[str, zipfile.ZipInfo]:
    """Name without the archive's own folder → member, of those not compressed. Together they fit in ``size``."""
    infos = archive.infolist()
    stored = [info for info in infos if info.compress_type == zipfile.ZIP_STORED]  # TorchScript compresses its source
    if len(infos) > MOST_MEMBERS or sum(info.file_size for info in stored) > size:
        raise UserError(f"{where}: a damaged zip file: promises more than the {size} bytes it has")
    return {info.filename.partition("/")[2]: info for info in stored}


def _read_member(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], name: str, where: str) -> Any:
    """The pickle ``name``.pkl, its storages from the folder of that name."""
    storages: dict[str, Storage] = {}

    def storage(pid: object) -> Storage:
        dtype, key, count = _described(pid)
        if key not in storages:
            info = members.get(f"{name}/{key}")
            if info is None or info.file_size < count * dtype.itemsize:
                raise UserError(f"cut short, or compressed: a storage of {count} numbers is not in it")
            content = bytearray(archive.read(info))[: count * dtype.itemsize]
            storages[key] = Storage(torch.frombuffer(content, dtype=dtype) if count else torch.empty(0, dtype=dtype))
        return storages[key]

    return _unpickle(archive.read(members[f"{name}.pkl"]), where, storage=storage)


# --- legacy: torch.save before 1.6, storages inside pickles -----------------------------------------------------------


def _read_legacy(file: io.BufferedIOBase, where: str) -> Any:
    """Five pickles (a magic number, a version, the machine, the object, the keys), then each key's storage.

    Storages are made when the object asks for them, of no more bytes than the file has, and filled afterwards.
    """
    left = file.seek(0, io.SEEK_END)
    file.seek(0)
    storages: dict[str, Storage] = {}

    def storage(pid: object) -> object:
        nonlocal left
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":  # a class and its source
            return pid[1]
        dtype, key, count = _described(pid)
        if key not in storages:
            left -= count * dtype.itemsize
            if left < 0:
                raise UserError(f"cut short: a storage of {count} numbers is not in it")
            storages[key] = Storage(torch.zeros(count, dtype=dtype))
        return storages[key]

    _, _, machine = (_unpickle(_next_pickle(file, where), where) for _ in range(3))
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise UserError(f"{where}: written on a big-endian machine, which is not read")
    tree = _unpickle(_next_pickle(file, where), where, storage=storage)
    keys = _unpickle(_next_pickle(file, where), where)
    if not isinstance(keys, list) or {*map(str, keys)} != storages.keys():
        raise UserError(f"{where}: damaged: its list of storages is not that of its tensors")
    for key in keys:
        numbers = storages[str(key)].tensor
        prefix = file.read(8)
        if len(prefix) != 8 or struct.unpack("<q", prefix)[0] != len(numbers):
            raise UserError(f"{where}: damaged, or cut short: a storage is not of the size it should have")
        if len(numbers) and file.readinto(numbers.view(torch.uint8).numpy().data) != numbers.nbytes:
            raise UserError(f"{where}: cut short")
    return tree


def _next_pickle(file: io.BufferedIOBase, where: str) -> bytes:
    """The bytes of the pickle that begins here, which is not followed."""
    start = file.tell()
    try:
        for _ in pickletools.genops(cast("IO[bytes]", file)):
            pass
    except Exception as error:  # as above
        raise UserError(f"{where}: damaged, or cut short ({' '.join(str(error).split())})") from None
    end = file.tell()
    file.seek(start)
    return file.read(end - start)


def _load_from_bytes(content: object) -> Any:
    """A storage that was pickled on its own: a whole legacy file within the file."""
    if not isinstance(content, bytes) or not content.startswith(LEGACY):
        raise Refused("holds a storage as no pickler writes it")
    found = _read_legacy(io.BytesIO(content), "a storage in it")
    if not isinstance(found, Storage):
        raise Refused("holds something else where a storage should be")
    return found


# --- the names that such files use ------------------------------------------------------------------------------------


def _rebuild_tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> Stored:
    """A tensor as a view of its storage, which must hold all of it."""
    if not isinstance(storage, Storage) or not isinstance(size, tuple | list) or not isinstance(stride, tuple | list):
        raise Refused("makes a tensor as no pickler does")
    if len(size) != len(stride) or not all(map(_is_size, (offset, *size, *stride))):
        raise Refused("makes a tensor of an impossible shape")
    numbers = storage.tensor
    if 0 in size:
        return Stored(numbers.new_empty(size))
    last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    if last >= len(numbers) or math.prod(size) > len(numbers):
        raise Refused(f"makes a tensor of shape {list(size)} of {len(numbers)} numbers")
    return Stored(numbers.as_strided(size, stride, offset))  # type: ignore[arg-type]


def _rebuild_parameter(data: object, *_: object) -> Stored:
    """A parameter is the tensor it holds."""
    if not isinstance(data, Stored):
        raise Refused("makes a parameter as no pickler does")
    return data


def _persistent(meta: object) -> Inert:
    """An object of NVIDIA's persistent classes: its state without the source code that came with it."""
    if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
        raise Refused("holds a persistent object without a state")
    found = inert(str(meta.get("class_name", "")))()
    found.state = meta["state"]
    return found


def _scalar(kind: object, content: object) -> object:
    """One of NumPy's numbers, as Python's."""
    dtype = getattr(kind, "value", None)
    if not isinstance(dtype, np.dtype) or not isinstance(content, bytes) or len(content) != dtype.itemsize:
        raise Refused("makes a number as no pickler does")
    return np.frombuffer(content, dtype)[0].item()


def _first(value: object, *_: object) -> object:
    return value


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48


DTYPES = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool, "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128,
}  # fmt: skip

NAMES: dict[tuple[str, str], object] = {
    **ARRAYS,
    ("numpy.core.multiarray", "scalar"): Call(_scalar),
    ("numpy._core.multiarray", "scalar"): Call(_scalar),
    **{("torch", f"{name}Storage"): dtype for name, dtype in DTYPES.items()},
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in DTYPES.values()},
    ("torch.storage", "UntypedStorage"): torch.uint8,
    ("torch.storage", "_load_from_bytes"): Call(_load_from_bytes),
    ("torch._utils", "_rebuild_tensor"): Call(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Call(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Call(_rebuild_parameter),
    ("torch", "Size"): Call(tuple),
    ("torch", "device"): Call(_first),
    **{("torch.jit._pickle", f"build_{kind}list"): Call(list) for kind in ("int", "double", "bool", "tensor")},
    ("torch.jit._pickle", "restore_type_tag"): Call(_first),
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Call(_persistent),
    ("dnnlib.util", "EasyDict"): dict,
    ("collections", "OrderedDict"): OrderedDict,
    **{(builtins, "set"): set for builtins in ("builtins", "__builtin__")},
    ("argparse", "Namespace"): inert("argparse.Namespace"),
}
"""Beside these, classes of TorchScript (``__torch__``) and of PyTorch's own modules become ``Inert``."""
