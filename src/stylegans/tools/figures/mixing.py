"""Style mixing by coarse, middle and fine layers (StyleGAN, figure 3)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stylegans.networks.protocol import Generator
from stylegans.tools.figures.pictures import draw, enough, panels, refuse, seed_labels, setting
from stylegans.tools.figures.sheet import Figure, Group, layout
from stylegans.tools.generate import Label, styles
from stylegans.tools.layers import groups_of
from stylegans.tools.mix import mix_layers

NAME, TITLE = "style-mixing", "Style mixing"

COLUMNS, ROWS = 5, 2
"""Sources B, and sources A for each group of layers."""


def missing(G: Generator) -> str | None:
    """Why this model cannot have the figure; None: it can."""
    return "one style serves all layers of this model, so there is nothing to mix" if G.num_ws == 1 else None


def style_mixing(
    G: Generator, seeds: Sequence[int] = (0,), *, truncation: float = 1.0, label: Label | None = None
) -> Figure:
    """Pictures of sources A with the coarse, the middle or the fine styles of sources B.

    Args:
        seeds: first of the sources A, then of the sources B; where there are too few, those that follow the last.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: the model has one w for all its layers; or an option makes no sense for it.
    """
    refuse(NAME, missing(G))
    groups = layer_groups(G)
    seeds = enough(seeds, ROWS * len(groups) + COLUMNS)
    a_seeds, b_seeds = seeds[:-COLUMNS], seeds[-COLUMNS:]
    a, b = (styles(G, some, truncation=truncation, label=label) for some in (a_seeds, b_seeds))
    mixtures = mixed(a, b, [layers for layers in groups.values() for _ in range(ROWS)])
    cells = [[None, *panels(draw(G, b))]]
    cells += [[*panels(draw(G, source[None])), *panels(draw(G, row))] for source, row in zip(a, mixtures, strict=True)]
    return Figure(
        NAME,
        TITLE,
        f"The pictures of sources A with some styles of sources B, and their own styles for the rest "
        f"(as StyleGAN, figure 3): {described(groups)}.{setting(truncation=truncation, label=label)}",
        layout(
            cells,
            rows=["", *seed_labels(G, a_seeds, label)],
            columns=["", *seed_labels(G, b_seeds, label)],
            row_groups=[Group("", 1), *(Group(f"{name.capitalize()} styles\nfrom source B", ROWS) for name in groups)],
            column_groups=[Group("Source A", 1), Group("Source B", COLUMNS)],
        ),
    )


def layer_groups(G: Generator) -> dict[str, tuple[int, ...]]:
    """Coarse, middle and fine, as far as this model has them → their ws."""
    every = tuple(range(G.num_ws))
    return {name: every[slice(*ends)] for name, ends in groups_of(G).items() if every[slice(*ends)]}


def mixed(a: Tensor, b: Tensor, layers: Sequence[Sequence[int]]) -> Tensor:
    """Each of ``a`` [A, num_ws, w_dim] with its ``layers`` from each of ``b`` [B, …] → [A, B, num_ws, w_dim]."""
    return torch.stack([mix_layers(own.expand_as(b), b, chosen) for own, chosen in zip(a, layers, strict=True)])


def described(groups: Mapping[str, Sequence[int]]) -> str:
    """'coarse styles are those of layers 0–3, middle of layers 4–7'."""
    ranges = [f"{name} of layers {layers[0]}–{layers[-1]}" for name, layers in groups.items()]
    return ", ".join(ranges).replace(" of", " styles are those of", 1)
