"""Where the weights of published networks come from: the user's cache, or the address where they are published.

They do not travel with the package. A download is checked against the published hash and kept in the cache; numbers
made with other weights would not compare, so nothing else is ever taken in its stead.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stylegans.errors import MissingFile, UserError
from stylegans.files.atomic import atomic_file
from stylegans.files.cache import cache_folder

TIMEOUT = 30.0
"""Seconds to wait for the next bytes."""

LARGEST = 1 << 32
CHUNK = 1 << 20


@dataclass(frozen=True)
class Published:
    """A file of weights at a public address."""

    name: str
    """Of the network."""
    file: str
    """What the file is called in the cache."""
    url: str
    sha256: str
    """Hexadecimal; as much of its beginning as is published. Empty: not known, so not checked."""
    size: int | None
    """Bytes; None: not known."""
    what: str
    """In words, for messages."""


INCEPTION = Published(
    name="inception",
    file="pt_inception-2015-12-05-6726825d.pth",
    url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    size=95_628_359,
    what="FID's Inception (TensorFlow's of 2015-12-05)",
)
VGG16 = Published(
    name="vgg16",
    file="vgg16-397923af.pth",
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af",
    size=None,
    what="torchvision's VGG16",
)
DINOV2 = Published(
    name="dinov2",
    file="dinov2_vitl14_pretrain.pth",
    url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth",
    sha256="",
    size=None,
    what="DINOv2 ViT-L/14",
)

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come and their expected number, None where it is not known."""


def silent(done: int, total: int | None) -> None:
    """Progress that nobody sees."""


def find(published: Published, *, needed_by: str, offline: str = "", progress: Progress = silent) -> Path:
    """The file with the published weights: from the cache's folder ``weights``, else downloaded into it.

    Args:
        needed_by: what was asked for, for messages: the metric.
        offline: the metric that can be had without a download, for the same.

    Raises:
        MissingFile: it is not in the cache and cannot be downloaded; says what to do.
        UserError: the file in the cache is another one.
    """
    path = cache_folder("weights") / published.file
    if path.is_file():
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(published.sha256):
            raise UserError(f"{path}: not the published weights of {published.what} (sha256 {found[:8]}…); delete it")
        return path
    try:
        _download(published, path, progress)
    except (OSError, http.client.HTTPException, _Wrong) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the server's answer, too
        reason = " ".join(str(error).split()) or type(error).__name__
        alternative = offline or "fd_mobilenet, and other metrics with 'mobilenet' or 'alex' in their names,"
        raise MissingFile(
            f"{needed_by}: the weights of {published.what} are not here and could not be downloaded from "
            f"{published.url} ({reason}); give them with --features FILE; {alternative} can be had offline"
        ) from None
    return path


class _Wrong(Exception):
    """What came is not what was published."""


def _download(published: Published, path: Path, progress: Progress) -> None:
    """Raises OSError, HTTPException, _Wrong; ``path`` then is not there."""
    request = urllib.request.Request(published.url, headers={"User-Agent": "stylegans"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, atomic_file(path) as temporary:
        stated = answer.headers.get("Content-Length", "")
        expected = published.size or (int(stated) if stated.isdecimal() else None)
        with temporary.open("wb") as file:
            size, found = _copy(answer, file, expected=expected, progress=progress)
        if expected is not None and size != expected:
            raise _Wrong(f"cut short: {size} of {expected} bytes came")
        if not found.startswith(published.sha256):
            raise _Wrong(f"another file came: its sha256 is {found[:8]}…, not {published.sha256[:8]}…")


def _copy(source: BinaryIO, target: BinaryIO, *, expected: int | None, progress: Progress) -> tuple[int, str]:
    """Returns how many bytes were copied and their sha256."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > (LARGEST if expected is None else expected):
            raise _Wrong("more came than the file has")
        digest.update(chunk)
        target.write(chunk)
        progress(size, expected)
    return size, digest.hexdigest()
