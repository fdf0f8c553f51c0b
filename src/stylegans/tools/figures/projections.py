"""Generated and real pictures, and what projection finds for them (StyleGAN2, section 5, figures 9 and 10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.pictures import WHITE, as_image, quantise, tile
from stylegans.networks.protocol import Generator, device_of, has_mapping_network
from stylegans.tools.attribute import SMALLEST, auc, from_uint8
from stylegans.tools.figures.charts import BLUE, ORANGE, chart, stacked
from stylegans.tools.figures.collection import Request
from stylegans.tools.figures.pictures import enough, number, panels, refuse, shown
from stylegans.tools.figures.samples import span
from stylegans.tools.figures.sheet import GAP, LINE, MARGIN, PAD, Figure, Group, layout, text_size, write
from stylegans.tools.generate import generate
from stylegans.tools.perceptual import Perceptual, open_perceptual
from stylegans.tools.project import nearest_start, project
from stylegans.tools.project_report import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME, TITLE = "projections", "Projection of generated and real pictures"

ROWS = 4
"""Pairs of each kind that are shown."""

ENOUGH = 8
"""Pictures of each kind that make a histogram."""

BATCH = 8
"""Pictures that are searched for at a time."""

BINS = 24
CHART_WIDTH, CHART_HEIGHT = 500, 300
"""Pixels of a model's histogram; it may be wider."""

COLOURS = {"generated": BLUE, "real": ORANGE}
"""Blue and orange, as in figure 10."""

DISTANCES = {"lpips_alexnet": "AlexNet-LPIPS", "lpips_vgg16": "VGG16-LPIPS"}


@dataclass(frozen=True)
class Projected:
    """Targets, and what the search came to."""

    targets: Tensor
    """[N, C, H, W], in [-1, 1]."""
    images: Tensor
    """[N, C, H, W], about [-1, 1]."""
    distances: tuple[float, ...]


def missing(G: Generator, request: Request) -> str | None:
    """Why the figure cannot be drawn of this model as it is asked for; None: it can."""
    models = [G] if request.beside is None else [G, request.beside[1]]
    if request.reals is None or len(request.reals) == 0:
        return "it needs real pictures to project; name a set of them with --data"
    return unfit(models, request.reals)


def unfit(models: Sequence[Generator], reals: Tensor) -> str | None:
    """Why ``reals`` cannot be projected by ``models``; None: they can."""
    for place, G in enumerate(models):
        which = "the model beside" if place else "this model"
        if not has_mapping_network(G):
            return f"{which} has no mapping network, so it has no W to project into"
        shape, found = (G.img_channels, *G.img_resolution), tuple(reals.shape[1:])
        if shape != found:
            return f"{which} draws pictures of {sides(shape)}, not {sides(found)} as the real ones"
    return None


def sides(shape: Sequence[int]) -> str:
    """(C, H, W) → '3 channels and 32 × 64'."""
    channels, height, width = shape
    return f"{channels} channel{'s' * (channels != 1)} and {width} × {height}"


def projections(models: Sequence[tuple[str, Generator]], reals: Tensor, *, seed: int, steps: int) -> Figure:
    """Pairs of a target and its projection into W, of each model's own pictures and of real ones, with their distance.

    From eight real pictures on the distances of both kinds are also shown as a histogram for each model. As many own
    pictures are projected as there are real ones, rounded as in a file; the search is that of attribution: from the
    nearest of 512 random pictures, since a search from the mean of w may end far from a picture that the model can
    draw, where its pictures are of very different kinds. It sees with VGG16 where its weights are in the cache.

    Args:
        models: one or two, each with its name.
        reals: in [-1, 1], [N, C, H, W], of the models' size and channels.
        seed: the first of the own pictures, which are consecutive, and that of the search's noise.
        steps: of the search.

    Raises:
        UserError: a model has no mapping network or draws pictures of another shape, or there are no real pictures.
    """
    perceptual = open_perceptual(device=device_of(models[0][1]))
    found = searched([G for _, G in models], reals, perceptual, seed=seed, steps=steps)
    return drawn([name for name, _ in models], found, perceptual, seed=seed, steps=steps)


Kinds = dict[str, Projected]
"""'generated' and 'real' pictures, as many of each."""


def searched(
    models: Sequence[Generator], reals: Tensor, perceptual: Perceptual, *, seed: int, steps: int
) -> list[Kinds]:
    """For each model what is found for its own pictures and for the real ones; arguments as ``projections``.

    Raises:
        UserError: as ``projections``.
    """
    if len(reals) == 0:
        raise UserError(f"{NAME}: there are no real pictures; give one or more")
    refuse(NAME, unfit(models, reals))
    count, found = len(reals), []
    for G in models:
        targets = torch.cat([own(G, enough((seed,), count)), reals.cpu()])
        both = projected(G, targets, perceptual, steps=steps, seed=seed)
        found.append({"generated": part(both, 0, count), "real": part(both, count, 2 * count)})
    return found


