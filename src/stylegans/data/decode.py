"""One picture's bytes, whatever its format and mode: to grey, RGB or RGBA in 8 bits, or to an array of numbers.

A picture that has been opened is a PIL image or, where no PIL mode holds it, an array (see ``arrays``). Colour profiles
are not applied: like the field's other tools, this reads the stored numbers as sRGB.
"""

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from stylegans.config.sizes import Size, format_size
from stylegans.data import arrays

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
    return frozenset(suffix for suffix, name in known.items() if name in formats()) | {arrays.SUFFIX}


Picture = Image.Image | np.ndarray
"""An opened picture: a PIL image, whose pixels may not be decoded yet; or an array uint8 or uint16 [C, H, W]."""


@dataclass(frozen=True)
class Header:
    """What a picture is, before its pixels are decoded."""

    size: Size
    """(height, width)"""
    mode: str
    """PIL's name of the mode; of an array its channels and bits, like '5 channels of 16 bits'."""
    channels: int | None
    """Of an array, or of mode L, RGB or RGBA, which a training takes as they are; None: another mode."""
    depth: int
    """Bits per number as they are read, 8 or 16."""
    is_rounded: bool
    """Whether its file has 16 bits per number, of which 8 are read."""
    is_grey: bool

    def __str__(self) -> str:
        return f"{format_size(self.size)} {self.mode}"

    def is_alike(self, other: "Header") -> bool:
        """Whether a training can have both in one set."""
        return (self.size, self.channels, self.depth) == (other.size, other.channels, other.depth)


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


def read_header(stream: IO[bytes]) -> Header:
    """What the picture in ``stream`` is; none of its pixels are read.

    Raises:
        ValueError: it is no picture, or too large; says why.
        Exception: its header is broken; PIL's own exception, of any type.
    """
    if not _is_array(stream):
        return header_of(open_picture(stream))
    (channels, height, width), dtype = arrays.read_header(stream)
    return _array_header(channels, (height, width), dtype)


def read(stream: IO[bytes]) -> Picture:
    """The picture in ``stream``: an array where no PIL mode holds it, else a PIL image, with its pixels still to decode
    unless it comes from an array of 8 bits.

    Raises:
        ValueError: it is no picture, too large, or an array that is cut short; says why.
        Exception: its header is broken; PIL's own exception, of any type.
    """
    if not _is_array(stream):
        return open_picture(stream)
    array = arrays.read(stream)
    if array.dtype != np.uint8 or len(array) not in MODES:
        return array
    return Image.fromarray(array[0] if len(array) == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))


def header_of(picture: Picture) -> Header:
    """What an opened picture is. Whether a PIL image is rounded shows only before its pixels are decoded."""
    if isinstance(picture, np.ndarray):
        return _array_header(len(picture), picture.shape[1:], picture.dtype)
    return Header(
        size=(picture.height, picture.width),
        mode=picture.mode,
        channels=CHANNELS.get(picture.mode),
        depth=16 if is_16_bit_grey(picture) else 8,
        is_rounded=_has_16_bit_colour(picture),
        is_grey=picture.mode in GREY_MODES,
    )


def is_16_bit_grey(picture: Image.Image) -> bool:
    """Whether PIL keeps more than 8 bits of it."""
    return picture.mode == "I" or picture.mode.startswith("I;16")


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
    if not is_16_bit_grey(picture):
        return picture
    return Image.fromarray(arrays.with_depth(grey_16_bits(picture), 8)[0])


def grey_16_bits(picture: Image.Image) -> np.ndarray:
    """The numbers of a grey picture of 16 bits, uint16 [1, H, W].

    Raises:
        ValueError: they are 32-bit integers beyond 16 bits.
    """
    values = np.asarray(picture)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise ValueError("its pixels are 32-bit integers, which have no agreed range: save it with 8 or 16 bits")
    return values.astype(np.uint16)[None]


def on_white(picture: Image.Image) -> Image.Image:
    """An RGBA picture composited on white, RGB: round((c a + 255 (255 - a)) / 255), exactly."""
    rgba = np.asarray(picture).astype(np.uint16)  # no sum below exceeds 255² + 127
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    return Image.fromarray(((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8))


def to_array(picture: Image.Image) -> np.ndarray:
    """A picture in mode L, RGB or RGBA as uint8 [C, H, W]."""
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def _is_array(stream: IO[bytes]) -> bool:
    """Whether an array begins here, whatever its file is called; ``stream`` stands where it stood."""
    start = stream.tell()
    found = stream.read(len(arrays.MAGIC)) == arrays.MAGIC
    stream.seek(start)
    return found


def _array_header(channels: int, size: Size, dtype: np.dtype) -> Header:
    depth = 8 * dtype.itemsize
    plain = depth == 8 and channels in MODES
    mode = MODES[channels] if plain else f"{channels} channel{'s' if channels > 1 else ''} of {depth} bits"
    return Header(size=size, mode=mode, channels=channels, depth=depth, is_rounded=False, is_grey=channels == 1)


def _has_16_bit_colour(picture: Image.Image) -> bool:
    """Whether its file has 16 bits per channel of which PIL will decode 8: colour, or grey with transparency.

    Told from what PIL plans to decode (PNG, TIFF, PPM), so before its pixels are.
    """
    tiles = picture.tile if isinstance(picture, ImageFile.ImageFile) and not is_16_bit_grey(picture) else []
    for tile in tiles:
        options = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if any(isinstance(option, str) and ";16" in option for option in options):
            return True
        if tile[0].startswith("ppm") and any(isinstance(option, int) and option > 255 for option in options):
            return True
    return False
