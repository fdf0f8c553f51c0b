"""Principal components of the latents (GANSpace: Härkönen et al. 2020, section 2).

Of a style-based generator the components are those of w itself. Without a mapping network z lies alike in all
directions and has none; there the paper takes the components of the first layer's output and finds by least squares
the latents that they belong to. That layer is linear, so both steps have a closed form here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator
from stylegans.tools.directions.factorisation import first_weights
from stylegans.tools.directions.files import Direction, Found, directions_of
from stylegans.tools.directions.spread import Spread, oriented, space_of, spread_of
from stylegans.tools.generate import Label

SAMPLES = 50_000


def principal_axes(spread: Spread, count: int) -> tuple[Tensor, Tensor]:
    """The first ``count`` axes [count, dim], orthonormal, and the standard deviations [count] along them, both
    float64, the largest first.

    Raises:
        UserError: the vectors do not vary along so many.
    """
    values, vectors = torch.linalg.eigh(spread.covariance)
    _check_count(count, spread.covariance)
    return oriented(vectors.T.flip(0)[:count]), values.flip(0)[:count].clamp(min=0).sqrt()


def axes_through(A: Tensor, spread: Spread, count: int) -> tuple[Tensor, Tensor]:
    """The principal axes of A z, and the directions of z that belong to them by least squares.

    With C = M² the covariance of z and V the axes of A z, of variances Λ, the regression of z on Vᵀ A z has the
    coefficients C AᵀV Λ⁻¹. With A M = V S Wᵀ that is M W S⁻¹: the directions are the columns of M W.

    Returns:
        directions [count, dim], of length 1; the standard deviations [count] of A z along its axes.

    Raises:
        UserError: A z does not vary along so many axes.
    """
    values, vectors = torch.linalg.eigh(spread.covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    gram = root @ A.T @ A @ root
    variances, axes = torch.linalg.eigh(gram)
    _check_count(count, gram)
    directions = (root @ axes).T.flip(0)[:count]
    return oriented(torch.nn.functional.normalize(directions, dim=1)), variances.flip(0)[:count].clamp(min=0).sqrt()


def find_pca(
    G: Generator,
    *,
    count: int = 10,
    samples: int = SAMPLES,
    label: Label | None = None,
    layers: Sequence[int] | None = None,
) -> tuple[Direction, ...]:
    """The first ``count`` principal components of w: pc0, pc1, …, most of the variance first.

    Args:
        samples: latents, of the seeds 0, 1, 2, …
        label: of all of them; None: each seed draws its own class.
        layers: the ws the directions are for; None: all. w is the same for every layer, and so are its components.

    Raises:
        UserError: there are not so many components, or the label is none of the model's.
    """
    spread = spread_of(G, samples=samples, label=label)
    if space_of(G) == "z":
        A = first_weights(G)
        vectors, _ = axes_through(A, spread, count)
        deviations = torch.tensor([spread.along(vector) for vector in vectors], dtype=torch.float64)
        through = vectors @ A.T
        shares = (deviations * through.norm(dim=1)).square() / torch.trace(A @ spread.covariance @ A.T)
    else:
        vectors, deviations = principal_axes(spread, count)
        shares = deviations.square() / torch.trace(spread.covariance)
    found = (
        Found(f"pc{i}", vector, float(deviation), {"variance": float(share)})
        for i, (vector, deviation, share) in enumerate(zip(vectors, deviations, shares, strict=True))
    )
    return directions_of(G, found, method="pca", layers=layers)


def _check_count(count: int, covariance: Tensor) -> None:
    rank = int(torch.linalg.matrix_rank(covariance, hermitian=True))
    if not 1 <= count <= rank:
        raise UserError(f"--count: {count} is not between 1 and {rank}, the axes along which the latents vary")
