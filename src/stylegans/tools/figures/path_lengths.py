"""Pictures sorted by their own perceptual path length (StyleGAN2, section 3, figures 4 and 5).

Where a small step in W changes the picture much, the picture is seldom good: the region of W is small that it is drawn
from. The path length of one picture is the mean over random directions of what the metric averages over pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from stylegans.losses import path_length
from stylegans.metrics.perceptual_path_length import EPSILON, Path, distances_of
from stylegans.networks.protocol import Generator, device_of
from stylegans.tools.directions import space_of
from stylegans.tools.figures.charts import BLUE, GREY, ORANGE, chart, rounded, stacked
from stylegans.tools.figures.pictures import draw, enough, equals, number, panels, setting
from stylegans.tools.figures.sheet import Figure, Group, layout
from stylegans.tools.generate import Label, labels, latents, styles
from stylegans.tools.perceptual import Perceptual

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME, TITLE = "path-lengths", "Samples by their path length"

SAMPLES, SHOWN = 80, 8
"""Pictures, and how many of the smallest and of the largest path length are shown: a tenth."""

DIRECTIONS = 8
"""That a path length is the mean over."""

CHART, BINS = (300, 520), 24

SMALLEST = 1e-9
"""Lengths below it count as it on a logarithmic axis."""

NAMES = {"lpips_vgg16": "LPIPS of VGG16", "lpips_alexnet": "LPIPS of AlexNet"}


@dataclass(frozen=True)
class Lengths:
    """Of each picture."""

    perceptual: np.ndarray
    """d(G(w), G(w + ε δ)) / ε², the mean over directions δ to other w: [N]."""
    jacobian: np.ndarray
    """‖Jᵀy‖, root mean square over pictures y of noise: [N]."""


def by_path_length(
    G: Generator,
    perceptual: Perceptual,
    seeds: Sequence[int] = (0,),
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    label: Label | None = None,
) -> Figure:
    """The pictures of the smallest and of the largest perceptual path length, and how these are distributed.

    As the metric they are without truncation.

    Args:
        perceptual: the distance.
        seeds: of the pictures; where there are too few, those that follow the last.
        samples: how many; 16 or more.
        seed: of directions and noise.
        label: of all pictures; None: each seed draws its own class.

    Raises:
        UserError: the label is none of this model's.
        ValueError: fewer than 16 samples.
    """
    if samples < 2 * SHOWN:
        raise ValueError(f"{samples} pictures are too few to show {SHOWN} of the smallest and of the largest")
    seeds = enough(seeds, samples)
    found = lengths(G, perceptual, seeds, seed=seed, label=label)
    order = np.argsort(found.perceptual, kind="stable")
    ends = {"Smallest": order[:SHOWN], "Largest": order[::-1][:SHOWN]}
    sheets = []
    for name, which in ends.items():
        pictures = [draw(G, styles(G, (seeds[k],), label=label)) for k in which]
        sheets.append(
            layout(
                [panels(np.concatenate(pictures))],
                columns=[f"seed {seeds[k]}\n{three(found.perceptual[k])}" for k in which],
                row_groups=[Group(name, 1)],
            )
        )
    values = found.perceptual
    rho = rank_correlation(values, found.jacobian)
    spread = 100 * float(found.jacobian.std() / max(found.jacobian.mean(), SMALLEST))
    space = space_of(G).upper()
    charts = [
        chart(CHART, lambda axes: _histogram(axes, values)),
        chart(CHART, lambda axes: _scatter(axes, found)),
    ]
    return Figure(
        NAME,
        TITLE,
        f"Of {samples} pictures those with the smallest and the largest perceptual path length, each the mean over "
        f"{DIRECTIONS} directions in {space} of the distance ({NAMES[perceptual.name]}) between the picture and that "
        f"of a step {number(EPSILON)} away, divided by its square (cf. StyleGAN2, arXiv 1912.04958, section 3, figures "
        f"4 and 5). Left, their distribution, the lowest and the highest tenth in orange; mean {three(values.mean())}, "
        f"median {three(np.median(values))}, 90th percentile {three(np.percentile(values, 90))}. Right, against the "
        "length of the transposed Jacobian's product with noise, which path length regularisation holds even (section "
        f"3.2, equation 4): rank correlation {equals('ρ', round(rho, 2))}; its standard deviation is {spread:.0f} % of "
        "its mean. Not truncated."
        f"{setting(label=label)}",
        stacked([*sheets, layout([charts])]),
    )


def lengths(
    G: Generator, perceptual: Perceptual, seeds: Sequence[int], *, seed: int = 0, label: Label | None = None
) -> Lengths:
    """The path lengths of the pictures of ``seeds``, one picture at a time; ``seed`` draws directions and noise.

    In W, or in Z for a model without a mapping network.
    """
    path = Path(space=space_of(G), ends="end", crop=False)
    device = device_of(G)
    found = []
    for position, each in enumerate(seeds):
        noise = torch.Generator(device=device).manual_seed(seed)
        others = np.random.default_rng((seed, position)).standard_normal((DIRECTIONS, G.z_dim)).astype(np.float32)
        a, c = latents(G, (each,) * DIRECTIONS), labels(G, (each,) * DIRECTIONS, label)
        numbers = range(position * DIRECTIONS, (position + 1) * DIRECTIONS)
        steps = distances_of(G, perceptual, path, a, torch.from_numpy(others).to(device), c, numbers=numbers, seed=seed)
        found.append((float(steps.double().mean()), jacobian(G, each, source=noise, label=label)))
    perceptual_lengths, jacobians = np.array(found, dtype=np.float64).T
    return Lengths(perceptual_lengths, jacobians)


def jacobian(G: Generator, seed: int, *, source: torch.Generator, label: Label | None = None) -> float:
    """‖Jᵀy‖ of the picture of ``seed``, the root mean square over random y from ``source``; its noise stands still."""
    ws = styles(G, (seed,), label=label).repeat(DIRECTIONS, 1, 1).requires_grad_()
    with torch.enable_grad():
        images = G.synthesis(ws).float()
        y = path_length.random_picture(images, generator=source)
        found = path_length.path_lengths(images, ws, y).detach()
    return float(found.double().square().mean().sqrt())


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's ρ of values without ties, [N] each; 0 where either does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    ranks = [np.argsort(np.argsort(each)) for each in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def three(value: float) -> str:
    """With three digits that count."""
    return number(float(f"{value:.3g}"))


def _histogram(axes: "Axes", values: np.ndarray) -> None:
    values = np.maximum(values, SMALLEST)
    low, high = np.percentile(values, [10, 90])
    bins = np.geomspace(values.min() / 1.2, values.max() * 1.2, BINS + 1)
    inside = (values > low) & (values < high)
    axes.hist([values[inside], values[~inside]], bins=bins.tolist(), color=[BLUE, ORANGE], stacked=True, rwidth=0.9)
    axes.axvline(float(values.mean()), color=GREY, ls="--", lw=1.4)
    axes.set(xlabel="perceptual path length", ylabel="pictures", xscale="log", xlim=(bins[0], bins[-1]))
    rounded(axes.xaxis)


def _scatter(axes: "Axes", found: Lengths) -> None:
    x, y = (np.maximum(each, SMALLEST) for each in (found.jacobian, found.perceptual))
    axes.plot(x, y, "o", color=BLUE, ms=5, alpha=0.7, mew=0)
    axes.set(xlabel="$‖J^T y‖$", ylabel="perceptual path length", xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        rounded(axis)
