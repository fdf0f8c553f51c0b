"""What a plan goes by: the pictures that are there, and the machine.

Pictures are looked at in whatever ``data build`` reads; of folders and zips up to ``CHECKED`` pictures every one is
decoded, of larger ones and of other kinds the headers of a sample are read.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from PIL import ExifTags, Image

from stylegans.config.sizes import Size
from stylegans.data import builtin, decode, hub
from stylegans.data.check import Findings, check
from stylegans.data.images import FEWEST, open_dataset
from stylegans.data.labels import Label, numbered
from stylegans.data.prepare import Progress, class_counts
from stylegans.data.source_image import Source, SourceImage
from stylegans.data.sources import open_source
from stylegans.data.store import open_store
from stylegans.errors import MissingFile, UserError
from stylegans.runs.machine import computes_bfloat16

CHECKED = 20_000
"""Folders and zips of more pictures are not decoded whole; ``data check`` does it."""

SAMPLED = 2_000
"""So many headers are read of a source whose pictures are not all looked at."""


@dataclass(frozen=True)
class Facts:
    """What is known of the pictures."""

    path: str
    name: str
    pictures: int
    """That can be read, as far as was looked."""
    looked_at: int
    sizes: tuple[tuple[Size, int], ...]
    """((height, width), pictures of those looked at), the right way up, the commonest first."""
    channels: int
    """That a training set of them has: as stored, or what suits most of them."""
    depth: int
    """Bits per number."""
    classes: tuple[tuple[str, int], ...] = ()
    """(name, pictures of those looked at)."""
    label_length: int = 0
    """Of label vectors; of classes their number."""
    are_folders: bool = False
    """The classes are sub-folders, which ``data build --labels folders`` makes labels of."""
    unlabelled: int = 0
    """Pictures without a label in a set that has labels."""
    problems: tuple[str, ...] = ()
    """Why a training cannot take it as it is; empty if it can."""
    warnings: tuple[str, ...] = ()
    is_embedded: bool = False


@dataclass(frozen=True)
class Machine:
    """What there is to train on."""

    device: str
    """As --device takes it."""
    name: str
    memory: int | None
    """Bytes that a training could take now; None: not known."""
    bfloat16: bool
    """Whether it computes bfloat16 itself."""
    cores: int
    load: float | None
    """Programs that wanted to compute over the last minute; None: not known."""
    disk: int | None
    """Free bytes where runs are written."""

    @property
    def is_gpu(self) -> bool:
        return self.device != "cpu"


# --- the pictures ---------------------------------------------------------------------------------------------------


def look(path: str | Path, *, tell: Progress = lambda step, done, total: None) -> Facts:
    """Look over the pictures at ``path``.

    Raises:
        MissingFile: nothing is there.
        UserError: it holds no pictures, or is nothing that ``data build`` reads.
    """
    source, is_store = open_pictures(path)
    total = len(source.images)
    if total < FEWEST:
        raise UserError(f"DATA: '{path}' holds {total or 'no'} picture{'s'[: total != 1]}; a plan needs a training set")
    whole = is_store and total <= CHECKED
    images = source.images if whole else sample(source.images)
    with decode.reading_any():
        headers = list(read_headers(images, tell))
    if len(headers) < FEWEST:
        raise UserError(f"DATA: {len(headers) or 'none'} of the {len(images)} pictures in '{path}' can be read")
    findings = check(path, progress=lambda done, count: tell("checking", done, count)) if whole else None
    turned = sum(upright != header.size for header, upright in headers)
    labels = [image.label for image in images]
    classes = folder_classes(images) if is_store and not any(label is not None for label in labels) else ()
    unlabelled = labels.count(None) if source.labels_from is not None else 0
    counts, length = classes or class_table(labels, source), len(classes) or label_length(labels)
    lost = len(findings.corrupt) if findings else (len(images) - len(headers)) * total // len(images)
    return Facts(
        path=str(path),
        name=name_of(path),
        pictures=total - lost,
        looked_at=len(images),
        sizes=tuple(Counter(upright for _, upright in headers).most_common()),
        channels=channels_of([header for header, _ in headers]),
        depth=min(header.depth for header, _ in headers),
        classes=counts,
        label_length=length,
        are_folders=bool(classes),
        unlabelled=unlabelled,
        problems=problems_of(path, findings, turned, is_store),
        warnings=warnings_of(findings, path, looked_at=len(images), total=total),
        is_embedded=str(path) in builtin.EMBEDDED,
    )


def open_pictures(path: str | Path) -> tuple[Source, bool]:
    """The pictures, and whether they are in a folder or zip that a training can read."""
    if hub.is_address(path):
        raise UserError(f"DATA: '{path}' is not on this machine; first: stylegans data build {path} pictures.zip")
    if not Path(path).expanduser().exists():
        open_store(path, option="DATA")  # an embedded set, or the right complaint
    try:
        is_store = bool(open_store(path, option="DATA").store.members())
    except MissingFile:
        raise
    except UserError:  # a file of another kind, perhaps
        is_store = False
    try:
        return open_source(path), is_store
    except UserError as error:
        raise UserError(re.sub(r"^(SRC|PATH|--\w+):", "DATA:", str(error))) from error


def sample(images: Sequence[SourceImage]) -> list[SourceImage]:
    """``SAMPLED`` of them, evenly spread; all if there are fewer."""
    count = min(len(images), SAMPLED)
    return [images[position * len(images) // count] for position in range(count)]


def read_headers(images: Sequence[SourceImage], tell: Progress) -> list[tuple[decode.Header, Size]]:
    """Of each picture that can be opened, what it is and its size once it is the right way up."""
    found = []
    for done, image in enumerate(images):
        tell("looking", done, len(images))
        try:
            with image.open() as stream:
                header = decode.read_header(stream)
                stream.seek(0)
                found.append((header, upright_size(header, stream)))
        except Exception:  # a broken file makes PIL raise almost anything; it is counted as lost
            continue
    return found


def upright_size(header: decode.Header, stream: object) -> Size:
    try:
        with Image.open(stream) as picture:  # type: ignore[arg-type]
            lies = picture.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:  # an array, or a broken EXIF block
        return header.size
    return header.size[::-1] if lies else header.size


def channels_of(headers: Sequence[decode.Header]) -> int:
    """What ``data build`` should make: RGBA, or what arrays have, if most are so; else grey if all are; else RGB."""
    most, count = Counter(header.channels for header in headers).most_common(1)[0]
    if most not in (None, 1, 3) and 2 * count > len(headers):
        return int(most or 3)
    return 1 if all(header.is_grey for header in headers) else 3


def folder_classes(images: Sequence[SourceImage]) -> tuple[tuple[str, int], ...]:
    """First-level sub-folders that may be classes: two or more that hold all pictures, and are no mere numbering."""
    parts = [PurePosixPath(image.name).parts for image in images]
    names = Counter(part[0] for part in parts if len(part) > 1)
    numbering = all(name.isdigit() and len(name) >= 5 for name in names)  # 00000, 00001: how large sets are stored
    if len(names) < 2 or numbering or any(len(part) < 2 for part in parts):
        return ()
    return tuple(sorted(names.items()))


def class_table(labels: Sequence[Label | None], source: Source) -> tuple[tuple[str, int], ...]:
    known, names = numbered([label for label in labels if label is not None], source.class_names)
    return class_counts(known, names)


def label_length(labels: Sequence[Label | None]) -> int:
    known = [label for label in labels if label is not None]
    if known and isinstance(known[0], tuple):
        return len(known[0])
    numbers = [label for label in numbered(known, None)[0] if isinstance(label, int)]
    return max(numbers, default=-1) + 1


def problems_of(path: str | Path, findings: Findings | None, turned: int, is_store: bool) -> tuple[str, ...]:
    if not is_store:
        return ("a training reads folders and zips of pictures",)
    found = list(findings.problems) if findings else []
    if findings is None:
        try:
            open_dataset(path)
        except UserError as error:
            found.append(str(error).partition(": ")[2].partition("; make a training set")[0])
    if turned:
        found.append(f"{turned} lie on their side by EXIF, which only data build puts right")
    return tuple(found)


def warnings_of(findings: Findings | None, path: str | Path, *, looked_at: int, total: int) -> tuple[str, ...]:
    if findings is None:
        return (
            f"{looked_at:,} of {total:,} pictures were looked at; corrupt files and duplicates were not searched for",
        )
    found = []
    copies = sum(len(names) - 1 for names in findings.duplicates)
    if findings.corrupt:
        count = len(findings.corrupt)
        found.append(f"{count} file{'s'[: count > 1]} cannot be decoded; stylegans data check {path} names them")
    if copies:
        found.append(f"{copies} pictures are exact copies of others and count twice")
    if findings.near_duplicates:
        found.append(
            f"{len(findings.near_duplicates)} pairs of pictures look alike; stylegans data check {path} lists them"
        )
    if findings.rounded:
        found.append(f"{findings.rounded} pictures have 16 bits per colour, of which 8 are read")
    return tuple(found)


def name_of(path: str | Path) -> str:
    """What to call files made of it."""
    resolved = Path(path).expanduser().resolve()
    return re.sub(r"[^\w.-]+", "-", resolved.stem if resolved.is_file() else resolved.name).strip("-.") or "pictures"


# --- the machine ----------------------------------------------------------------------------------------------------


def look_at(device: torch.device) -> Machine:
    """The machine, as it is now."""
    cores = torch.get_num_threads() if device.type == "cpu" else os.cpu_count() or 1
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type}, {cores} threads"
    return Machine(
        device=str(device),
        name=name,
        memory=free_memory(device),
        bfloat16=computes_bfloat16(device),
        cores=cores,
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        disk=shutil.disk_usage(Path.cwd()).free,
    )


def free_memory(device: torch.device) -> int | None:
    """Bytes that a new process could take on the device now; None: not known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    free = [value for value in (_meminfo(), _cgroup()) if value is not None]
    if free:
        return min(free) + resident()
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # macOS does not say what is free
    except (AttributeError, ValueError, OSError):
        return None


def resident() -> int:
    """Bytes of memory that this process holds; 0: not known."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def _meminfo() -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _cgroup() -> int | None:
    """What a container's limit leaves."""
    folder = Path("/sys/fs/cgroup")
    try:
        return int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text())
    except (OSError, ValueError):  # no container, or 'max'
        return None
