"""What a projection leaves in its folder: the latent, pictures before and after, the curve of the distances."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from stylegans.files.atomic import atomic_file, write_text
from stylegans.files.pictures import as_image, enlarge, on_white, save_picture, tile, to_uint8, visible
from stylegans.tools.attribute import SMALLEST, Calibration, density
from stylegans.tools.latents import Latent, write_latent
from stylegans.tools.project import Step
from stylegans.tools.tune import Delta, TuneStep

AnyStep = Step | TuneStep

FRAMES, FPS = 300, 30
"""A video of a descent has about so many frames."""

VISIBLE = 256
"""Its pictures are enlarged to at least so many pixels."""


@dataclass
class Descent:
    """What is kept of a search while its steps go by."""

    distances: list[list[float]] = field(default_factory=list)
    """Of each step, those of all pictures."""
    first: Tensor | None = None
    """The pictures it began with, [N, C, H, W]."""
    last: Tensor | None = None
    latent: Latent | None = None
    delta: Delta | None = None

    def follow(self, steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
        """The same steps."""
        for step in steps:
            self.distances.append(step.distances.tolist())
            self.first = step.images if self.first is None else self.first
            self.last = step.images
            if isinstance(step, Step):
                self.latent = step.latent
            else:
                self.delta = step.delta
            yield step


def psnr(images: Tensor, targets: Tensor) -> list[float]:
    """Peak signal-to-noise ratios of images about [-1, 1], [N, C, H, W], rounded as in a file: 10 log₁₀(255² / MSE)."""
    a, b = (to_uint8(each).astype(np.float64) for each in (images, targets))
    errors = ((a - b) ** 2).mean(axis=(1, 2, 3))
    return [float(10 * np.log10(255**2 / error)) if error else float("inf") for error in errors]


def frames(steps: Iterable[AnyStep], targets: Tensor) -> Iterator[np.ndarray]:
    """A video of the search: a row of the targets over a row of what is drawn, for about 300 of the steps."""
    above = to_uint8(targets)
    scale = -(-VISIBLE // max(above.shape[1:3]))
    for step in steps:
        if step.number % max(1, round(step.total / FRAMES)) == 0 or step.number == step.total:
            sheet = tile(np.concatenate([above, to_uint8(step.images)]), columns=len(above), gap=2)
            yield enlarge(visible(sheet), scale)


# --- the folder -----------------------------------------------------------------------------------------------------


def save_pictures(folder: Path, stem: str, images: Tensor) -> None:
    """``stem.png``, or of several pictures ``stem0.png``, ``stem1.png``, …; arrays of what a PNG does not hold."""
    pictures = to_uint8(images)
    for number, picture in enumerate(pictures):
        save_picture(folder / (stem if len(pictures) == 1 else f"{stem}{number}"), picture)


def save_result(folder: Path, names: Sequence[str], targets: Tensor, projected: Descent, tuned: Descent | None) -> None:
    """Everything but the tuned weights and the video."""
    assert projected.latent is not None  # a search has steps
    assert projected.first is not None
    assert projected.last is not None
    write_latent(folder / "latent.safetensors", projected.latent)
    save_pictures(folder, "target", targets)
    save_pictures(folder, "projected", projected.last)
    columns = {"target": targets, "start": projected.first, "projected": projected.last}
    if tuned is not None and tuned.last is not None:
        save_pictures(folder, "tuned", tuned.last)
        columns["tuned"] = tuned.last
    ends = {"start": projected.distances[0], "projected": projected.distances[-1]}
    if tuned is not None:
        ends["tuned"] = tuned.distances[-1]
    save_figure(folder / "before_after.png", before_after(names, columns, ends))
    parts = {"project": projected.distances} | ({} if tuned is None else {"tune": tuned.distances})
    write_text(folder / "distances.csv", table(names, parts))
    save_figure(folder / "distance.png", curve(names, parts))


def table(names: Sequence[str], parts: dict[str, list[list[float]]]) -> str:
    """The distances as CSV: part, step, and a column for each picture."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "step", *names])
    for part, rows in parts.items():
        writer.writerows([part, number, *(f"{value:.6g}" for value in row)] for number, row in enumerate(rows))
    return text.getvalue()


def save_figure(path: Path, figure: Figure) -> None:
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=130)


