"""Directions in the latent space: found, kept in files, and followed.

Found by closed-form factorisation (``find_sefa``), as principal components (``find_pca``), as the normals of linear
boundaries (``find_boundary``) or as differences of groups (``find_difference``); freed of one another by
``conditional``; applied by ``apply_direction``.
"""

from stylegans.tools.directions.apply import Move, apply_direction, apply_directions, strip
from stylegans.tools.directions.boundary import Boundary, find_boundary, fit_boundary
from stylegans.tools.directions.components import find_pca, principal_axes
from stylegans.tools.directions.conditional import conditional, orthogonal
from stylegans.tools.directions.factorisation import eigenvectors, find_sefa, style_weights
from stylegans.tools.directions.files import Direction, read_directions, write_directions
from stylegans.tools.directions.groups import difference, find_difference
from stylegans.tools.directions.spread import Spread, space_of, spread, spread_of

__all__ = [
    "Boundary",
    "Direction",
    "Move",
    "Spread",
    "apply_direction",
    "apply_directions",
    "conditional",
    "difference",
    "eigenvectors",
    "find_boundary",
    "find_difference",
    "find_pca",
    "find_sefa",
    "fit_boundary",
    "orthogonal",
    "principal_axes",
    "read_directions",
    "space_of",
    "spread",
    "spread_of",
    "strip",
    "style_weights",
    "write_directions",
]
