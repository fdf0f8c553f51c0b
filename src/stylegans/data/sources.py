"""What ``data build`` reads: any source is a number of ``SourceImage``, in a fixed order, opened one at a time.

A further kind of source is one more function that returns a ``Source`` and a line in ``open_source``.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from stylegans.data.labels import Label, Labels, parse_catalogue, parse_csv
from stylegans.data.store import CATALOGUE, Member, Opened, open_store
from stylegans.errors import MissingFile, UserError


@dataclass(frozen=True)
class SourceImage:
    """One picture that may become part of a data set."""

    name: str
    """How messages call it."""
    open: Callable[[], IO[bytes]]
    """Its file, as a stream that can seek. May be called from any thread, more than once."""
    label: Label | None


@dataclass(frozen=True)
class Source:
    """Pictures, and what is known of their labels."""

    images: tuple[SourceImage, ...]
    labels_from: str | None
    """Where the labels come from, for messages; None: the pictures have none."""
    class_names: tuple[str, ...] | None
    """Names of classes that are numbers."""


def open_source(path: str | Path, *, labels: str | None = None) -> Source:
    """The pictures in a folder, at any depth, in a zip, or in an embedded set.

    Args:
        labels: 'folders': each first-level sub-folder is a class; or a ``dataset.json`` or CSV (name,label) whose names
            are paths inside the source. None: the source's own ``dataset.json`` if it has one, else no labels.

    Raises:
        MissingFile: the source, or the file of labels, is not there.
        UserError: it is no folder or zip, or its labels are in no known layout.
    """
    opened = open_store(path, option="SRC")
    members = opened.store.members()
    known = _labels_of(opened, labels, members)
    if opened.subset is not None and known is not None:
        members = [member for member in members if member.name in known.by_name]
    images = tuple(
        SourceImage(
            member.name,
            functools.partial(opened.store.open, member),
            None if known is None else known.by_name.get(member.name),
        )
        for member in members
    )
    return Source(
        images,
        labels_from=None if known is None else known.where,
        class_names=None if known is None else known.class_names,
    )


def _labels_of(opened: Opened, labels: str | None, members: list[Member]) -> Labels | None:
    if labels == "folders":
        return _first_folders([member.name for member in members])
    if labels is not None:
        return _labels_in_file(Path(labels).expanduser())
    content = opened.store.catalogue()
    return None if content is None else parse_catalogue(content, where=CATALOGUE, subset=opened.subset)


def _first_folders(names: list[str]) -> Labels:
    parts = {name: PurePosixPath(name).parts for name in names}
    by_name: dict[str, Label] = {name: parts[name][0] for name in names if len(parts[name]) > 1}
    classes = sorted(set(map(str, by_name.values())))
    if len(classes) < 2:
        found = f"all lie in '{classes[0]}'" if classes else "there are none"
        raise UserError(f"--labels folders: needs a sub-folder for each class in SRC; {found}")
    return Labels(by_name, None, "--labels folders")


def _labels_in_file(path: Path) -> Labels:
    if not path.is_file():
        raise MissingFile(f"--labels: '{path}' is not a file; give folders, a dataset.json or a CSV of name,label")
    content, where = path.read_bytes(), f"--labels {path}"
    if path.suffix.lower() == ".csv":
        return parse_csv(content, where=where)
    known = parse_catalogue(content, where=where)
    if known is None:
        raise UserError(f'{where}: says "labels": null')
    return known
