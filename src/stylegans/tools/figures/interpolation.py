"""Interpolations in Z and in W between the same pictures, side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegans.metrics.perceptual_path_length import lerp
from stylegans.networks.protocol import Generator
from stylegans.networks.resolutions import average_ws
from stylegans.tools.figures.pictures import draw, enough, equals, panels, setting
from stylegans.tools.figures.sheet import Figure, Group, layout
from stylegans.tools.generate import Label, classes, labels, latents, styles
from stylegans.tools.walk import Space, slerp

NAME, TITLE = "interpolations", "Interpolations"

PAIRS, STEPS = 3, 7


def interpolations(
    G: Generator, seeds: Sequence[int] = (0,), *, truncation: float = 1.0, label: Label | None = None
) -> Figure:
    """From one picture to another along a great circle in Z, and below straight in W (of a model with a mapping).

    Args:
        seeds: of the end points, two and two; where there are too few, those that follow the last.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    seeds = enough(seeds, 2 * PAIRS)
    pairs = list(zip(seeds[::2], seeds[1::2], strict=True))
    ways: tuple[Space, ...] = ("z", "w") if G.num_ws > 1 or average_ws(G) is not None else ("z",)  # no mapping, no W
    cells = [
        panels(draw(G, path(G, a, b, space=space, truncation=truncation, label=label)))
        for a, b in pairs
        for space in ways
    ]
    below = " and, below, on the straight line between their styles in W" if len(ways) > 1 else ""
    return Figure(
        NAME,
        TITLE,
        "From the picture of one seed to that of another in even steps, on the great circle between their latents in "
        f"Z (White 2016){below}. {'Both rows have' if below else 'A row has'} the pictures of the seeds at their ends."
        f"{setting(truncation=truncation, label=label)}",
        layout(
            cells,
            rows=[space.upper() for _ in pairs for space in ways],
            columns=[equals("t", round(step / (STEPS - 1), 2)) for step in range(STEPS)],
            row_groups=[Group(pair_name(G, pair, label), len(ways)) for pair in pairs],
        ),
    )


def pair_name(G: Generator, pair: tuple[int, int], label: Label | None) -> str:
    """'Seeds 0 → 1'; where the seeds draw their classes, these below."""
    name = f"Seeds {pair[0]} → {pair[1]}"
    if G.c_dim < 2 or label is not None:
        return name
    first, second = classes(G, pair)
    return f"{name}\nclasses {first} → {second}"


@torch.no_grad()
def path(
    G: Generator,
    start: int,
    end: int,
    *,
    space: Space,
    steps: int = STEPS,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Tensor:
    """The ws [steps, num_ws, w_dim] from the picture of one seed to that of another, in even steps.

    The ends are the seeds' own ws to the bit, in both spaces. On its way through Z the label is blended too.
    """
    ends = torch.cat([styles(G, (seed,), truncation=truncation, label=label) for seed in (start, end)])
    t = torch.linspace(0, 1, steps, dtype=torch.float64).to(ends)[1:-1, None]
    if space == "w":
        between = lerp(ends[0], ends[1], t[:, :, None])
    else:
        z, c = latents(G, (start, end)), labels(G, (start, end), label)
        blended = None if c is None else lerp(c[0], c[1], t)
        between = G.mapping(
            slerp(z[0].expand(steps - 2, -1), z[1].expand(steps - 2, -1), t), blended, truncation=truncation
        )
    return torch.cat([ends[:1], between, ends[1:]])
