"""Long work that is continued where it was stopped: beside its result lies what was asked for and what is done.

A hidden folder holds the options, an empty file for each piece that is done, and what the work puts there for later. A
process killed at any moment leaves it; the same command finds it and does the rest; at the end it is removed. Pieces
are marked after they are written, so that one which was cut short is done again.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from stylegans.errors import UserError
from stylegans.files.atomic import write_text

OPTIONS, DONE, LOCK = "options.json", "done", "lock"

LONGEST_VALUE = 40
"""Characters of an option's value in a message."""


@dataclass(frozen=True)
class Unfinished:
    """Work under way. Several processes may share it."""

    folder: Path

    def done(self) -> set[str]:
        """The pieces that were marked."""
        return {path.name for path in (self.folder / DONE).iterdir()}

    def mark(self, piece: str) -> None:
        """Say that ``piece`` is done, to whoever continues."""
        (self.folder / DONE / piece).touch()

    def place(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all, whenever the process is killed. It is not synced to the disk, which would
        take longer than to draw a picture."""
        temporary = self.folder / f"{path.name}-{os.getpid()}"  # of two processes one may be about to end
        temporary.write_bytes(content)
        temporary.replace(path)

    def finish(self) -> None:
        """Forget it all: the result is whole. From here on the options bind no one."""
        (self.folder / OPTIONS).unlink()  # first: without it the rest is rubbish


def folder_beside(target: Path) -> Path:
    """Where the work on the file ``target`` is kept."""
    return target.with_name(f".{target.name}.unfinished")


def folder_inside(target: Path) -> Path:
    """Where the work on the folder ``target`` is kept."""
    return target / ".unfinished"


@contextmanager
def unfinished(folder: Path, options: Mapping[str, object]) -> Iterator[Unfinished]:
    """Begin or continue work in ``folder``; after ``finish`` the folder is gone, else it stays.

    Args:
        options: option → value as JSON knows it; everything that the result depends on.

    Raises:
        UserError: work with other options was left there, or another process is at it.
    """
    refuse_others(folder, options)
    (folder / DONE).mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"--out: another process is writing it (it holds {folder / LOCK}); wait for it") from None
    try:
        refuse_others(folder, options)
        if not (folder / OPTIONS).exists():
            _empty(folder)
            write_text(folder / OPTIONS, json.dumps(options, indent=1))
        yield Unfinished(folder)
    finally:
        lock.release()
        if not (folder / OPTIONS).exists():
            shutil.rmtree(folder, ignore_errors=True)


def refuse_others(folder: Path, options: Mapping[str, object]) -> None:
    """
    Raises:
        UserError: ``folder`` holds work with other options; names the first that differs.
    """
    found = left(folder)
    if found is not None and (difference := differing(found, options)):
        raise UserError(
            f"--out: unfinished work lies there, with {difference}; finish it by the command that began it, "
            f"or remove {folder}"
        )


def left(folder: Path) -> dict[str, object] | None:
    """The options of the work that was left in ``folder``; None: there is none."""
    try:
        found = json.loads((folder / OPTIONS).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise UserError(f"--out: {folder / OPTIONS} cannot be read ({error}); remove {folder} to start anew") from error
    return dict(found)


def differing(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """'--truncation 1.0, now 0.7', of the first option that differs; empty where none does."""
    current = json.loads(json.dumps(now))  # a tuple that went through a file is a list
    for name in dict.fromkeys((*current, *before)):
        was, is_now = before.get(name), current.get(name)
        if was != is_now:
            return f"{name} {_short(was)}, now {_short(is_now)}"
    return ""


def _short(value: object) -> str:
    text = "not given" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _empty(folder: Path) -> None:
    """Remove what a finished work's removal left behind when it was interrupted."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()
    (folder / DONE).mkdir()
