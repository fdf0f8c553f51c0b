"""Arithmetic with latents (DCGAN, section 6.3.2 and figure 7): smiling woman − neutral woman + neutral man.

One latent is too unsteady for it, so each notion is the mean of a few whose pictures show it. Around the result stand
pictures of its neighbourhood.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.pictures import tile, to_uint8
from stylegans.networks.protocol import Generator, has_mapping_network
from stylegans.tools.generate import Label, labels, latents, render, styles

Space = Literal["z", "w"]

NEIGHBOURS = 8
"""Around the result in a square of nine."""

REACH = 0.25
"""Neighbours differ from the result by uniform noise in ± this, as in the paper."""


@dataclass(frozen=True)
class Group:
    """A notion: seeds whose pictures show it, and whether it is added (+1) or subtracted (-1)."""

    seeds: tuple[int, ...]
    sign: Literal[1, -1] = 1


@dataclass(frozen=True)
class Equation:
    """The pictures of an equation, each uint8 [H, W, C]."""

    members: tuple[np.ndarray, ...]
    """For each group, those of its seeds, [n, H, W, C]."""
    means: np.ndarray
    """The picture of each group's mean latent, [groups, H, W, C]."""
    result: np.ndarray
    neighbours: np.ndarray
    """[8, H, W, C]."""


def combine(means: Tensor, signs: Sequence[int]) -> Tensor:
    """The sum of the means [groups, L, D], each with its sign → [1, L, D]."""
    return (means * means.new_tensor(signs)[:, None, None]).sum(dim=0, keepdim=True)


def neighbourhood(point: Tensor, *, reach: float, seed: int) -> Tensor:
    """Eight points around ``point`` [1, L, D] → [8, L, D], uniformly in ± ``reach``, by the same for all L layers."""
    uniform = torch.rand(NEIGHBOURS, 1, point.shape[2], generator=torch.Generator().manual_seed(seed))
    return point + reach * (2 * uniform - 1).to(point)


def vector_arithmetic(
    G: Generator,
    groups: Sequence[Group],
    *,
    space: Space = "z",
    reach: float = REACH,
    seed: int = 0,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Equation:
    """Draw every group, its mean, the signed sum of the means, and what lies around that. The noise stands still.

    Args:
        groups: the terms, in order.
        space: 'z' sums latents, as in the paper; where the network normalises them, the sum's length does not
            matter. 'w' sums what the mapping network makes of them.
        reach: of the neighbours, in the units of the space. The paper's latents are uniform, not normal as here, and
            spread less.
        seed: of the neighbours.
        truncation: ψ, on all layers.
        label: for all of them; None: each seed draws its own, which only w can sum.

    Raises:
        UserError: no group or an empty one, or an option that makes no sense for this model.
    """
    check(G, groups, space=space, reach=reach, label=label)

    def draw(points: Tensor) -> np.ndarray:  # one at a time: no more memory than for one picture
        ws = to_styles(G, points, truncation=truncation, label=label) if space == "z" else points
        return np.concatenate([to_uint8(render(G, w[None], (0,))) for w in ws])

    members = [
        latents(G, group.seeds)[:, None] if space == "z" else styles(G, group.seeds, truncation=truncation, label=label)
        for group in groups
    ]
    means = torch.stack([points.mean(dim=0) for points in members])
    result = combine(means, [group.sign for group in groups])
    return Equation(
        members=tuple(draw(points) for points in members),
        means=draw(means),
        result=draw(result)[0],
        neighbours=draw(neighbourhood(result, reach=reach, seed=seed)),
    )


def check(G: Generator, groups: Sequence[Group], *, space: Space, reach: float, label: Label | None) -> None:
    """
    Raises:
        UserError: as ``vector_arithmetic``.
    """
    if not groups:
        raise UserError("groups: there is nothing to add up; give one group of seeds or more")
    for number, group in enumerate(groups, start=1):
        if not group.seeds:
            raise UserError(f"groups: group {number} has no seeds; give it one or more, like 1,5,9")
    if not (math.isfinite(reach) and reach >= 0):
        raise UserError(f"reach: {reach} is no distance; use 0 or more, 0.25 is the paper's")
    if space == "w" and not has_mapping_network(G):
        raise UserError("space: this model has no mapping network, so there is no w; use z")
    if space == "z" and G.c_dim and label is None:
        raise UserError("--class: in z the result has no class of its own; choose one, or add up in w")


@torch.no_grad()
def to_styles(G: Generator, points: Tensor, *, truncation: float, label: Label | None) -> Tensor:
    """Latents [N, 1, z_dim], all of one class → ws [N, num_ws, w_dim]."""
    c = labels(G, range(len(points)), label)
    return G.mapping(points[:, 0], c, truncation=truncation)


def square(equation: Equation, *, gap: int = 0) -> np.ndarray:
    """The result amid its neighbours, three by three, as in figure 7; ``gap`` white pixels between them."""
    half = NEIGHBOURS // 2
    around = equation.neighbours
    return tile(np.concatenate([around[:half], equation.result[None], around[half:]]), columns=3, gap=gap)
