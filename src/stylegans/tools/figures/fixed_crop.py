"""A fixed place of the pictures along a walk: what does not move with them (StyleGAN2, section 4, figure 6).

A grown generator makes each level's details where that level's grid has them, and they stay there while the picture
moves: phase artifacts. A column of pixels, drawn side by side along the walk (StyleGAN3, figure 1), shows what stays in
its place as horizontal streaks.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from stylegans.config.sizes import Size
from stylegans.networks.protocol import Generator
from stylegans.tools.curves import slopes, spline
from stylegans.tools.figures.charts import stacked
from stylegans.tools.figures.crops import busiest, detail_size
from stylegans.tools.figures.pictures import enough, equals, setting, shown
from stylegans.tools.figures.samples import span
from stylegans.tools.figures.sheet import GAP, SMALL, Figure, Group, layout, panel, panel_size
from stylegans.tools.figures.stochastic import FRAME, framed, levels
from stylegans.tools.generate import Label, render
from stylegans.tools.walk import Course, Route, route

NAME, TITLE = "fixed-crop", "A fixed crop along a walk"

WALKS, KEYFRAMES = 2, 4
"""Closed smooth curves in W, each through so many seeds."""

FRAMES = 8
"""Of which the pictures are shown."""

STEPS = 128
"""Of which the column of pixels is shown."""

SEGMENT = 128
"""Pixels that the column has at most."""


def fixed_crops(
    G: Generator,
    seeds: Sequence[int] = (0,),
    *,
    steps: int = STEPS,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Figure:
    """Pictures along closed walks in W, the crop with the most detail, and the column of pixels in its middle.

    Args:
        seeds: that the walks lead through, four each; where there are too few, those that follow the last.
        steps: of the strip.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    seeds = enough(seeds, WALKS * KEYFRAMES)
    walks = [seeds[k : k + KEYFRAMES] for k in range(0, len(seeds), KEYFRAMES)]
    cells, strips, shares = [], [], []
    for keys in walks:
        way = route(G, Course(keys, curve="smooth", truncation=truncation, label=label))
        frames = torch.stack(list(along(G, way, keys, FRAMES)))
        size = detail_size(G.img_resolution)
        at = busiest(fine(as_levels(frames)).square().mean(dim=(0, 1)).cpu().numpy(), size)
        column = segment(at, size, G.img_resolution)
        pictures = shown(frames)
        cells.append([marked(each, at, size, column) for each in pictures])
        cells.append([panel(each, panel_size(G.img_resolution)) for each in pictures[:, *window(at, size)]])
        strip, share = followed(along(G, way, keys, steps), at, size, column)
        strips.append(strip)
        shares.append(share)
    width = FRAMES * (panel_size(G.img_resolution)[1] + GAP) - GAP
    names = [f"Seeds {span(keys)}" for keys in walks]
    return Figure(
        NAME,
        TITLE,
        f"Along a closed curve in W through {KEYFRAMES} seeds: pictures, the marked crop, which does not move, and the "
        f"column of {len(strips[0])} pixels in its middle (line), drawn side by side for {steps} steps. Details that "
        "keep to their places while the picture moves, as growing makes them (phase artifacts: StyleGAN2, arXiv "
        "1912.04958, section 4, figure 6), are horizontal streaks in the strip (as StyleGAN3, arXiv 2106.12423, figure "
        f"1). Of the power of the crop's finest detail {' and '.join(map(percent, shares))} stand still; it would be "
        f"{percent(chance(steps))} if each seed had details of its own, and 100 % if all had the same."
        f"{setting(truncation=truncation, label=label)}",
        stacked(
            [
                layout(
                    cells,
                    rows=["picture", "crop"] * WALKS,
                    columns=[equals("t", k / FRAMES) for k in range(FRAMES)],
                    row_groups=[Group(name, 2) for name in names],
                ),
                layout([[widened(strip, width)] for strip in strips], rows=[name.lower() for name in names]),
            ]
        ),
    )


def along(G: Generator, way: Route, seeds: Sequence[int], count: int) -> Iterator[Tensor]:
    """``count`` pictures [C, H, W], float32, evenly spaced on the loop through ``seeds``. The noise stands still."""
    return (render(G, way(len(seeds) * k / count), seeds[:1])[0] for k in range(count))


def followed(
    images: Iterable[Tensor], at: tuple[int, int], size: Size, column: tuple[int, int, int]
) -> tuple[np.ndarray, float]:
    """The column (x, top, length) of images [C, H, W] side by side, uint8 [length, T, C]; the crop's ``standing``."""
    x, top, length = column
    columns, crops = [], []
    for image in images:
        columns.append(shown(image[None])[0][top : top + length, x])
        crops.append(fine(levels(image)[None])[0, :, *window(at, size)].double().cpu())
    return np.stack(columns, axis=1), standing(torch.stack(crops))


def standing(detail: Tensor) -> float:
    """The share of the power of ``detail`` [T, ...] that does not change with time: 1 all, 1/T in the mean of noise."""
    power = float(detail.square().sum(dim=0).sum() / len(detail))
    return float(detail.mean(dim=0).square().sum()) / power if power else 0.0


def chance(steps: int) -> float:
    """What ``standing`` is of details that are independent in the keyframes and blended on the curve between them."""
    keys = torch.eye(KEYFRAMES, dtype=torch.float64)
    derivatives = slopes(keys)
    return standing(torch.stack([spline(keys, derivatives, KEYFRAMES * k / steps) for k in range(steps)]))


def fine(images: Tensor) -> Tensor:
    """What images [N, C, H, W] have beyond the means over 3×3 pixels."""
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return images - F.avg_pool2d(padded, 3, stride=1)


def as_levels(images: Tensor) -> Tensor:
    """Images about [-1, 1], [N, C, H, W] → as figures show them, [N, 1 or 3, H, W], 0 to 255."""
    return torch.stack([levels(image) for image in images])


def window(at: tuple[int, int], size: Size) -> tuple[slice, slice]:
    """Rows and columns of the crop of ``size`` whose top left corner is ``at``."""
    return slice(at[0], at[0] + size[0]), slice(at[1], at[1] + size[1])


def segment(at: tuple[int, int], size: Size, whole: Size) -> tuple[int, int, int]:
    """(x, top, length) of the column in the middle of a crop: at most ``SEGMENT`` pixels of the picture's height."""
    length = min(SEGMENT, whole[0])
    top = min(max(at[0] + (size[0] - length) // 2, 0), whole[0] - length)
    return at[1] + size[1] // 2, top, length


def marked(picture: np.ndarray, at: tuple[int, int], size: Size, column: tuple[int, int, int]) -> np.ndarray:
    """The picture's panel, RGB, with a frame around the crop and a line where the column is."""
    image = Image.fromarray(framed(picture, at, size))
    scale = image.height / picture.shape[0]
    x, top, length = column
    middle = (x + 0.5) * scale
    ImageDraw.Draw(image).line((middle, top * scale, middle, (top + length) * scale - 1), fill=FRAME)
    return np.asarray(image)


def widened(strip: np.ndarray, width: int) -> np.ndarray:
    """A strip [length, T, C] enlarged to about ``width``, and to the height of a panel or more."""
    down, across = max(-(-SMALL // strip.shape[0]), 1), max(width // strip.shape[1], 1)
    return strip.repeat(down, axis=0).repeat(across, axis=1)


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"
