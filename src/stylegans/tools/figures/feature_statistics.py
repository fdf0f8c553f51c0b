"""Maxima and norms of the feature maps of each layer: droplets, seen (StyleGAN2, section 2, figures 1 and 3).

Instance normalisation takes from every feature map its magnitude. A generator gets it past by a strong spike in one
place, which dominates the statistics that it is normalised by: in the picture a droplet, in the features one spot far
above all else. Demodulation, which scales weights by what is expected of them, leaves nothing to evade.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stylegans.config import ProGAN, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.config.sizes import Size
from stylegans.networks.protocol import Generator
from stylegans.tools.feature_maps import feature_maps
from stylegans.tools.figures.charts import BLUE, GREY, chart, rounded, stacked
from stylegans.tools.figures.collection import Request
from stylegans.tools.figures.pictures import draw, enough, grid_name, number, refuse, seed_labels, setting
from stylegans.tools.figures.sheet import Figure, Group, layout, panel, panel_size
from stylegans.tools.generate import Label, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME, TITLE = "feature-maps", "Feature maps"

PICTURES = 3
"""Whose maps are shown."""

SAMPLES = 64
"""Over which the ratios are taken."""

LOW, HIGH = 10, 90
"""Percentiles of the band around a median."""

LARGEST = 200
"""Pixels that the longer side of a panel has at most: there are as many rows as layers."""

CHART_HEIGHT = 300

LEAST = 10.0
"""A chart's scale reaches from 1 to this at least."""


def missing(G: Generator, request: Request) -> str | None:
    """Why this model cannot have the figure; None: it can."""
    found = _maps(G, styles(G, request.seeds[:1], truncation=request.truncation, label=request.label))
    return None if found else "this model has no feature maps between layers"