# --- figures --------------------------------------------------------------------------------------------------------


def before_after(names: Sequence[str], columns: dict[str, Tensor], distances: dict[str, list[float]]) -> Figure:
    """A row for each picture; under each result its distance and its PSNR."""
    targets = columns["target"]
    height, width = targets.shape[2:]
    side = 2.0
    size = (side * len(columns) * min(1.0, width / height), (side * min(1.0, height / width) + 0.24) * len(names))
    figure = Figure(figsize=(max(size[0], 2.2 * len(columns) ** 0.5), size[1] + 0.2), layout="constrained")
    grid = figure.subplots(len(names), len(columns), squeeze=False)
    for place, (column, images) in enumerate(columns.items()):
        likeness = psnr(images, targets)
        for row, picture in enumerate(visible(to_uint8(images))):
            axes = grid[row][place]
            show(axes, picture)
            if row == 0:
                axes.set_title(column, fontsize=10)
            below = shortened(names[row])
            if column in distances:
                below = f"LPIPS {distances[column][row]:.4f}, {likeness[row]:.1f} dB"
            axes.set_xlabel(below, fontsize=7.5)
    return figure


def show(axes: Axes, picture: np.ndarray) -> None:
    """A picture [H, W, C], transparency on white, in a thin frame."""
    axes.imshow(as_image(on_white(picture)), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_linewidth(0.4)
    axes.spines[:].set_color("0.6")


def shortened(name: str, *, most: int = 24) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


LEGEND = 8
"""More pictures than this share one colour."""


def curve(names: Sequence[str], parts: dict[str, list[list[float]]]) -> Figure:
    """The distances over the steps, the tuning's behind the projection's."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    values = np.array([row for rows in parts.values() for row in rows])
    several = len(names) > LEGEND
    for number, name in enumerate(names):
        style = {"color": "C0", "alpha": 0.4} if several else {"label": shortened(name, most=32)}
        axes.plot(np.arange(len(values)), values[:, number], lw=1, **style)
    if "tune" in parts:
        border = len(parts["project"]) - 0.5
        axes.axvline(border, color="0.5", lw=0.8, ls=":")
        axes.text(border, 0.98, " tuning", transform=axes.get_xaxis_transform(), va="top", fontsize=8, color="0.3")
    axes.set(xlabel="step", ylabel="perceptual distance (LPIPS)", yscale="log")
    axes.margins(x=0.01)
    axes.grid(alpha=0.3, lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if not several:
        axes.legend(fontsize=8, frameon=False)
    return figure


def histogram(calibration: Calibration, names: Sequence[str] = (), distances: Sequence[float] = ()) -> Figure:
    """Distances of own and of real pictures (StyleGAN2, section 5), the threshold, and where others lie."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    everything = np.maximum([*calibration.own, *calibration.real, *distances], SMALLEST)
    low, high = everything.min() / 1.6, everything.max() * 1.6
    bins, fine = np.geomspace(low, high, 36), np.geomspace(low, high, 300)
    width = float(np.log(bins[1] / bins[0]))
    for kind, colour in (("own", "C0"), ("real", "C1")):
        values = np.maximum(getattr(calibration, kind), SMALLEST)
        label = f"{'generated' if kind == 'own' else 'real'} ({len(values)})"
        axes.hist(
            values,
            bins=bins.tolist(),
            weights=np.full(len(values), 1 / (len(values) * width)),
            color=colour,
            alpha=0.35,
        )
        axes.plot(fine, density(values, fine), color=colour, lw=1.2, label=label)
    threshold = f"threshold {calibration.threshold:.3g}"
    axes.axvline(calibration.threshold, color="0.3", lw=0.9, ls="--", label=threshold)
    for number, (name, distance) in enumerate(zip(names, distances, strict=True)):
        label = shortened(name, most=32) if len(names) <= LEGEND else ""
        axes.plot(
            distance, 0, marker="^", ms=8, clip_on=False, ls="", color=f"C{2 + number % 8}", label=label, zorder=3
        )
    axes.set(xscale="log", xlabel="perceptual distance after projection (LPIPS)", ylabel="density over its logarithm")
    axes.set_ylim(bottom=0)
    axes.set_title(f"AUC {calibration.auc:.3f}, balanced accuracy {calibration.accuracy:.3f}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return figure
