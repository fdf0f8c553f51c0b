"""A figure as a paper prints it: panels in rows and columns with their labels, on white.

Small pictures are enlarged by whole factors, so that their pixels stay squares; large ones are reduced by averaging
areas. The lettering has one size in all figures.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylegans.config.sizes import Size
from stylegans.files.pictures import WHITE, as_image, enlarge, on_white

SMALL, LARGE = 128, 256
"""The longer side of a panel: pictures below are enlarged, above reduced."""

FONT_SIZE = 20
LINE = 26
"""Height of a line of lettering."""

GAP, GROUP_GAP, PAD, MARGIN = 4, 20, 8, 16
"""White pixels between panels, between groups of them, between a label and what it names, and around all."""

INK = (25, 25, 25)

Weight = Literal["regular", "bold"]
Cells = Sequence[Sequence[np.ndarray | None]]
"""Rows of panels uint8 [H, W, C], of 1, 3 or 4 channels; None leaves a cell empty."""


@dataclass(frozen=True)
class Figure:
    """One figure, ready to be written."""

    name: str
    """The stem of its file."""
    title: str
    caption: str
    """One or two sentences as a paper prints them, with the paper's and the figure's number."""
    picture: np.ndarray
    """uint8 [H, W, 3], its labels on it."""


@dataclass(frozen=True)
class Omitted:
    """A figure that this model cannot have, and why."""

    name: str
    title: str
    reason: str


@dataclass(frozen=True)
class Group:
    """So many neighbouring rows or columns under one name."""

    name: str
    count: int


def panel_size(size: Size) -> Size:
    """(height, width) of the panel of a picture of ``size``: a whole multiple, or a half, a quarter …, of it."""
    longest = max(size)
    if longest < SMALL:
        factor = math.ceil(SMALL / longest)
        return size[0] * factor, size[1] * factor
    divisor = 1 << max(math.ceil(math.log2(longest / LARGE)), 0)
    return max(size[0] // divisor, 1), max(size[1] // divisor, 1)


def panel(picture: np.ndarray, size: Size) -> np.ndarray:
    """A picture [H, W, C] reduced to ``size``, or enlarged by the largest whole factor that ``size`` has room for."""
    height, width = picture.shape[:2]
    if height > size[0] or width > size[1]:
        return np.asarray(as_image(on_white(picture)).convert("RGB").resize(size[::-1], Image.Resampling.BOX))
    return enlarge(picture, min(size[0] // height, size[1] // width))


def layout(
    cells: Cells,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    row_groups: Sequence[Group] = (),
    column_groups: Sequence[Group] = (),
) -> np.ndarray:
    """Panels with their labels → one picture uint8 [H, W, 3]. RGBA is laid on white.

    Args:
        cells: row by row, all rows of one length; panels may differ in size, and stand in the middle of their cell.
        rows, columns: the labels, one for each, or none at all; a label may have several lines. Every
            column is as wide as the widest label, so that they lie evenly.
        row_groups: names that stand upright at the left of all, of groups of rows that lie apart.
        column_groups: names above all, of groups of columns that lie apart.
    """
    count = len(cells[0])
    row_label = max((text_size(text)[0] for text in rows), default=0)
    column_label = max((text_size(text)[1] for text in columns), default=0)
    row_name, column_name = (max((text_size(g.name)[1] for g in gs), default=0) for gs in (row_groups, column_groups))
    left, top = MARGIN + padded(row_name) + padded(row_label), MARGIN + padded(column_name) + padded(column_label)

    heights = [max((one.shape[0] for one in row if one is not None), default=0) for row in cells]
    widths = [max((row[k].shape[1] for row in cells if row[k] is not None), default=0) for k in range(count)]  # type: ignore[union-attr]
    heights = [max(height, text_size(text)[1]) for height, text in zip(heights, rows or [""] * len(cells), strict=True)]
    widths = [max(width, *(text_size(text)[0] + PAD for text in columns or ("",))) for width in widths]
    ys, bottom = places(roomy(heights, row_groups), row_groups, start=top)
    xs, right = places(roomy(widths, column_groups), column_groups, start=left)

    sheet = Image.new("RGB", (right + MARGIN, bottom + MARGIN), (WHITE, WHITE, WHITE))
    for y, row in zip(ys, cells, strict=True):
        for x, one in zip(xs, row, strict=True):
            if one is not None:
                height, width = one.shape[:2]
                shown = as_image(on_white(one)).convert("RGB")
                sheet.paste(shown, (x[0] + (x[1] - width) // 2, y[0] + (y[1] - height) // 2))
    for y, text in zip(ys, rows, strict=False):
        write(sheet, text, (left - PAD, y[0] + y[1] // 2), anchor="rm")
    for x, text in zip(xs, columns, strict=False):
        write(sheet, text, (x[0] + x[1] // 2, top - PAD), anchor="md")
    for name, start, end in spans(ys, row_groups):
        upright = lettering(name, weight="bold").rotate(90, expand=True)
        sheet.paste(upright, (MARGIN + (row_name - upright.width) // 2, (start + end - upright.height) // 2))
    for name, start, end in spans(xs, column_groups):
        write(sheet, name, ((start + end) // 2, MARGIN), anchor="ma", weight="bold")
    return np.asarray(sheet)


Place = tuple[int, int]
"""Where a row or column begins, and how long it is."""


def places(lengths: Sequence[int], groups: Sequence[Group], *, start: int) -> tuple[list[Place], int]:
    """Where rows (or columns) of such lengths lie, and where the last one ends."""
    ends = {sum(group.count for group in groups[: k + 1]) for k in range(len(groups))}
    found, at = [], start
    for index, length in enumerate(lengths):
        if index:
            at += GROUP_GAP if index in ends else GAP
        found.append((at, length))
        at += length
    return found, at


def roomy(lengths: Sequence[int], groups: Sequence[Group]) -> list[int]:
    """Rows (or columns) made longer where a group's name would not fit beside its members."""
    wider, first = list(lengths), 0
    for group in groups:
        members = range(first, first + group.count)
        lacking = text_size(group.name, weight="bold")[0] - sum(wider[k] for k in members) - GAP * (group.count - 1)
        for k in members:
            wider[k] += max(-(-lacking // group.count), 0)
        first += group.count
    return wider


def spans(places: Sequence[Place], groups: Sequence[Group]) -> list[tuple[str, int, int]]:
    """Each group's name, with where it begins and ends."""
    found, first = [], 0
    for group in groups:
        last = places[first + group.count - 1]
        found.append((group.name, places[first][0], last[0] + last[1]))
        first += group.count
    return found


def padded(length: int) -> int:
    return length + PAD if length else 0


# --- lettering ------------------------------------------------------------------------------------------------------


@functools.cache
def font(weight: Weight = "regular") -> ImageFont.FreeTypeFont:
    """STIX, a Times with Greek letters and a minus, which matplotlib brings along."""
    from matplotlib import get_data_path

    name = {"regular": "STIXGeneral", "bold": "STIXGeneralBol"}[weight]
    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}.ttf", FONT_SIZE)


def text_size(text: str, *, weight: Weight = "regular") -> tuple[int, int]:
    """(width, height) of ``text``, whose lines are parted by newlines."""
    lines = text.split("\n")
    return max(math.ceil(font(weight).getlength(line)) for line in lines), LINE * len(lines) if text else 0


def write(sheet: Image.Image, text: str, at: tuple[int, int], *, anchor: str, weight: Weight = "regular") -> None:
    """Write ``text`` so that its left, middle or right (l, m, r) and its top, middle or bottom (a, m, d) lie ``at``."""
    block = lettering(text, weight=weight)
    x = at[0] - {"l": 0, "m": block.width // 2, "r": block.width}[anchor[0]]
    y = at[1] - {"a": 0, "m": block.height // 2, "d": block.height}[anchor[1]]
    sheet.paste(block, (x, y))


def lettering(text: str, *, weight: Weight = "regular") -> Image.Image:
    """``text``, its lines centred, in a block of its own size."""
    width, height = text_size(text, weight=weight)
    block = Image.new("RGB", (max(width, 1), max(height, 1)), (WHITE, WHITE, WHITE))
    draw = ImageDraw.Draw(block)
    for number, line in enumerate(text.split("\n")):
        draw.text((width / 2, LINE * number + LINE * 0.75), line, fill=INK, font=font(weight), anchor="ms")
    return block
