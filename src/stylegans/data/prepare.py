"""Any pictures to a data set for training: one size, one mode, one layout. What ``data build`` does.

The same source gives the same bytes. A picture that cannot be used is left out and named, and never stops the rest.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from PIL import Image

from stylegans.config.sizes import Size, base_grid
from stylegans.data import arrays, decode
from stylegans.data.convert import Crop, Depth, Filter, Form, convert, written_size
from stylegans.data.labels import Label, numbered
from stylegans.data.ordered import ordered
from stylegans.data.sizing import default_size
from stylegans.data.sources import Source, SourceImage, open_source
from stylegans.data.store import CATALOGUE
from stylegans.data.words import printable, reason
from stylegans.errors import UserError
from stylegans.files.atomic import atomic_file, atomic_folder

Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many pictures are done, and of how many."""

PNG_LEVEL = 1
"""zlib's effort. The published tools store pixels uncompressed (0); the fastest level makes photographs 40 % smaller
and costs about 1 ms more to read at 256×256; higher levels gain little more."""

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""Zips must date their files; a constant keeps the bytes the same each time."""


@dataclass(frozen=True)
class Report:
    """What became of the pictures."""

    kept: int
    skipped: tuple[tuple[str, str], ...]
    """(name, reason) of every picture left out."""
    enlarged: int
    """How many of the kept were smaller than ``size`` and had to be enlarged."""
    size: Size
    """(height, width) of every picture written."""
    channels: int
    depth: Depth
    rounded: int
    """How many of the kept had 16 bits and were rounded to 8."""
    classes: tuple[tuple[str, int], ...]
    """(name or number, pictures) of each class; empty without labels or when labels are vectors."""
    label_length: int
    """Length of the labels if they are vectors, else 0."""


@dataclass(frozen=True)
class _Done:
    content: bytes
    enlarged: bool
    rounded: bool


def build(
    src: str | Path,
    dst: str | Path,
    *,
    size: Size | None = None,
    crop: Crop = "center",
    resample: Filter = "lanczos",
    channels: int | None = None,
    depth: Depth = 8,
    labels: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make the data set ``dst`` of the pictures in ``src``.

    Pictures are turned as their EXIF says, brought to ``depth`` bits (scaled), laid on white where transparent unless
    ``channels`` is 4, cut and resized; of animations the first frame counts. Colour profiles are not applied.

    Args:
        src: a folder, read at any depth, a zip, or an embedded set's name.
        dst: a name ending in .zip, or a folder; ``00000/img00000000.png``, … in the order of the source's names, and
            ``dataset.json``. What a PNG does not hold, and 16 bits, are ``.npy`` files, uint8 or uint16 [C, H, W]. It
            appears when it is complete.
        size: (height, width). None: see ``sizing.default_size``.
        crop: 'center': the largest part in the centre that has the shape of ``size``. 'none': nothing is cut; a picture
            whose shape differs by more than 1 % is left out. 'wide': as 'center', then black bars above and below (or
            at both sides) make a square of the longer side, so that 640x384 gives pictures of 640x640.
        resample: 'lanczos', or 'box': the mean over each pixel's area.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA), of which each is made of each; or the number that the source's arrays
            have, and what has another is left out. None: that number if most pictures have one that is not 1, 3 or 4;
            else 1 if every picture is stored as grey, else 3.
        depth: 8, or 16, which keeps every bit of grey PNGs and TIFFs and of arrays. What has 16 bits and is read with 8
            (colour PNGs and TIFFs) is then left out.
        labels: see ``sources.open_source``. A picture without a label is left out if others have one.

    Raises:
        MissingFile: ``src`` is not there.
        UserError: ``dst`` exists; no picture can be used; an option makes no sense.
    """
    dst = Path(dst).expanduser()
    _check_destination(Path(src).expanduser(), dst)
    if crop == "wide" and (size is None or size[0] == size[1]):
        raise UserError("--crop wide: needs a --size that is not square, like 512x384")
    if size is not None:
        base_grid(written_size(size, crop))
    if channels is not None and channels < 1:
        raise UserError(f"--channels: {channels} should be at least 1")
    if depth not in get_args(Depth):
        raise UserError(f"--depth: {depth} is neither 8 nor 16")
    tell = progress or (lambda step, done, total: None)
    source = open_source(src, labels=labels)
    if not source.images:
        raise UserError(f"SRC: no pictures in '{src}'")
    with decode.reading_any():
        if size is None or channels is None:
            headers = list(_headers(source.images, tell))
            size = size or default_size([header.size for header in headers] or [(1, 1)])
            channels = channels or _default_channels(headers)
        form = Form(size, crop, resample, channels, depth)
        with _writer(dst) as write:
            return _convert(source, form, write, tell, src)


