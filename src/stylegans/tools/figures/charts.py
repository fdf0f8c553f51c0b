"""Charts in the figures' lettering, as panels, and sheets one below the other."""

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from stylegans.config.sizes import Size
from stylegans.files.pictures import WHITE
from stylegans.tools.figures.sheet import FONT_SIZE, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

TICKS = FONT_SIZE - 3
"""The size of the numbers along the axes."""

BLUE, ORANGE, GREY = "#1f5fa8", "#d97a1e", "#8a8a8a"

PIXELS = 72
"""Dots per inch at which a point is a pixel, so that letters have one size in charts and on sheets."""


def chart(size: Size, plot: Callable[["Axes"], None]) -> np.ndarray:
    """What ``plot`` draws, uint8 [H, W, 3], of ``size`` (height, width) in pixels."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ink = f"#{''.join(f'{part:02x}' for part in INK)}"
    colours = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink)
    sizes = {"font.size": FONT_SIZE} | dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), TICKS)
    settings: dict[Any, Any] = {"font.family": "STIXGeneral", "mathtext.fontset": "stix", **colours, **sizes}
    file = io.BytesIO()
    with rc_context(settings):
        figure = Figure(figsize=(size[1] / PIXELS, size[0] / PIXELS), dpi=PIXELS, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        plot(axes)
        figure.savefig(file, dpi=PIXELS, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def stacked(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Sheets [H, W, 3] one below the other, each in the middle, on white."""
    width = max(sheet.shape[1] for sheet in sheets)
    whole = np.full((sum(len(sheet) for sheet in sheets), width, 3), WHITE, dtype=np.uint8)
    top = 0
    for sheet in sheets:
        left = (width - sheet.shape[1]) // 2
        whole[top : top + len(sheet), left : left + sheet.shape[1]] = sheet
        top += len(sheet)
    return whole


def rounded(axis: "Axis") -> None:
    """On a logarithmic axis ticks at 1, 2, 5, 10, …, or at powers of ten alone where it is long, as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,), numticks=12))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
