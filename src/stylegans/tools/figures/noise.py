"""Noise at all layers, at none, at the fine or at the coarse ones (StyleGAN, figure 5)."""

from collections.abc import Sequence

import numpy as np

from stylegans.networks.protocol import Generator
from stylegans.tools.figures.crops import busiest, detail_size
from stylegans.tools.figures.pictures import enough, grid_name, panels, refuse, seed_groups, setting, shown
from stylegans.tools.figures.sheet import Figure, layout, panel, panel_size
from stylegans.tools.generate import Label, styles
from stylegans.tools.noise_inputs import coarse_and_fine, noise_grids, synthesise_with

NAME, TITLE = "noise-layers", "Noise by layers"

ROWS = 2


def missing(G: Generator) -> str | None:
    """Why this model cannot have the figure; None: it can."""
    return None if G.has_noise else "this model has no noise inputs"


def noise_layers(
    G: Generator, seeds: Sequence[int] = (0,), *, truncation: float = 1.0, label: Label | None = None
) -> Figure:
    """Pictures with all noise, without, with that of the fine and with that of the coarse layers alone, and a detail.

    The noise is that of the stored maps; the detail, of all but the smallest pictures, is where it changes most.

    Args:
        seeds: of the rows; where there are too few, those that follow the last.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: the model has no noise inputs, or an option makes no sense for it.
    """
    refuse(NAME, missing(G))
    seeds = enough(seeds, ROWS)
    chosen = choices(G)
    large, (height, width) = panel_size(G.img_resolution), detail_size(G.img_resolution)
    closer = (height, width) != G.img_resolution
    cells = []
    for seed in seeds:
        ws = styles(G, (seed,), truncation=truncation, label=label)
        pictures = np.concatenate([shown(synthesise_with(G, ws, inputs)) for inputs in chosen.values()])
        cells.append(panels(pictures))
        if closer:
            change = np.abs(pictures[0].astype(np.float64) - pictures[1]).mean(axis=2)
            top, left = busiest(change, (height, width))
            cells.append([panel(each, large) for each in pictures[:, top : top + height, left : left + width]])
    below = " Below each picture the detail that noise changes most." if closer else ""
    return Figure(
        NAME,
        TITLE,
        f"The effect of noise inputs at different layers (as StyleGAN, figure 5): {described(G)}.{below}"
        f"{setting(truncation=truncation, label=label)}",
        layout(
            cells,
            rows=(["picture", "detail"] if closer else [""]) * len(seeds),
            columns=list(chosen),
            row_groups=seed_groups(G, seeds, label, rows=1 + closer),
        ),
    )


def choices(G: Generator) -> dict[str, tuple[str, ...]]:
    """Each column's label → the noise inputs that are heard; of a single grid all or none."""
    coarse, fine = coarse_and_fine(G)
    heard: dict[str, tuple[str, ...]] = {"all": (*coarse, *fine), "none": ()}
    if coarse:
        heard |= {"fine": fine, "coarse": coarse}
    return {f"({letter}) {name}": inputs for letter, (name, inputs) in zip("abcd", heard.items(), strict=False)}


def described(G: Generator) -> str:
    """'(a) at all layers, (b) at none, (c) at 64² to 1024², (d) at 4² to 32²'."""
    said = "(a) noise at all layers, (b) at none"
    coarse, fine = coarse_and_fine(G)
    if not coarse:
        return f"{said}; this model has noise at one resolution only"
    sizes = noise_grids(G)
    for letter, inputs in (("c", fine), ("d", coarse)):
        names = list(dict.fromkeys(grid_name(sizes[name]) for name in inputs))
        said += f", ({letter}) at {names[0]}" + (f" to {names[-1]}" if len(names) > 1 else "")
    return said
