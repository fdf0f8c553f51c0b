"""What ``data build`` reads: any source is a number of ``SourceImage``, in a fixed order, opened one at a time.

What a file or folder is, its content says. A further kind of source is one more module with ``in_file`` and
``in_folder``, which return a ``Source``, or None where the file or folder is not of their kind.
"""

import functools
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from stylegans.data import builtin, cifar, hub, huggingface, idx, lmdb_source, tfrecord
from stylegans.data.labels import Label, Labels, parse_catalogue, parse_csv
from stylegans.data.source_image import LazyImages, Source, SourceImage
from stylegans.data.store import CATALOGUE, Member, Opened, open_store
from stylegans.errors import MissingFile, UserError

__all__ = ["Source", "SourceImage", "open_source"]

KINDS = "a folder or zip of pictures; an LMDB; TFRecords; CIFAR or IDX (MNIST) files; parquet, arrow or hf://USER/NAME"

FILES = (tfrecord.in_file, idx.in_file, lmdb_source.in_file, huggingface.in_file, cifar.in_file)
"""By how surely a file's first bytes tell what it is."""

FOLDERS = (lmdb_source.in_folder, tfrecord.in_folder, cifar.in_folder, idx.in_folder, huggingface.in_folder)


def open_source(path: str | Path, *, labels: str | None = None) -> Source:
    """The pictures in a folder, at any depth, in a zip, in an embedded set, or in a file or folder of another kind.

    Other kinds: LMDB; TFRecords, at their largest size; CIFAR-10 and CIFAR-100 archives and IDX files, of which a
    folder or archive gives the training part (name the file of another: ``t10k-images-idx3-ubyte.gz``, an unpacked
    ``test_batch``); parquet and arrow files, folders written by ``save_to_disk``, and ``hf://USER/NAME``.

    Args:
        labels: 'folders': each first-level sub-folder is a class; or a ``dataset.json`` or CSV (name,label) whose names
            are paths inside the source, or the names that messages give its pictures. None: the source's own labels
            if it has any.

    Raises:
        MissingFile: the source, or the file of labels, is not there.
        UserError: it is nothing that is read here, it is damaged, or its labels are in no known layout.
    """
    source = _of_another_kind(path)
    if source is not None:
        return source if labels is None else _labelled(source, labels)
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


def _of_another_kind(path: str | Path) -> Source | None:
    """The source, unless it is for ``open_store``: a folder or zip of pictures, an embedded set, or nothing."""
    if str(path) in builtin.EMBEDDED:
        return None
    if hub.is_address(path):
        return hub.stream_set(path)
    path = Path(path).expanduser()
    if path.is_dir():
        return next((source for read in FOLDERS if (source := read(path)) is not None), None)
    if not path.is_file() or _is_zip(path):
        return None
    source = next((source for read in FILES if (source := read(path)) is not None), None)
    if source is None and not zipfile.is_zipfile(path):  # a zip may begin with something else
        raise UserError(f"SRC: '{path}' is neither a folder nor a file of a kind that is read: {KINDS}")
    return source


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"PK"


def _labelled(source: Source, labels: str) -> Source:
    """The same pictures with labels from elsewhere."""
    if labels == "folders":
        raise UserError("--labels folders: SRC is one file or a data base, without folders; leave --labels out")
    known = _labels_in_file(Path(labels).expanduser())

    def image(position: int) -> SourceImage:
        found = source.images[position]
        return replace(found, label=known.by_name.get(found.name))

    return Source(LazyImages(len(source.images), image), known.where, known.class_names)


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
