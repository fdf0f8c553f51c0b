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
from typing import Literal

from PIL import Image

from stylegans.config.sizes import Size, base_grid, format_size
from stylegans.data import decode
from stylegans.data.labels import Label, numbered
from stylegans.data.ordered import ordered
from stylegans.data.sizing import centre_crop, default_size, same_aspect
from stylegans.data.sources import Source, SourceImage, open_source
from stylegans.data.store import CATALOGUE
from stylegans.errors import UserError
from stylegans.files.atomic import atomic_file, atomic_folder

Crop = Literal["center", "wide", "none"]
Filter = Literal["lanczos", "box"]
Channels = Literal[1, 3, 4]
Progress = Callable[[str, int, int], None]
"""Called with what is going on, how many pictures are done, and of how many."""

RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}

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
    classes: tuple[tuple[str, int], ...]
    """(name or number, pictures) of each class; empty without labels or when labels are vectors."""


@dataclass(frozen=True)
class _Form:
    """What every picture is made into."""

    size: Size
    crop: Crop
    resample: Filter
    mode: str


@dataclass(frozen=True)
class _Done:
    png: bytes
    enlarged: bool


def build(
    src: str | Path,
    dst: str | Path,
    *,
    size: Size | None = None,
    crop: Crop = "center",
    resample: Filter = "lanczos",
    channels: Channels | None = None,
    labels: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make the data set ``dst`` of the pictures in ``src``.

    Pictures are turned as their EXIF says, brought to 8 bits (16-bit grey is scaled), laid on white where transparent
    unless ``channels`` is 4, cut and resized; of animations the first frame counts. Colour profiles are not applied.

    Args:
        src: a folder, read at any depth, a zip, or an embedded set's name.
        dst: a name ending in .zip, or a folder; PNGs ``00000/img00000000.png``, … in the order of the source's names,
            and ``dataset.json``. It appears when it is complete.
        size: (height, width). None: see ``sizing.default_size``.
        crop: 'center': the largest part in the centre that has the shape of ``size``. 'none': nothing is cut; a picture
            whose shape differs by more than 1 % is left out. 'wide': as 'center', then black bars above and below (or
            at both sides) make a square of the longer side, so that 640x384 gives pictures of 640x640.
        resample: 'lanczos', or 'box': the mean over each pixel's area.
        channels: 1, 3 or 4. None: 1 if every picture is stored as grey, else 3.
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
        base_grid(_written_size(size, crop))
    tell = progress or (lambda step, done, total: None)
    source = open_source(src, labels=labels)
    if not source.images:
        raise UserError(f"SRC: no pictures in '{src}'")
    with decode.reading_any():
        form = _form(source, size, crop, resample, channels, tell)
        with _writer(dst) as write:
            return _convert(source, form, write, tell, src)


def transform(picture: Image.Image, *, size: Size, crop: Crop, resample: Filter, mode: str) -> tuple[Image.Image, bool]:
    """One opened picture in its final form, and whether it was enlarged for it. Options as in :func:`build`.

    Raises:
        ValueError: it cannot be used; says why.
        Exception: its file is broken; PIL's own exception, of any type.
    """
    enough = 4 * max(size)
    picture.draft(None, (enough, enough))  # a JPEG larger than this is decoded at a half to an eighth, not below it
    picture = decode.to_mode(decode.upright(picture), mode)
    found = (picture.height, picture.width)
    if crop == "none" and not same_aspect(found, size):
        raise ValueError(
            f"{format_size(found)} has another shape than {format_size(size)}, and --crop none cuts nothing"
        )
    box = (0, 0, picture.width, picture.height) if crop == "none" else centre_crop(found, size)
    enlarged = box[3] - box[1] < size[0] or box[2] - box[0] < size[1]
    picture = picture.resize((size[1], size[0]), RESAMPLING[resample], box=box)
    return (_barred(picture) if crop == "wide" else picture), enlarged


def _barred(picture: Image.Image) -> Image.Image:
    """In the middle of a black square of its longer side."""
    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), (0, 0, 0, 255) if picture.mode == "RGBA" else 0)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _check_destination(src: Path, dst: Path) -> None:
    if dst.exists() or dst.is_symlink():
        raise UserError(f"DST: '{dst}' exists; choose another name or remove it")
    if dst.suffix.lower() != ".zip" and src.is_dir() and dst.resolve().is_relative_to(src.resolve()):
        raise UserError(f"DST: '{dst}' lies inside SRC, whose pictures it would join; choose a place outside")


def _form(
    source: Source, size: Size | None, crop: Crop, resample: Filter, channels: Channels | None, tell: Progress
) -> _Form:
    if size is None or channels is None:
        headers = list(_headers(source.images, tell))
        size = size or default_size([found for found, _ in headers] or [(1, 1)])
        channels = channels or (1 if headers and all(mode in decode.GREY_MODES for _, mode in headers) else 3)
    return _Form(size, crop, resample, decode.MODES[channels])


def _headers(images: Sequence[SourceImage], tell: Progress) -> Iterator[tuple[Size, str]]:
    """(height, width) and mode of every picture that can be opened."""
    for done, image in enumerate(images):
        tell("looking", done, len(images))
        try:
            with image.open() as stream:
                picture = decode.open_picture(stream)
                yield (picture.height, picture.width), picture.mode
        except Exception:  # a broken file makes PIL raise almost anything; the conversion will name it
            continue


def _written_size(size: Size, crop: Crop) -> Size:
    return (max(size), max(size)) if crop == "wide" else size


def _convert(
    source: Source, form: _Form, write: Callable[[str, bytes], None], tell: Progress, src: str | Path
) -> Report:
    names: list[str] = []
    kept_labels: list[Label] = []
    skipped: list[tuple[str, str]] = []
    enlarged = 0
    results = ordered(partial(_converted, form=form, labels_from=source.labels_from), source.images)
    for done, (image, result) in enumerate(zip(source.images, results, strict=True)):
        tell("converting", done, len(source.images))
        if isinstance(result, str):
            skipped.append((image.name, result))
            continue
        name = f"{len(names) // 1000:05d}/img{len(names):08d}.png"
        write(name, result.png)
        names.append(name)
        enlarged += result.enlarged
        if image.label is not None:
            kept_labels.append(image.label)
    tell("converting", len(source.images), len(source.images))
    if not names:
        name, reason = skipped[0]
        raise UserError(f"SRC: none of the {len(skipped)} pictures in '{src}' can be used; the first, {name}: {reason}")
    final, class_names = numbered(kept_labels, source.class_names)
    write(CATALOGUE, _catalogue(names, final, class_names))
    return Report(
        kept=len(names),
        skipped=tuple(skipped),
        enlarged=enlarged,
        size=_written_size(form.size, form.crop),
        channels=decode.CHANNELS[form.mode],
        classes=class_counts(final, class_names),
    )


def _converted(image: SourceImage, *, form: _Form, labels_from: str | None) -> _Done | str:
    """The picture as a PNG, or the reason why it cannot be used."""
    if labels_from is not None and image.label is None:
        return f"has no label in {labels_from}"
    try:
        with image.open() as stream:
            picture, enlarged = transform(
                decode.open_picture(stream), size=form.size, crop=form.crop, resample=form.resample, mode=form.mode
            )
    except Exception as error:  # a broken file makes PIL raise almost anything
        return " ".join(str(error).split()) or type(error).__name__
    png = io.BytesIO()
    picture.save(png, "png", compress_level=PNG_LEVEL)
    return _Done(png.getvalue(), enlarged)


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