def _check_destination(src: Path, dst: Path) -> None:
    if dst.exists() or dst.is_symlink():
        raise UserError(f"DST: '{dst}' exists; choose another name or remove it")
    if dst.suffix.lower() != ".zip" and src.is_dir() and dst.resolve().is_relative_to(src.resolve()):
        raise UserError(f"DST: '{dst}' lies inside SRC, whose pictures it would join; choose a place outside")


def _default_channels(headers: Sequence[decode.Header]) -> int:
    """Grey if all are, else colour, unless most pictures are arrays of one other number of channels."""
    others = Counter(header.channels for header in headers if header.channels not in (None, *decode.MODES))
    for channels, count in others.most_common(1):
        if channels is not None and 2 * count > len(headers):
            return channels
    return 1 if headers and all(header.is_grey for header in headers) else 3


def _headers(images: Sequence[SourceImage], tell: Progress) -> Iterator[decode.Header]:
    """What every picture is that can be opened."""
    for done, image in enumerate(images):
        tell("looking", done, len(images))
        try:
            with image.open() as stream:
                yield decode.read_header(stream)
        except Exception:  # a broken file makes PIL raise almost anything; the conversion will name it
            continue


def _convert(
    source: Source, form: Form, write: Callable[[str, bytes], None], tell: Progress, src: str | Path
) -> Report:
    names: list[str] = []
    kept_labels: list[Label] = []
    skipped: list[tuple[str, str]] = []
    enlarged = rounded = 0
    suffix = ".png" if form.is_plain else arrays.SUFFIX
    results = ordered(partial(_converted, form=form, labels_from=source.labels_from), source.images)
    for done, (image, result) in enumerate(zip(source.images, results, strict=True)):
        tell("converting", done, len(source.images))
        if isinstance(result, str):
            skipped.append((image.name, result))
            continue
        name = f"{len(names) // 1000:05d}/img{len(names):08d}{suffix}"
        write(name, result.content)
        names.append(name)
        enlarged += result.enlarged
        rounded += result.rounded
        if image.label is not None:
            kept_labels.append(image.label)
    tell("converting", len(source.images), len(source.images))
    if not names:
        name, why = skipped[0]
        raise UserError(
            f"SRC: none of the {len(skipped)} pictures in '{src}' can be used; the first, {printable(name)}: {why}"
        )
    final, class_names = numbered(kept_labels, source.class_names)
    write(CATALOGUE, _catalogue(names, final, class_names))
    return Report(
        kept=len(names),
        skipped=tuple(skipped),
        enlarged=enlarged,
        size=written_size(form.size, form.crop),
        channels=form.channels,
        depth=form.depth,
        rounded=rounded,
        classes=class_counts(final, class_names),
        label_length=len(final[0]) if final and isinstance(final[0], tuple) else 0,
    )


def _converted(image: SourceImage, *, form: Form, labels_from: str | None) -> _Done | str:
    """The picture as a file, or the reason why it cannot be used."""
    if labels_from is not None and image.label is None:
        return f"has no label in {labels_from}"
    try:
        with image.open() as stream:
            done = convert(decode.read(stream), form)
    except Exception as error:  # a broken file makes PIL raise almost anything
        return reason(error)
    return _Done(_file(done.picture), done.enlarged, done.rounded)


def _file(picture: decode.Picture) -> bytes:
    if not isinstance(picture, Image.Image):
        return arrays.to_npy(picture)
    png = io.BytesIO()
    picture.save(png, "png", compress_level=PNG_LEVEL)
    return png.getvalue()


def class_counts(labels: Sequence[Label], class_names: Sequence[str] | None) -> tuple[tuple[str, int], ...]:
    """(name or number, pictures) of each class that has any, by number; empty for vectors."""
    counts = Counter(label for label in labels if isinstance(label, int))
    named = class_names or ()
    return tuple((named[n] if n < len(named) else str(n), count) for n, count in sorted(counts.items()))


def _catalogue(names: list[str], labels: list[Label], class_names: tuple[str, ...] | None) -> bytes:
    document: dict[str, object] = {"labels": [list(row) for row in zip(names, labels, strict=True)] if labels else None}
    if class_names is not None:
        document["label_names"] = class_names
    return json.dumps(document, ensure_ascii=False).encode()


@contextmanager
def _writer(dst: Path) -> Iterator[Callable[[str, bytes], None]]:
    """A function that puts a file in the zip or folder ``dst``, which appears when the block ends well."""
    if dst.suffix.lower() == ".zip":
        with atomic_file(dst) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            yield partial(write_stored, archive)
    else:
        with atomic_folder(dst) as temporary:
            yield partial(_write_file, temporary)


def write_stored(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file to a zip uncompressed, as the field's layout wants it, the same bytes every time."""
    info = zipfile.ZipInfo(name, ZIP_DATE)
    info.create_system, info.external_attr = 3, 0o644 << 16
    archive.writestr(info, content, compress_type=zipfile.ZIP_STORED)


def _write_file(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
