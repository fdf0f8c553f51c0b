"""Strips with captions: pictures in rows and columns, a word beside each row and above each column."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylegans.files.pictures import WHITE, as_image, enlarge, on_white

GAP, MARGIN = 2, 6
"""White pixels between pictures, and around captions."""

FONT, FONT_SIZE = "fonts/ttf/DejaVuSans.ttf", 12
"""Matplotlib's own, which has a minus sign; Pillow's has none."""

INK = (60, 60, 60)


def caption(strength: float) -> str:
    """'+1.5', '−3', '0'."""
    return f"{strength:+.3g}".replace("-", "−") if strength else "0"


def captioned(
    pictures: np.ndarray, *, rows: Sequence[str], columns: Sequence[str], title: str = "", scale: int = 1
) -> np.ndarray:
    """Pictures uint8 [R, S, H, W, C], of 1, 3 or 4 channels, with their captions → one picture, RGB.

    RGBA is laid on white.

    Args:
        rows, columns: R and S captions.
        title: a line above all.
        scale: every pixel is drawn so many times as wide and high.
    """
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path(), FONT)), FONT_SIZE)

    def width_of(text: str) -> int:
        return int(np.ceil(font.getlength(text)))

    line = FONT_SIZE + MARGIN
    count, steps, height, width = pictures.shape[:4]
    height, width = height * scale, width * scale
    cell = max(width, *(width_of(text) for text in columns))
    left = max(width_of(text) for text in rows) + 2 * MARGIN
    top = (line if title else 0) + line + MARGIN
    right = left + steps * (cell + GAP) - GAP
    size = (max(right, left + width_of(title)) + MARGIN, top + count * (height + GAP) - GAP + MARGIN)
    sheet = Image.new("RGB", size, (WHITE, WHITE, WHITE))
    draw = ImageDraw.Draw(sheet)
    draw.text((left, MARGIN), title, fill=INK, font=font)
    for column, text in enumerate(columns):
        draw.text((left + column * (cell + GAP) + cell // 2, top - MARGIN // 2), text, fill=INK, font=font, anchor="md")
    for row, text in enumerate(rows):
        y = top + row * (height + GAP)
        draw.text((left - MARGIN, y + height // 2), text, fill=INK, font=font, anchor="rm")
        for column in range(steps):
            shown = as_image(enlarge(on_white(pictures[row, column]), scale)).convert("RGB")
            sheet.paste(shown, (left + column * (cell + GAP) + (cell - width) // 2, y))
    return np.asarray(sheet)
