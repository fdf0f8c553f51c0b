"""One picture's bytes, whatever its format and mode, to grey, RGB or RGBA in 8 bits.

Colour profiles are not applied: like the field's other tools, this reads the stored numbers as sRGB.
"""

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

LARGEST_PIXELS = 400_000_000
"""Pictures of more pixels (20,000 × 20,000) are refused: one alone would take gigabytes of memory."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Channels → PIL's name of the mode."""

CHANNELS = {mode: channels for channels, mode in MODES.items()}

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")

NOT_PICTURES = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
"""Formats that PIL knows but that hold no pixels it can decode itself; EPS would even start another program."""

TOO_LARGE = f"has more than {LARGEST_PIXELS // 1_000_000} million pixels: too large"


@functools.cache
def formats() -> tuple[str, ...]:
    """The picture formats that are read, by PIL's names."""
    Image.init()
    return tuple(name for name in Image.ID if name in Image.OPEN and name not in NOT_PICTURES)


@functools.cache
def suffixes() -> frozenset[str]:
    """The file name endings taken for pictures, lower case, with the dot."""
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in formats())


@contextmanager
def reading_any() -> Iterator[None]:
    """A block in which PIL refuses no picture below ``LARGEST_PIXELS``, and keeps quiet about odd but readable files.

    Its own limit is lower than what a stitched panorama has. Limit and warnings are the process's, so threads started
    in the block share them.
    """
    usual = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def open_picture(stream: IO[bytes]) -> Image.Image:
    """Read the header of the picture in ``stream``; the pixels are decoded when they are first asked for.

    Raises:
        ValueError: it is no picture, or has more than ``LARGEST_PIXELS`` pixels.
        Exception: its header is broken; PIL's own exception, of any type.
    """
    try:
        picture = Image.open(stream, formats=formats())
    except UnidentifiedImageError:
        raise ValueError("is no picture, or one of an unknown kind") from None
    except Image.DecompressionBombError:
        raise ValueError(TOO_LARGE) from None
    if picture.width * picture.height > LARGEST_PIXELS:
        raise ValueError(TOO_LARGE)
    return picture


def upright(picture: Image.Image) -> Image.Image:
    """Turned the way its EXIF orientation says.

    Raises:
        Exception: its pixels are broken; PIL's own exception, of any type.
    """
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # a broken EXIF block makes PIL raise almost anything; the pixels are good
        return picture


def is_turned(picture: Image.Image) -> bool:
    """Whether a loaded picture's EXIF says that it should be turned or mirrored."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    except Exception:  # a broken EXIF block
        return False


def to_mode(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in mode 'L', 'RGB' or 'RGBA'.

    Transparency is laid on white unless the mode keeps it. 16-bit grey is scaled to 8, rounding to nearest.

    Raises:
        ValueError: its numbers have no agreed range (32-bit integers beyond 16 bits, floats).
    """
    picture = to_8_bits(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if mode != "RGBA":
            picture = on_white(picture)
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("L" if picture.mode in GREY_MODES else "RGB")
    return picture if picture.mode == mode else picture.convert(mode)


def to_8_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits to 8: round(255 v / 65535). Every other 8-bit mode comes back as it is."""
    if picture.mode == "F":
        raise ValueError("its pixels are floats, which have no agreed range: save it with 8 or 16 bits")
    if picture.mode != "I" and not picture.mode.startswith("I;16"):
        return picture
    values = np.asarray(picture)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise ValueError("its pixels are 32-bit integers, which have no agreed range: save it with 8 or 16 bits")
    return Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))


def on_white(picture: Image.Image) -> Image.Image:
    """An RGBA picture composited on white, RGB: round((c a + 255 (255 - a)) / 255), exactly."""
    rgba = np.asarray(picture).astype(np.uint16)  # no sum below exceeds 255² + 127
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    return Image.fromarray(((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8))


def to_array(picture: Image.Image) -> np.ndarray:
    """A picture in mode L, RGB or RGBA as uint8 [C, H, W]."""
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
