"""How the picture passes from coarse resolutions to fine ones over training (StyleGAN2, section 4.2 and figure 8)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegans.config.sizes import Size, parse_size
from stylegans.metrics.resolution_shares import NUM
from stylegans.networks.protocol import Generator
from stylegans.tools.figures import contribution
from stylegans.tools.figures.charts import chart
from stylegans.tools.figures.collection import Request
from stylegans.tools.figures.pictures import grid_name, refuse
from stylegans.tools.figures.sheet import Figure, layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME, TITLE = "shares", "Resolutions over training"

SIZE = (440, 840)
"""(height, width) of the chart."""

FEWEST = 2
"""Ticks that make an area."""

COLOURS, LIGHTEST = "viridis", 0.93
"""From the coarsest resolution, dark, to the finest."""


def missing(G: Generator, request: Request) -> str | None:
    """Why this model cannot have the figure, so requested; None: it can."""
    if request.log is None:
        return contribution.missing(G) or "the model is in no run directory, whose log would have the shares"
    return contribution.missing(G) or _lacking(request.log)


def shares_over_training(entries: Sequence[Mapping[str, Any]]) -> Figure:
    """Each resolution's share of the standard deviation, in percent, over the pictures that the training was shown.

    Args:
        entries: the ticks of a ``log.jsonl``, in its order. Those without shares, from before they were logged, are
            left out; a resolution that had not grown yet has none.

    Raises:
        UserError: fewer than two ticks have shares.
    """
    refuse(NAME, _lacking(entries))
    kimg, sizes, percent = table(entries)
    return Figure(
        NAME,
        TITLE,
        "The share of each resolution in the averaged generator's pictures over training: the standard deviation of "
        f"the pixel values that it adds, taken at each tick over {NUM} pictures of the same latents, not truncated, in "
        "percent of the sum over all resolutions (as StyleGAN2, arXiv 1912.04958, figure 8). What a resolution adds "
        "depends on the wiring: in skip generators it is the output of its to-RGB layer. On the right the shares at "
        "the end.",
        layout([[chart(SIZE, lambda axes: _areas(axes, kimg, sizes, percent))]]),
    )


def table(entries: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, list[Size], np.ndarray]:
    """Of ticks: kimg [ticks], the resolutions, the coarsest first, and their percentages [resolutions, ticks]."""
    ticks = [entry for entry in entries if entry.get("shares")]
    names = {name: parse_size(name) for tick in ticks for name in tick["shares"]}
    ordered = sorted(names, key=lambda name: names[name][0] * names[name][1])
    percent = [[100 * tick["shares"].get(name, 0.0) for tick in ticks] for name in ordered]
    return np.array([tick["kimg"] for tick in ticks]), [names[name] for name in ordered], np.array(percent)


def _lacking(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a log cannot be drawn; None: it can."""
    count = sum(bool(entry.get("shares")) for entry in entries)
    if count >= FEWEST:
        return None
    return f"it needs {FEWEST} ticks with the resolutions' shares; the log of the run has {count or 'none'}"


def _areas(axes: "Axes", kimg: np.ndarray, sizes: Sequence[Size], percent: np.ndarray) -> None:
    from matplotlib import colormaps

    colours = colormaps[COLOURS](np.linspace(0, LIGHTEST, len(sizes)))
    names = [f"{grid_name(size)}  {last:.0f} %" for size, last in zip(sizes, percent[:, -1], strict=True)]
    areas = axes.stackplot(kimg, percent, colors=colours, labels=names, edgecolor="white", linewidth=0.6)
    # as they lie, the finest above
    axes.legend(handles=areas[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, handlelength=1)
    axes.set(xlim=(kimg[0], kimg[-1]), ylim=(0, 100))
    axes.set(xlabel="thousands of pictures shown", ylabel="share of the deviation (%)")
