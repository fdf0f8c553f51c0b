"""Conditional manipulation (InterFaceGAN: Shen et al. 2020, section 3.2): one attribute, and not those tied to it.

A direction n₁ along which another attribute n₂ changes too is replaced by its part orthogonal to it,
n₁ − (n₁ᵀ n₂) n₂; with several others, by its part orthogonal to all they span.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.tools.directions.files import Direction
from stylegans.tools.directions.spread import Spread

LEAST = 1e-4
"""The share of a direction's length that must be left: less is rounding."""


def orthogonal(vector: Tensor, others: Sequence[Tensor]) -> Tensor:
    """The part of ``vector`` [dim] that is orthogonal to every one of ``others`` [dim] → [dim], float64."""
    vector = vector.detach().double()
    if not others:
        return vector
    spanned = torch.stack([torch.nn.functional.normalize(other.detach().double(), dim=0) for other in others])
    _, values, basis = torch.linalg.svd(spanned, full_matrices=False)
    basis = basis[values > 1e-6 * values[0]]  # others in one plane span no more than the plane
    rest = vector - basis.T @ (basis @ vector)
    return rest - basis.T @ (basis @ rest)  # once more for what rounding has left


def conditional(direction: Direction, others: Sequence[Direction], spread: Spread) -> Direction:
    """``direction`` without what it shares with ``others``.

    Args:
        spread: of the model's latents, by which the unit of strength is measured anew.

    Raises:
        UserError: the others are of another space or have a vector for each layer, or nothing is left.
    """
    for one in (direction, *others):
        if one.vector.ndim != 1:
            raise UserError(f"--against: {one.name} has a vector for each layer; only one for all can be projected out")
        if one.space != direction.space or one.vector.shape != direction.vector.shape:
            raise UserError(f"--against: {one.name} is of another space than {direction.name}; is it another model's?")
    rest = orthogonal(direction.vector, [other.vector for other in others])
    left = float(rest.norm() / direction.vector.double().norm())
    if left < LEAST:
        names = ", ".join(other.name for other in others)
        raise UserError(f"--against: nothing of {direction.name} is left beside {names}; leave one out")
    return replace(
        direction,
        vector=rest.float(),
        unit=spread.along(rest) / float(rest.norm()),
        facts={**direction.facts, "left": left},
    )
