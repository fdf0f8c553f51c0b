"""Sizes of pictures: which to train at, which part of a picture fits one, and the command that makes them so.

Pure numbers; sizes are (height, width), boxes are (left, top, right, bottom) in pixels, as PIL's.
"""

import shlex
import statistics
from collections.abc import Sequence
from pathlib import Path

from stylegans.config.sizes import Size, is_good

ASPECT_TOLERANCE = 0.01
"""Two shapes whose aspects differ by no more than this share count as one."""

Box = tuple[int, int, int, int]


def default_size(sizes: Sequence[Size]) -> Size:
    """The size to train at when nobody says: squares, never larger than the usual picture.

    Pictures that all have one good square size keep it. Else: the largest power of two not above the median shorter
    side, or below 8 the largest side that is good (3 to 7).
    """
    if len(set(sizes)) == 1 and sizes[0][0] == sizes[0][1] and is_good(sizes[0]):
        return sizes[0]
    median = max(3, int(statistics.median(min(size) for size in sizes)))
    side = 1 << (median.bit_length() - 1) if median >= 8 else median
    return (side, side)


def same_aspect(one: Size, other: Size) -> bool:
    """Whether two sizes have the same shape within 1 %."""
    products = one[0] * other[1], one[1] * other[0]
    return max(products) - min(products) <= ASPECT_TOLERANCE * max(products)


def centre_crop(size: Size, aspect: Size) -> Box:
    """The largest part of a picture of ``size`` that has the shape of ``aspect``, in its centre."""
    height, width = size
    part_height = min(height, max(1, round(width * aspect[0] / aspect[1])))
    part_width = min(width, max(1, round(height * aspect[1] / aspect[0])))
    left, top = (width - part_width) // 2, (height - part_height) // 2
    return left, top, left + part_width, top + part_height


def mend_command(path: str | Path, sizes: Sequence[Size], *, depth: int = 8) -> str:
    """The ``data build`` command that makes a training set of the pictures at ``path``, of ``depth`` bits."""
    side = default_size(sizes)[0]
    bits = "" if depth == 8 else f" --depth {depth}"
    return f"{build_command(path, ending=f'-{side}.zip')} --size {side}{bits}"


def build_command(path: str | Path, *, ending: str = ".zip") -> str:
    """The ``data build`` command that makes a zip, named like the source with another ``ending``, of what is there."""
    source = Path(path)
    if str(path).startswith("hf:"):
        source = Path(source.name.partition(":")[0])  # a set on the Hub, made here
    stem = source.stem.removesuffix(".tar")
    target = source.with_name(f"{stem}{ending}") if source.name else Path(f"pictures{ending}")
    return f"stylegans data build {shlex.quote(str(path))} {shlex.quote(str(target))}"
