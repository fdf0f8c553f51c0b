"""Uncurated pictures at mixed resolutions (StyleGAN, figure 2)."""

import math
from collections.abc import Sequence

import numpy as np

from stylegans.files.pictures import WHITE
from stylegans.networks.protocol import Generator
from stylegans.tools.figures.pictures import draw, enough, setting
from stylegans.tools.figures.sheet import Figure, layout, panel
from stylegans.tools.generate import Label, styles

NAME, TITLE = "uncurated", "Uncurated samples"

SHARES = (1, 1, 2, 2, 4, 4, 4, 4)
"""Each column's pictures are so many times smaller than the largest, and twice so many stand in it."""

ROWS = 2
"""Of the largest pictures."""

LARGEST = 384
"""Pixels that the longer side of the largest has at most."""


def uncurated(
    G: Generator, seeds: Sequence[int] = (0,), *, truncation: float = 1.0, label: Label | None = None
) -> Figure:
    """Pictures as the seeds give them, none left out, in three sizes, the largest at the left.

    Args:
        seeds: of the pictures, column by column; where there are too few, those that follow the last.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    seeds = enough(seeds, ROWS * sum(SHARES))
    pictures = np.concatenate([draw(G, styles(G, (seed,), truncation=truncation, label=label)) for seed in seeds])
    drawn = "each of a class that its seed draws, " if G.c_dim > 1 and label is None else ""
    return Figure(
        NAME,
        TITLE,
        f"Pictures of the seeds {span(seeds)}, {drawn}column by column, at three sizes (as StyleGAN, figure 2). "
        f"None was left out.{setting(truncation=truncation, label=label)}",
        layout([[mosaic(pictures)]]),
    )


def mosaic(pictures: np.ndarray) -> np.ndarray:
    """Pictures [N, H, W, C], N = ROWS · Σ SHARES, column by column without gaps → one picture."""
    height, width, channels = pictures.shape[1:]
    power = math.floor(math.log2(LARGEST / max(height, width)))
    large = (scaled(height, power), scaled(width, power))
    cells = [(max(large[0] // share, 1), max(large[1] // share, 1)) for share in SHARES]
    sheet = np.full((ROWS * large[0], sum(cell[1] for cell in cells), channels), WHITE, dtype=np.uint8)
    rest, x = iter(pictures), 0
    for share, (h, w) in zip(SHARES, cells, strict=True):
        for row in range(ROWS * share):
            shown = panel(next(rest), (h, w))[:, :, :channels]
            sheet[row * h : row * h + shown.shape[0], x : x + shown.shape[1]] = shown
        x += w
    return sheet


def scaled(side: int, power: int) -> int:
    """side · 2^power, rounded down."""
    return side << power if power >= 0 else max(side >> -power, 1)


def span(seeds: Sequence[int]) -> str:
    """'0 to 43', or the first few and the last of seeds that are not neighbours."""
    if list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return f"{', '.join(map(str, seeds[:6]))}, … {seeds[-1]}"