def drawn(names: Sequence[str], found: Sequence[Kinds], perceptual: Perceptual, *, seed: int, steps: int) -> Figure:
    """The figure of what was ``searched``; ``names`` are the models'."""
    names = [shortened(name) for name in names]
    columns = [pairs(kind) for each in found for kind in each.values()]
    picture = layout(
        list(zip(*columns, strict=True)),
        columns=["generated", "real"] * len(names),
        column_groups=[Group(name, 2) for name in names],
    )
    if many(found):
        width = max((picture.shape[1] - 2 * MARGIN) // len(names) - GAP, CHART_WIDTH)
        picture = stacked([picture, layout([histograms(found, width=width)])])
    return Figure(NAME, TITLE, caption(names, found, perceptual, seed=seed, steps=steps), picture)


def many(found: Sequence[Kinds]) -> bool:
    """Whether there are enough for a histogram."""
    return len(found[0]["real"].distances) >= ENOUGH


@torch.no_grad()
def own(G: Generator, seeds: Sequence[int]) -> Tensor:
    """The model's pictures of ``seeds``, rounded as in a file, [N, C, H, W] on the CPU."""
    return torch.cat([from_uint8(quantise(images)).cpu() for _, images in generate(G, seeds, batch=BATCH)])


def projected(G: Generator, targets: Tensor, perceptual: Perceptual, *, steps: int, seed: int = 0) -> Projected:
    """Project ``targets`` [N, C, H, W] into W, some at a time, each from the nearest of 512 random pictures."""
    images, distances = [], []
    for some in targets.split(BATCH):
        start = nearest_start(G, some, perceptual)
        *_, end = project(G, some, perceptual, steps=steps, start=start, seed=seed)
        images.append(end.images.float().cpu())
        distances += end.distances.tolist()
    return Projected(targets, torch.cat(images), tuple(distances))


def part(whole: Projected, first: int, end: int) -> Projected:
    return Projected(whole.targets[first:end], whole.images[first:end], whole.distances[first:end])


def caption(names: Sequence[str], found: Sequence[Kinds], perceptual: Perceptual, *, seed: int, steps: int) -> str:
    count = len(found[0]["real"].distances)
    rows = enough((seed,), min(count, ROWS))
    said = (
        f"Targets, each with what {steps} step{'s' * (steps != 1)} of projection into W found for it at its right and "
        f"the distance of the two below ({DISTANCES[perceptual.name]}): generated pictures, "
        f"{f'seeds {span(rows)}' if len(rows) > 1 else f'seed {rows[0]}'}, and real ones (as StyleGAN2, figure 9)."
    )
    if not many(found):
        return said
    shares = [auc(each["generated"].distances, each["real"].distances) for each in found]
    said_of_each = [
        f"{100 * share:.0f}\N{NO-BREAK SPACE}%" + (f" ({name})" if len(names) > 1 else "")
        for name, share in zip(names, shares, strict=True)
    ]
    return (
        f"{said} Below, the distances of {count} generated and {count} real pictures (cf. figure 10): of two "
        f"pictures, one of each kind, the generated one comes nearer in {' and '.join(said_of_each)} of the cases."
    )


# --- the picture ----------------------------------------------------------------------------------------------------


def pairs(found: Projected) -> list[np.ndarray]:
    """The first few targets, each with its projection at its right and their distance below."""
    rows = [panels(shown(images[:ROWS])) for images in (found.targets, found.images)]
    return [pair(a, b, distance) for a, b, distance in zip(*rows, found.distances, strict=False)]


def pair(target: np.ndarray, projection: np.ndarray, distance: float) -> np.ndarray:
    """Two panels [H, W, C] side by side, the distance below, with space around → uint8 [H', W', 3]."""
    text = f"{distance:.4f}"
    two = as_image(tile(np.stack([target, projection]), columns=2, gap=GAP))
    width = max(two.width, text_size(text)[0]) + 2 * PAD
    sheet = Image.new("RGB", (width, two.height + LINE + PAD), (WHITE, WHITE, WHITE))
    sheet.paste(two.convert("RGB"), ((width - two.width) // 2, 0))
    write(sheet, text, (width // 2, two.height), anchor="ma")
    return np.asarray(sheet)


def histograms(found: Sequence[Kinds], *, width: int) -> list[np.ndarray]:
    """For each model how often each distance occurs, uint8 [H, width, 3]; the axes are the same."""
    values = [{kind: np.maximum(one.distances, SMALLEST) for kind, one in each.items()} for each in found]
    everything = np.concatenate([one for each in values for one in each.values()])
    bins = np.geomspace(everything.min() / 1.3, everything.max() * 1.3, BINS + 1)
    most = max(int(np.histogram(one, bins)[0].max()) for each in values for one in each.values())
    size = (CHART_HEIGHT, width)
    return [chart(size, partial(_histogram, values=each, bins=bins, most=most)) for each in values]


def _histogram(axes: "Axes", values: dict[str, np.ndarray], bins: np.ndarray, most: int) -> None:
    """The distances of both kinds, with their medians."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    for kind, colour in COLOURS.items():
        middle = float(np.median(values[kind]))
        label = f"{kind}: median {number(float(f'{middle:.2g}'))}"
        axes.hist(values[kind], bins=bins.tolist(), color=colour, alpha=0.55, label=label)
        axes.axvline(middle, color=colour, lw=1.4, ls="--")
    axes.set(xscale="log", xlabel="distance after projection", ylabel="pictures", ylim=(0, 1.05 * most))
    few = bins[-1] < 200 * bins[0]
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=12))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False, columnspacing=1.2)
