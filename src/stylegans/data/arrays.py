"""Pictures that no picture file holds: ``.npy`` arrays [C, H, W] of 8 or 16 bits, any number of channels.

Four channels are RGBA. Numbers go from 0 (black) to 255 or 65535 (white), as in picture files.
"""

import io
import math
from typing import IO

import numpy as np
from PIL import Image

from stylegans.config.sizes import Size
from stylegans.data.sizing import Box
from stylegans.files.pictures import to_8_bits

MAGIC = b"\x93NUMPY"
"""A ``.npy`` file's first bytes."""

SUFFIX = ".npy"

LARGEST_BYTES = 1 << 30
"""Larger arrays are refused."""

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
"""The type of an array's numbers → the highest."""

CONVERTIBLE = (1, 3, 4)
"""Grey, RGB, RGBA: numbers of channels of which each can be made of each."""


def read_header(stream: IO[bytes]) -> tuple[tuple[int, int, int], np.dtype]:
    """Shape [C, H, W] and type of the array in ``stream``, which then stands at its numbers.

    Raises:
        ValueError: it is no array of pictures' kind, or too large; says why.
    """
    shape, _, dtype = _header(stream)
    return shape, dtype


def read(stream: IO[bytes]) -> np.ndarray:
    """The array in ``stream``, uint8 or uint16 [C, H, W].

    Nothing in the file is executed: arrays of Python objects are refused by their header.

    Raises:
        ValueError: it is no array of pictures' kind, too large, or cut short; says why.
    """
    shape, fortran_order, dtype = _header(stream)
    expected = math.prod(shape) * dtype.itemsize
    content = stream.read(expected)
    if len(content) < expected:
        raise ValueError(f"is cut short: {len(content)} of {expected} bytes of numbers")
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran_order else "C")
    return np.ascontiguousarray(values, dtype=dtype.newbyteorder("="))


def to_npy(array: np.ndarray) -> bytes:
    """The content of a ``.npy`` file, the same bytes every time."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def with_channels(array: np.ndarray, channels: int) -> np.ndarray:
    """A picture [C, H, W] of 1, 3 or 4 channels with 1, 3 or 4: transparency is laid on white, colour weighed to grey
    as PIL does (ITU-R 601-2), grey repeated, what is opaque gets an alpha of white.

    Raises:
        ValueError: it has another number of channels, and not ``channels``.
    """
    found = len(array)
    if found == channels:
        return array
    if found not in CONVERTIBLE or channels not in CONVERTIBLE:
        raise ValueError(f"has {found} channel{'s' if found > 1 else ''}, not {channels}")
    white = WHITE[array.dtype]
    if found == 4:
        array = _on_white(array)
    if channels == 1:
        return _grey(array)
    if found == 1:
        array = np.repeat(array, 3, axis=0)
    return array if channels == 3 else np.concatenate([array, np.full_like(array[:1], white)])


def with_depth(array: np.ndarray, depth: int) -> np.ndarray:
    """8 bits to 16: 257 v; 16 bits to 8: round(255 v / 65535)."""
    if depth == 16:
        return array if array.dtype == np.uint16 else array * np.uint16(257)
    return to_8_bits(array)


def resized(array: np.ndarray, size: Size, *, resampling: Image.Resampling, box: Box | None = None) -> np.ndarray:
    """The part ``box`` of a picture [C, H, W] at ``size``, each channel in float32 and rounded at the end.

    The colours of an RGBA picture count as much as they are opaque, so that transparent pixels do not bleed.
    """
    if size == array.shape[1:] and (box is None or box == (0, 0, size[1], size[0])):
        return array
    white = WHITE[array.dtype]
    planes = array.astype(np.float32)
    if len(planes) == 4:
        planes[:3] *= planes[3] / white
    small = np.stack(
        [np.asarray(Image.fromarray(plane).resize((size[1], size[0]), resampling, box=box)) for plane in planes]
    )
    if len(small) == 4:
        np.divide(small[:3] * white, small[3], out=small[:3], where=small[3] > 0)
    return np.rint(small).clip(0, white).astype(array.dtype)


def _header(stream: IO[bytes]) -> tuple[tuple[int, int, int], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"is an .npy file of version {version[0]}.{version[1]}, which no array of numbers needs")
    if dtype.newbyteorder("=") not in WHITE:
        raise ValueError(f"is an array of {dtype}, not of uint8 or uint16")
    if len(shape) != 3 or min(shape) < 1 or _has_channels_last(shape):
        raise ValueError(f"is an array of shape {list(shape)}, not [channels, height, width]")
    if math.prod(shape) * dtype.itemsize > LARGEST_BYTES:
        raise ValueError(f"has {math.prod(shape) * dtype.itemsize} bytes of numbers: too large")
    return shape, fortran_order, dtype


def _has_channels_last(shape: tuple[int, ...]) -> bool:
    """A picture 1, 3 or 4 wide, much higher, and of very many channels: [H, W, C] in all likelihood."""
    return shape[2] in CONVERTIBLE and shape[0] >= 8 and shape[1] > 4


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """round((c a + white (white - a)) / white) of an array [4, H, W], exactly."""
    white = WHITE[rgba.dtype]
    wide = rgba.astype(np.uint32)  # no sum below exceeds 65535² + 32767 < 2³²
    colour, alpha = wide[:3], wide[3:]
    return ((colour * alpha + white * (white - alpha) + white // 2) // white).astype(rgba.dtype)


def _grey(array: np.ndarray) -> np.ndarray:
    """PIL's weights, in 16-bit fixed point, which sum to 2¹⁶."""
    if len(array) == 1:
        return array
    red, green, blue = array.astype(np.uint32)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(array.dtype)[None]
