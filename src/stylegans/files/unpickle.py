"""Pickles of plain data, read without running anything in them.

A pickle is a program: it may name any function and have it called. Here a name is looked up in a table that the caller
gives, and nowhere else; whatever is not in the table is refused before it is imported. ``ARRAYS`` is the table for
NumPy's arrays of numbers.
"""

import io
import math
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

import numpy as np

from stylegans.errors import UserError
from stylegans.files.pickle_cost import TooMuch, steps

LARGEST_PICKLE = 1 << 31

Allowed = Mapping[tuple[str, str], object]
"""(module, name) as the pickle writes it → what it gets. Classes and built-in functions, or a ``Call``: a pickle can
set attributes of what it is given, so that a plain Python function would let it change the program."""

Outside = Callable[[object], object]
"""What a pickle says of something outside it → that thing."""

_EXTENSIONS = ("EXT1", "EXT2", "EXT4")  # names by number, which may be looked up without asking ``find_class``
_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")


class Call:
    """A function that a pickle may call and not change."""

    __slots__ = ("_function",)
    _function: Any

    def __init__(self, function: Any) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("cannot be changed")


def unpickle(
    content: bytes,
    *,
    allowed: Allowed,
    where: str,
    encoding: Literal["ASCII", "latin1", "bytes"] = "ASCII",
    largest: int = LARGEST_PICKLE,
    outside: Outside | None = None,
) -> Any:
    """What a pickle holds, made of Python's own containers, texts and numbers and of what ``allowed`` gives.

    Args:
        where: the file, for messages.
        encoding: of texts that Python 2 wrote; 'bytes' leaves them as bytes.
        largest: a longer pickle is refused.
        outside: what its references to something outside it get; None: they are refused.

    Raises:
        UserError: it asks for something that is not allowed, is damaged, or is too large; names ``where``.
    """
    if len(content) > largest:
        raise UserError(f"{where}: a pickle of {len(content)} bytes; at most {largest} are read")
    try:
        _check_steps(content)
        return _Restricted(io.BytesIO(content), allowed, encoding, outside or _nothing).load()
    except (Refused, TooMuch, UserError) as error:
        raise UserError(f"{where}: {error}") from None
    except Exception as error:  # a damaged pickle raises almost anything
        raise UserError(
            f"{where}: is no pickle, or a damaged one ({' '.join(str(error).split()) or type(error).__name__})"
        ) from None


class Refused(Exception):
    """What the pickle asks for is not allowed. Also for ``Call``s to raise, of arguments that no pickler writes."""


class _Restricted(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, allowed: Allowed, encoding: str, outside: Outside) -> None:
        super().__init__(stream, encoding=encoding)
        self._allowed, self._outside = allowed, outside

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise Refused(
                f"asks for {_printable(f'{module}.{name}')}, which no such file needs; nothing was run"
            ) from None

    def persistent_load(self, pid: object) -> object:
        return self._outside(pid)


def _nothing(pid: object) -> object:
    raise Refused("refers to something outside it; nothing was run")


def _check_steps(content: bytes) -> None:
    """Read the instructions without following them: false lengths and numbers are found before memory is taken."""
    for step, (operation, argument) in enumerate(steps(content)):
        if operation.name in _EXTENSIONS:
            raise Refused("asks for a registered extension, which no such file needs; nothing was run")
        if operation.name in _MEMO and int(argument or 0) > step:  # picklers number what they keep: 0, 1, 2, …
            raise Refused("numbers its parts in a way that no pickler does; nothing was run")


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) <= 100 else ascii(name)[:100]


# --- NumPy ------------------------------------------------------------------------------------------------------------
#
# NumPy's own reconstruction takes shapes, types and memory as the pickle states them. Here each is checked first.


class _Type:
    """Stands for ``numpy.dtype`` while an array is read."""

    __slots__ = ("value",)
    value: np.dtype

    def __init__(self, name: str | bytes, align: object = False, copy: object = True) -> None:
        text = name.decode("ascii") if isinstance(name, bytes) else name
        if re.fullmatch(r"b1|[iu][1248]|f[248]|c(8|16)", text) is None:
            raise Refused(f"holds an array of {_printable(str(text))}, not of numbers")
        object.__setattr__(self, "value", np.dtype(text))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("cannot be changed")

    def __setstate__(self, state: Any) -> None:
        """(version, byte order, sub-array, names, fields, size, alignment, flags): of numbers only the order counts."""
        _, order, *structure = state
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "=") or any(part is not None for part in structure[:3]):
            raise Refused("holds an array of records, not of numbers")
        object.__setattr__(self, "value", self.value.newbyteorder(cast("Any", order)))


class _Array(np.ndarray):
    """An array that takes its contents from a pickle, checked."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran_order, content = state
        if not isinstance(kind, _Type) or not isinstance(content, bytes):
            raise Refused("holds an array of objects, not of numbers")
        if not all(isinstance(side, int) and side >= 0 for side in shape):
            raise Refused("holds an array of an impossible shape")
        if math.prod(shape) * kind.value.itemsize != len(content):
            raise ValueError(f"an array of shape {list(shape)} with {len(content)} bytes of numbers")
        state = (1, tuple(shape), kind.value, bool(fortran_order), content)
        super().__setstate__(state)


def _reconstruct(kind: object, shape: object, typecode: object) -> _Array:
    """An empty array, which ``_Array.__setstate__`` fills."""
    if kind is not _Array or shape != (0,):
        raise Refused("makes an array as no pickler does")
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _from_buffer(content: object, kind: object, shape: object, order: object) -> _Array:
    """A whole array, as protocol 5 writes it."""
    if not isinstance(kind, _Type) or not isinstance(content, bytes | bytearray) or order not in ("C", "F"):
        raise Refused("makes an array as no pickler does")
    if not isinstance(shape, tuple) or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise Refused("holds an array of an impossible shape")
    if math.prod(shape) * kind.value.itemsize != len(content):
        raise ValueError(f"an array of shape {list(shape)} with {len(content)} bytes of numbers")
    numbers: np.ndarray = np.ndarray(shape, kind.value, buffer=content, order=cast("Any", order))
    found = np.ndarray.__new__(_Array, shape, kind.value.newbyteorder("="), order=cast("Any", order))
    found[...] = numbers  # memory of its own: that of ``bytes`` cannot be written to
    return found


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in Python 2's pickles."""
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"encodes text as {_printable(str(encoding))}, as no pickler does")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How Python 3 writes b'' in Python 2's pickles."""
    return b""


ARRAYS: Allowed = {
    ("numpy.core.multiarray", "_reconstruct"): Call(_reconstruct),
    ("numpy._core.multiarray", "_reconstruct"): Call(_reconstruct),
    ("numpy.core.numeric", "_frombuffer"): Call(_from_buffer),
    ("numpy._core.numeric", "_frombuffer"): Call(_from_buffer),
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): Call(_Type),
    ("_codecs", "encode"): Call(_encode),
    ("__builtin__", "bytes"): Call(_no_bytes),
}
"""Arrays of numbers. They arrive as a subclass of ``numpy.ndarray``; ``numpy.asarray`` makes plain ones of them."""
