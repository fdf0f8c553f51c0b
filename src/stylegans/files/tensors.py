"""Safetensors files: a JSON header and raw numbers. Nothing in one can run."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegans.errors import MissingFile, UserError
from stylegans.files.atomic import atomic_file

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Header:
    """What a file says about itself."""

    metadata: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    """Tensor name → shape."""


def read_header(path: str | Path) -> Header:
    """Read the header alone, with nothing but the standard library.

    Raises:
        MissingFile: there is no such file.
        UserError: it is cut short or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
        if not 2 <= length <= min(LONGEST_HEADER, size - 8):
            raise UserError(f"{path}: not a safetensors file, or cut short")
        text = file.read(length)
    try:
        header: dict[str, Any] = json.loads(text)
        metadata = header.pop("__metadata__", {})
        shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not a safetensors file (its header cannot be read)") from error
    if 8 + length + end != size:
        raise UserError(f"{path}: cut short: {size} bytes where its header promises {8 + length + end}")
    return Header(metadata=metadata, shapes=shapes)


def read_tensors(path: str | Path, *, prefix: str = "") -> dict[str, "Tensor"]:
    """The tensors whose names begin with ``prefix``, without it, in main memory.

    Raises:
        MissingFile, UserError: see ``read_header``.
    """
    from safetensors import safe_open

    names = [name for name in read_header(path).shapes if name.startswith(prefix)]
    with safe_open(str(path), framework="pt") as file:
        return {name.removeprefix(prefix): file.get_tensor(name) for name in names}


def write_tensors(path: str | Path, tensors: Mapping[str, "Tensor"], *, metadata: Mapping[str, str]) -> None:
    """Write a file, whole or not at all. Equal contents give equal bytes.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        try:
            save_file(plain, temporary, metadata=dict(metadata))
        except SafetensorError as error:  # the library's word for a disk that is full
            raise OSError(str(error)) from error
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """Put the metadata's keys in order: the library writes them in that of a hash map, different in every process."""
    with path.open("r+b") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise UserError(f"{path}: metadata with characters that cannot be stored")
        file.seek(8)
        file.write(text.ljust(length))
