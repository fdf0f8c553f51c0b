"""Where picture files lie: a folder, or a zip, read in place and never unpacked.

Hidden files, what macOS adds to its zips, and files whose ending no picture has are not seen. Both kinds of store can
be pickled, and a zip is opened anew in each process that reads it.
"""

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from stylegans.data import builtin, decode
from stylegans.errors import MissingFile, UserError

LARGEST_FILE = 1 << 30
"""A compressed zip member that says it unpacks to more bytes than this is refused."""

CATALOGUE = "dataset.json"
"""The file beside the pictures that holds their labels."""


@dataclass(frozen=True)
class Member:
    """One picture file."""

    name: str
    """Its path inside the store, with forward slashes."""
    position: int
    """Among all files of the store: two zip members may bear one name."""


class Store(Protocol):
    """A folder or zip of picture files."""

    path: Path

    def members(self) -> list[Member]:
        """The picture files, sorted by name."""

    def open(self, member: Member) -> IO[bytes]:
        """The file's bytes, as a stream that can seek."""

    def catalogue(self) -> bytes | None:
        """The content of ``dataset.json``, None where there is none."""

    def fingerprint(self, members: Iterable[Member]) -> str:
        """SHA-256 (hexadecimal) over the names and contents of ``members``."""


class Folder:
    """Every picture file under a folder, at any depth."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = sorted(_walk(path))

    def members(self) -> list[Member]:
        return _pictures(self._files)

    def open(self, member: Member) -> io.BufferedReader:
        path = self.path / self._files[member.position]
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever, a device never end
            raise ValueError("is no regular file")
        return path.open("rb")

    def catalogue(self) -> bytes | None:
        path = self.path / CATALOGUE
        return path.read_bytes() if path.is_file() else None

    def fingerprint(self, members: Iterable[Member]) -> str:
        """Reads every file once."""
        total = hashlib.sha256()
        for member in members:
            with self.open(member) as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(f"{member.name}\0{content}\n".encode(errors="surrogateescape"))
        return total.hexdigest()


class Zip:
    """Every picture file in a zip."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        self._process = 0
        self._infos = self._opened().infolist()

    def members(self) -> list[Member]:
        return _pictures([info.filename.replace("\\", "/") for info in self._infos])

    def open(self, member: Member) -> IO[bytes]:
        info = self._infos[member.position]
        if info.compress_type == zipfile.ZIP_STORED:
            return self._opened().open(info)
        if info.file_size > LARGEST_FILE:
            raise ValueError(f"unpacks to {info.file_size} bytes: too large")
        return io.BytesIO(self._opened().read(info))  # seeking back in a compressed member would unpack it again

    def catalogue(self) -> bytes | None:
        return self._opened().read(CATALOGUE) if CATALOGUE in self._opened().namelist() else None

    def fingerprint(self, members: Iterable[Member]) -> str:
        """Contents enter by the CRC-32 and length that the zip keeps of them, so that no file is read."""
        total = hashlib.sha256()
        for member in members:
            info = self._infos[member.position]
            total.update(f"{member.name}\0{info.CRC:08x} {info.file_size}\n".encode(errors="surrogateescape"))
        return total.hexdigest()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_archive": None}

    def _opened(self) -> zipfile.ZipFile:
        if self._archive is None or self._process != os.getpid():  # a forked process would share the file's position
            try:
                self._archive = zipfile.ZipFile(self.path)
            except (zipfile.BadZipFile, OSError) as error:
                raise UserError(f"{self.path}: cannot be read as a zip ({error})") from error
            self._process = os.getpid()
        return self._archive


@dataclass(frozen=True)
class Opened:
    """A store by the name its user gave it."""

    store: Store
    name: str
    """The file name without its ending, or the embedded set's name."""
    subset: str | None
    """The part of the catalogue that counts; None: all of it."""


def open_store(path: str | Path, *, option: str) -> Opened:
    """The folder or zip at ``path``; an embedded set's name stands for its zip (``./emoji`` is a folder of that name).

    Raises:
        MissingFile: nothing is there; names ``option`` and the embedded sets.
        UserError: it is a file but no zip.
    """
    embedded = builtin.EMBEDDED.get(str(path))
    if embedded is not None:
        return Opened(Zip(embedded.archive), embedded.name, embedded.subset)
    path = Path(path).expanduser()
    if path.is_dir():
        return Opened(Folder(path), path.resolve().name, None)
    if not path.exists():
        raise MissingFile(
            f"{option}: nothing at '{path}'; give a folder or zip of pictures, or an embedded set ({builtin.names()})"
        )
    if not zipfile.is_zipfile(path):
        raise UserError(f"{option}: '{path}' is neither a folder nor a whole zip of pictures")
    return Opened(Zip(path), path.stem, None)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if _is_visible(name)]  # not descended into
        for name in files:
            yield Path(folder, name).relative_to(root).as_posix()


def _pictures(names: list[str]) -> list[Member]:
    found = [
        Member(name, position)
        for position, name in enumerate(names)
        if PurePosixPath(name).suffix.lower() in decode.suffixes()
        and all(map(_is_visible, PurePosixPath(name).parts))
        and not name.endswith("/")  # a zip lists its folders too
    ]
    return sorted(found, key=lambda member: (member.name, member.position))


def _is_visible(part: str) -> bool:
    return not part.startswith(".") and part != "__MACOSX"
