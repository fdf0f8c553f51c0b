"""What every reader of a source returns: pictures that are made when they are asked for, and what their labels are."""

import importlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, overload

from stylegans.data.labels import Label
from stylegans.errors import UserError


@dataclass(frozen=True)
class SourceImage:
    """One picture that may become part of a data set."""

    name: str
    """How messages call it."""
    open: Callable[[], IO[bytes]]
    """Its file, as a stream that can seek. May be called from any thread, more than once.

    Raises:
        ValueError: it is damaged; says why.
    """
    label: Label | None


@dataclass(frozen=True)
class Source:
    """Pictures, and what is known of their labels."""

    images: Sequence[SourceImage]
    labels_from: str | None
    """Where the labels come from, for messages; None: the pictures have none."""
    class_names: tuple[str, ...] | None
    """Names of classes that are numbers."""


@dataclass(frozen=True)
class LazyImages(Sequence[SourceImage]):
    """Pictures made when they are asked for, so that a set of millions takes no memory."""

    length: int
    make: Callable[[int], SourceImage]
    """Position, from 0 → the picture."""

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> SourceImage: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SourceImage, ...]: ...
    def __getitem__(self, index: int | slice) -> SourceImage | tuple[SourceImage, ...]:
        if isinstance(index, slice):
            return tuple(self.make(position) for position in range(*index.indices(self.length)))
        if not -self.length <= index < self.length:
            raise IndexError(index)
        return self.make(index % self.length)


def broken(reason: str) -> Callable[[], IO[bytes]]:
    """The ``open`` of a picture that is known to be damaged."""

    def refuse() -> IO[bytes]:
        raise ValueError(reason)

    return refuse


def stream_of(content: bytes | None, *, largest: int = 1 << 30) -> IO[bytes]:
    """A picture's bytes as a stream.

    Raises:
        ValueError: there are none, or more than ``largest``.
    """
    if not content:
        raise ValueError("is empty")
    if len(content) > largest:
        raise ValueError(f"has {len(content)} bytes: too large")
    return io.BytesIO(content)


def extra(module: str, *, what: str) -> Any:
    """A module of the [data] extra.

    Raises:
        UserError: it is not installed; names ``what`` needs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"SRC: {what} needs a library that is missing: pip install 'stylegans[data]'") from error
