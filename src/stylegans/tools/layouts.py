"""How many pictures lie on the disk: loose files, a data set's folder or zip, or WebDataset shards.

A layout is written in pieces, in any order and by several processes, and is the same bytes whoever wrote what when. The
data set's layout is the field's: ``00000/…`` folders of a thousand, and ``dataset.json`` with the labels of a model
that takes any. A shard is a tar of consecutive samples, ``seed00000007.png`` with ``.json`` (its seed and label) and,
for classes, ``.cls``.
"""

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

import numpy as np

from stylegans.data import arrays
from stylegans.data.prepare import PNG_LEVEL, write_stored
from stylegans.data.store import CATALOGUE
from stylegans.files.atomic import sync, write_text
from stylegans.files.pictures import PNG_CHANNELS, as_image
from stylegans.tools.generate import Label
from stylegans.tools.unfinished import Unfinished

RECORD = "generated.json"
"""The file in a finished data set or among finished shards that says of what model and options they are."""

BLOCK, TAR_RECORD = tarfile.BLOCKSIZE, tarfile.RECORDSIZE


@dataclass(frozen=True)
class Piece:
    """Consecutive pictures that are written together."""

    number: int
    start: int
    """Its first picture's position among all."""
    stop: int
    """The position after its last."""

    @property
    def count(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        return f"piece-{self.number:07d}"


@dataclass(frozen=True)
class Catalogue:
    """All pictures, in order."""

    seeds: Sequence[int]
    labels: Sequence[Label] | None
    """Of each; None: of a model without."""
    suffix: str
    """``.png``, or ``.npy`` for what a PNG cannot hold."""

    def label(self, position: int) -> Label | None:
        return None if self.labels is None else self.labels[position]

    def json(self) -> str:
        """``dataset.json``: name and label of every picture, no labels where the model takes none."""
        rows = None if self.labels is None else list(zip(self.names(), self.labels, strict=True))
        return json.dumps({"labels": rows})

    def names(self) -> list[str]:
        return [self.name(position) for position in range(len(self.seeds))]

    def name(self, position: int) -> str:
        """A picture's file in a data set."""
        return f"{position // 1000:05d}/{key(self.seeds[position])}{self.suffix}"


@dataclass(frozen=True)
class Job:
    """What one process does alone: a shard, elsewhere a piece."""

    number: int
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        return f"job-{self.number:07d}"


@dataclass(frozen=True)
class Layout:
    """Where pictures go. Methods are called in the order in which they stand here, ``write`` for each piece, ``seal``
    and ``discard`` for each job."""

    target: Path
    catalogue: Catalogue
    kind: ClassVar[str]
    keeps_record: ClassVar[bool] = True
    """Whether a finished one says what it is, so that it need not be made again and joins no other."""

    @property
    def job_size(self) -> int | None:
        """Pictures that one process must draw; None: as it suits."""
        return None

    def write(self, work: Unfinished, piece: Piece, contents: Sequence[bytes]) -> None:
        """Put a piece on the disk."""
        raise NotImplementedError

    def seal(self, work: Unfinished, job: Job) -> None:
        """All pieces of a job are written: put them together."""

    def discard(self, work: Unfinished, job: Job) -> None:
        """A job is sealed, and marked so: remove what it was made of."""

    def finish(self, work: Unfinished, jobs: Sequence[Job], record: str) -> None:
        """All jobs are done: put all together."""

    def files(self, jobs: Sequence[Job]) -> list[Path]:
        """What a finished one has, beside its record."""
        raise NotImplementedError

    def outline(self) -> str:
        """Its files, in words."""
        raise NotImplementedError

    def record(self) -> str | None:
        """What a finished one says of itself; None: there is none."""
        path = self.target / RECORD
        return path.read_text(encoding="utf-8") if self.keeps_record and path.is_file() else None


def suffix_of(channels: int) -> str:
    """``.png``, or ``.npy`` for what a PNG cannot hold."""
    return ".png" if channels in PNG_CHANNELS else arrays.SUFFIX


def encode(picture: np.ndarray) -> bytes:
    """A picture uint8 [H, W, C] as a file's content, the same every time."""
    if picture.shape[2] not in PNG_CHANNELS:
        return arrays.to_npy(picture.transpose(2, 0, 1))
    png = io.BytesIO()
    as_image(picture).save(png, "PNG", compress_level=PNG_LEVEL)
    return png.getvalue()


def loose_name(seed: int) -> str:
    return f"seed{seed:04d}"


def key(seed: int) -> str:
    """A sample's name in a shard."""
    return f"seed{seed:08d}"


@dataclass(frozen=True)
class Loose(Layout):
    """``seed0000.png``, … in one folder."""

    kind = "png"
    keeps_record = False

    def write(self, work: Unfinished, piece: Piece, contents: Sequence[bytes]) -> None:
        for seed, content in zip(self.catalogue.seeds[piece.start : piece.stop], contents, strict=True):
            work.place(self.target / f"{loose_name(seed)}{self.catalogue.suffix}", content)

    def files(self, jobs: Sequence[Job]) -> list[Path]:
        return [self.target / f"{loose_name(seed)}{self.catalogue.suffix}" for seed in self.catalogue.seeds]

    def outline(self) -> str:
        first, last = (f"{loose_name(self.catalogue.seeds[i])}{self.catalogue.suffix}" for i in (0, -1))
        return first if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class DatasetFolder(Layout):
    """The data set's layout in a folder."""

    kind = "dataset"

    def write(self, work: Unfinished, piece: Piece, contents: Sequence[bytes]) -> None:
        for position, content in enumerate(contents, start=piece.start):
            path = self.target / self.catalogue.name(position)
            path.parent.mkdir(exist_ok=True)
            work.place(path, content)

    def finish(self, work: Unfinished, jobs: Sequence[Job], record: str) -> None:
        write_text(self.target / CATALOGUE, self.catalogue.json())
        write_text(self.target / RECORD, record)

    def files(self, jobs: Sequence[Job]) -> list[Path]:
        return [self.target / name for name in (CATALOGUE, *self.catalogue.names())]

    def outline(self) -> str:
        return "a data set"


@dataclass(frozen=True)
class DatasetZip(Layout):
    """The data set's layout in an uncompressed zip. Pieces are zips of their own until the end."""

    kind = "zip"

    def write(self, work: Unfinished, piece: Piece, contents: Sequence[bytes]) -> None:
        part = io.BytesIO()
        with zipfile.ZipFile(part, "w") as archive:
            for position, content in enumerate(contents, start=piece.start):
                write_stored(archive, self.catalogue.name(position), content)
        work.place(self._part(work, piece), part.getvalue())

    def finish(self, work: Unfinished, jobs: Sequence[Job], record: str) -> None:
        whole = work.folder / "whole"
        with zipfile.ZipFile(whole, "w") as archive:
            for piece in (piece for job in jobs for piece in job.pieces):
                with zipfile.ZipFile(self._part(work, piece)) as part:
                    for info in part.infolist():
                        write_stored(archive, info.filename, part.read(info))
            write_stored(archive, CATALOGUE, self.catalogue.json().encode())
            write_stored(archive, RECORD, record.encode())
        sync(whole)
        whole.replace(self.target)

    def files(self, jobs: Sequence[Job]) -> list[Path]:
        return [self.target]

    def outline(self) -> str:
        return "a data set"

    def record(self) -> str | None:
        if not zipfile.is_zipfile(self.target):
            return None
        with zipfile.ZipFile(self.target) as archive:
            return archive.read(RECORD).decode() if RECORD in archive.namelist() else None

    def _part(self, work: Unfinished, piece: Piece) -> Path:
        return work.folder / f"{piece.name}.zip"


@dataclass(frozen=True)
class Shards(Layout):
    """``shard-000000.tar``, … in one folder. A shard's pieces are tars without an end until it is sealed."""

    kind = "shards"
    size: int = 1000

    @property
    def job_size(self) -> int:
        return self.size

    def write(self, work: Unfinished, piece: Piece, contents: Sequence[bytes]) -> None:
        part = io.BytesIO()
        for position, content in enumerate(contents, start=piece.start):
            self._write_sample(part, position, content)
        work.place(self._part(work, piece), part.getvalue())

    def seal(self, work: Unfinished, job: Job) -> None:
        whole = work.folder / job.name
        with whole.open("wb") as file:
            for piece in job.pieces:
                with self._part(work, piece).open("rb") as part:
                    shutil.copyfileobj(part, file, 1 << 20)
            file.write(bytes(2 * BLOCK))  # the end of a tar, and what fills its last record
            file.write(bytes(-file.tell() % TAR_RECORD))
        sync(whole)
        whole.replace(self.target / shard_name(job.number))

    def discard(self, work: Unfinished, job: Job) -> None:
        for piece in job.pieces:
            self._part(work, piece).unlink(missing_ok=True)

    def finish(self, work: Unfinished, jobs: Sequence[Job], record: str) -> None:
        write_text(self.target / RECORD, record)

    def files(self, jobs: Sequence[Job]) -> list[Path]:
        return [self.target / shard_name(job.number) for job in jobs]

    def outline(self) -> str:
        count = -(-len(self.catalogue.seeds) // self.size)
        return shard_name(0) if count == 1 else f"{shard_name(0)} to {shard_name(count - 1)}"

    def _part(self, work: Unfinished, piece: Piece) -> Path:
        return work.folder / f"{piece.name}.tar"

    def _write_sample(self, file: IO[bytes], position: int, content: bytes) -> None:
        seed, label = self.catalogue.seeds[position], self.catalogue.label(position)
        note = {"seed": seed} if label is None else {"seed": seed, "label": label}
        _write_tar_member(file, f"{key(seed)}{self.catalogue.suffix}", content)
        if isinstance(label, int):
            _write_tar_member(file, f"{key(seed)}.cls", str(label).encode())
        _write_tar_member(file, f"{key(seed)}.json", json.dumps(note).encode())


def shard_name(number: int) -> str:
    return f"shard-{number:06d}.tar"


def _write_tar_member(file: IO[bytes], name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)  # dated 1970, of no owner: the same bytes every time
    info.size = len(content)
    file.write(info.tobuf(tarfile.USTAR_FORMAT))
    file.write(content)
    file.write(bytes(-len(content) % BLOCK))
