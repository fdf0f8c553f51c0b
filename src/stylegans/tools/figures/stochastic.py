"""What noise decides: details of one picture under several draws, and where they vary (StyleGAN, figure 4)."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.networks.protocol import Generator, device_of
from stylegans.ops.random import per_sample
from stylegans.tools.figures.crops import busiest, detail_size
from stylegans.tools.figures.noise import missing
from stylegans.tools.figures.pictures import enough, panels, refuse, seed_labels, setting, shown
from stylegans.tools.figures.sheet import Figure, Group, layout, panel, panel_size
from stylegans.tools.generate import Label, styles

NAME, TITLE = "noise-detail", "Stochastic variation"

ROWS, CROPS = 2, 4

REALISATIONS = 100
"""As in the paper."""

FRAME = (230, 40, 40)


def noise_detail(
    G: Generator,
    seeds: Sequence[int] = (0,),
    *,
    realisations: int = REALISATIONS,
    seed: int = 0,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Figure:
    """Pictures, the detail of each that noise changes most under four draws, and each pixel's standard deviation.

    Args:
        seeds: of the rows; where there are too few, those that follow the last.
        realisations: how many draws of the noise the deviation is over; 4 or more.
        seed: of the noise.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: the model has no noise inputs, or an option makes no sense for it.
    """
    refuse(NAME, missing(G))
    if realisations < CROPS:
        raise UserError(f"realisations: {realisations} draws of the noise are too few; use {CROPS} or more")
    seeds = enough(seeds, ROWS)
    ws = [styles(G, (each,), truncation=truncation, label=label) for each in seeds]
    maps = [deviation(map(levels, drawn(G, w, realisations, seed=seed))) for w in ws]
    whitest = max(float(each.max()) for each in maps)
    cells = []
    for w, strength in zip(ws, maps, strict=True):
        pictures = shown(torch.stack(list(drawn(G, w, CROPS, seed=seed))))
        grey = np.rint(strength * (255 / whitest if whitest else 0)).astype(np.uint8)[:, :, None]
        size = detail_size(grey.shape[:2])
        at = busiest(strength, size)
        size_shown = panel_size(grey.shape[:2])
        details = [panel(each[at[0] : at[0] + size[0], at[1] : at[1] + size[1]], size_shown) for each in pictures]
        cells.append([framed(pictures[0], at, size), *details, *panels(grey[None])])
    return Figure(
        NAME,
        TITLE,
        "(a) Generated pictures. (b) The marked detail with different realisations of the noise, all else being "
        f"equal. (c) The standard deviation of each pixel over {realisations} realisations (as StyleGAN, figure 4); "
        f"white is {whitest:.1f} of 255 levels.{setting(truncation=truncation, label=label)}",
        layout(
            cells,
            rows=seed_labels(G, seeds, label),
            column_groups=[
                Group("(a) Picture", 1),
                Group("(b) Detail, different noise", CROPS),
                Group("(c) Deviation", 1),
            ],
        ),
    )


def drawn(G: Generator, ws: Tensor, count: int, *, seed: int) -> Iterator[Tensor]:
    """``count`` pictures [C, H, W] of one ws [1, num_ws, w_dim], each with noise of its own."""
    device = device_of(G)
    with torch.no_grad():
        for index in range(count):
            yield G.synthesis(ws, noise="random", generator=per_sample([index], seed=seed, device=device))[0].float()


def levels(image: Tensor) -> Tensor:
    """An image about [-1, 1], [C, H, W] → as figures show it, but not rounded: [1 or 3, H, W], 0 to 255."""
    values = ((image + 1) * 127.5).nan_to_num(nan=0.0).clamp(0, 255)
    if len(values) == 4:
        alpha = values[3:] / 255
        return values[:3] * alpha + 255 * (1 - alpha)
    return values[:1] if len(values) == 2 else values[:3]


def deviation(pictures: Iterable[Tensor]) -> np.ndarray:
    """The standard deviation of each pixel over pictures [C, H, W], its root mean square over the channels: [H, W].

    By Welford's updates: only sums are kept, and of equal pictures it is 0 to the bit.
    """
    mean = squares = torch.zeros((), dtype=torch.float64)
    count = 0
    for count, picture in enumerate(pictures, start=1):
        values = picture.double().cpu()
        change = values - mean
        mean = mean + change / count
        squares = squares + change * (values - mean)
    found: np.ndarray = (squares / count).mean(dim=0).sqrt().numpy()
    return found


def framed(picture: np.ndarray, at: tuple[int, int], size: Size) -> np.ndarray:
    """The picture's panel, RGB, with a frame around the window of ``size`` whose top left corner is ``at``."""
    (large,) = panels(picture[None])
    image = Image.fromarray(np.broadcast_to(large, (*large.shape[:2], 3)).copy())
    down, across = (side / whole for side, whole in zip(large.shape[:2], picture.shape[:2], strict=True))
    box = (at[1] * across, at[0] * down, (at[1] + size[1]) * across - 1, (at[0] + size[0]) * down - 1)
    ImageDraw.Draw(image).rectangle(box, outline=FRAME, width=2)
    return np.asarray(image)