def layer_features(
    G: Generator,
    seeds: Sequence[int] = (0,),
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Figure:
    """The norm of each layer's features at each pixel, the channel with the largest maximum, and how they peak.

    Args:
        seeds: of the pictures whose maps are shown; where there are too few, those that follow the last.
        samples: pictures over which the ratios are taken; 1 or more.
        seed: of these; seeds are consecutive from it.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: the model has no feature maps, or an option makes no sense for it.
    """
    refuse(NAME, missing(G, Request(seeds=seeds, truncation=truncation, label=label)))
    seeds = enough(seeds, PICTURES)
    ws = [styles(G, (each,), truncation=truncation, label=label) for each in seeds]
    pictures = [draw(G, w)[0] for w in ws]
    maps = [_maps(G, w) for w in ws]
    sizes = [(x.shape[2], x.shape[3]) for x in maps[0]]
    values = [x[0].numel() for x in maps[0]]
    size = thumbnail(G.img_resolution)
    cells: list[list[np.ndarray | None]] = [[each for one in pictures for each in (panel(one, size), None)]]
    for layer in range(len(sizes)):
        cells.append([panel(grey(shown), size) for x in maps for shown in (norms(x[layer])[0], strongest(x[layer][0]))])
    sheet = layout(
        cells,
        rows=["picture", *(f"layer {layer}\n{grid_name(each)}" for layer, each in enumerate(sizes))],
        columns=["norm ‖x‖", "channel"] * PICTURES,
        column_groups=[Group(name.capitalize(), 2) for name in seed_labels(G, seeds, label)],
    )
    ratios = peaks(G, samples=samples, seed=seed, truncation=truncation, label=label)
    width = (max(sheet.shape[1], 760) - 40) // 2
    of_all, of_norms = (np.percentile(ratios[:, :, k], [50, LOW, HIGH], axis=0) for k in (0, 1))
    normal = [of_normal_values(n) for n in values]
    charts = [
        chart((CHART_HEIGHT, width), lambda axes: _ratios(axes, of_all, sizes, "largest / mean magnitude", normal)),
        chart((CHART_HEIGHT, width), lambda axes: _ratios(axes, of_norms, sizes, "largest / mean norm")),
    ]
    return Figure(
        NAME,
        TITLE,
        "For each layer the norm ‖x‖ of its features over the channels at each pixel (black is 0, white the map's "
        "largest), and the channel with the largest magnitude, which is white there. Below, how far the largest stands "
        f"above the mean, of all magnitudes of a layer and of the norms of its pixels: median and {LOW}th to {HIGH}th "
        f"percentile of {samples} pictures; dotted, what independent normal values would have. "
        "A droplet, as instance normalisation provokes it, is one bright spot on black and a high ratio from there on; "
        "demodulation gives no cause for it (StyleGAN2, arXiv 1912.04958, section 2, figures 1 and 3). "
        f"{normalisation(G)}Of magnitudes the {highest(of_all[0], sizes)}; of norms the {highest(of_norms[0], sizes)}."
        f"{setting(truncation=truncation, label=label)}",
        stacked([sheet, layout([charts])]),
    )


@torch.no_grad()
def peaks(
    G: Generator, *, samples: int = SAMPLES, seed: int = 0, truncation: float = 1.0, label: Label | None = None
) -> np.ndarray:
    """Of random pictures and each layer max |x| / mean |x| and max ‖x‖ / mean ‖x‖: [samples, layers, 2].

    Seeds are consecutive from ``seed``.
    """
    found = []
    for each in enough((seed,), samples):
        maps = _maps(G, styles(G, (each,), truncation=truncation, label=label))
        found.append([(peak(x.abs()), peak(norms(x))) for x in maps])
    return np.array(found, dtype=np.float64)


def peak(values: Tensor) -> float:
    """max / mean of magnitudes of any shape; 1 where all are 0."""
    mean = float(values.double().mean())
    return float(values.max()) / mean if mean else 1.0


def norms(x: Tensor) -> Tensor:
    """Features [N, C, H, W] → ‖x‖ over the channels [N, H, W]."""
    return x.norm(dim=1)


def strongest(x: Tensor) -> Tensor:
    """Of features [C, H, W] the channel with the largest |x|, from 0 up: [H, W].

    Its sign is turned where x is negative there, so that the largest |x| is always the highest value.
    """
    channel = x[int(x.abs().amax(dim=(1, 2)).argmax())]
    upright = channel if channel.max() >= -channel.min() else -channel
    return upright - upright.min()


def of_normal_values(count: int) -> float:
    """What max |x| / mean |x| of so many independent normal values is, in the median."""
    median = NormalDist().inv_cdf((1 + 0.5 ** (1 / count)) / 2)
    return median / math.sqrt(2 / math.pi)


def normalisation(G: Generator) -> str:
    """A sentence on what keeps this model's features in bounds; empty for one that is not known."""
    config = getattr(G, "config", None)
    if isinstance(config, StyleGAN2 | StyleGAN3):
        return "This model demodulates its weights. "
    if isinstance(config, StyleGAN) and config.instance_norm:
        return "This model normalises by instance (AdaIN); the maps are those behind it. "
    if isinstance(config, ProGAN) or (isinstance(config, StyleGAN) and config.pixel_norm):
        return "This model normalises by pixel, so that all ‖x‖ are equal. "
    return ""


def highest(medians: np.ndarray, sizes: Sequence[Size]) -> str:
    """'median is 41.3 in layer 5 (32²), where it is highest, and 12.1 in the mean of all layers'."""
    layer = int(medians.argmax())
    mean = number(round(float(medians.mean()), 1))
    largest = number(round(float(medians[layer]), 1))
    where = f"layer {layer} ({grid_name(sizes[layer])})"
    return f"median is {largest} in {where}, where it is highest, and {mean} in the mean of all layers"


def grey(values: Tensor) -> np.ndarray:
    """A map [H, W] from 0 up → grey uint8 [H, W, 1], white its largest value."""
    top = float(values.max())
    levels = (values * (255 / top if top > 0 else 0)).nan_to_num(nan=0.0).clamp(0, 255)
    return levels.round().byte().cpu().numpy()[:, :, None]


def thumbnail(size: Size) -> Size:
    """(height, width) of the panels of a picture of ``size``: those of other figures, or half as large."""
    height, width = panel_size(size)
    halves = 2 if max(height, width) > LARGEST else 1
    return max(height // halves, 1), max(width // halves, 1)


@torch.no_grad()
def _maps(G: Generator, ws: Tensor) -> list[Tensor]:
    return [x for _, x in feature_maps(G, ws)]


def _ratios(
    axes: "Axes", found: np.ndarray, sizes: Sequence[Size], name: str, normal: Sequence[float] | None = None
) -> None:
    """Median and band [3, layers] over the layers, on a logarithmic scale."""
    median, low, high = found
    at = np.arange(len(median))
    axes.fill_between(at, low, high, color=BLUE, alpha=0.2, lw=0)
    axes.plot(at, median, "o-", color=BLUE, lw=1.6, ms=5)
    if normal is not None:
        axes.plot(at, normal, ":", color=GREY, lw=1.6)
    firsts = [k for k, size in enumerate(sizes) if k == 0 or size != sizes[k - 1]]
    axes.set_xticks(firsts, [grid_name(sizes[k]) for k in firsts])
    axes.set_xticks(at, minor=True)
    axes.set(ylabel=name, yscale="log")
    axes.set_ylim(1, max(LEAST, 1.2 * float(high.max())))
    rounded(axes.yaxis)
    axes.grid(axis="y", alpha=0.3, lw=0.8)
