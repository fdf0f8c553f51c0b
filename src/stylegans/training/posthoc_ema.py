"""Power-function averages and their length, chosen after training: post-hoc EMA.

Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models" (arXiv 2312.02696), section 3
and appendix C. An average weighs the network of time τ by a power of τ, so that it stretches with the training and
soon forgets the random start. One or two such averages are kept; from their snapshots an average of any other length
is put together by least squares.

Time is counted in pictures from 0. Only its ratios matter.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from stylegans.errors import UserError

Floats = NDArray[np.float64]

LONGEST = 0.28
"""The relative length of an average of everything alike (γ = 0) is 12^-½, a little more."""

TOLERANCE = 0.1
"""A profile put together from snapshots may differ from the one wanted by this share of its norm."""

COPIED = ("noise_const", "lod")
"""Buffers of which an average has no meaning: fixed noise maps, the stage of growth. A tensor's last name."""

RCOND = 1e-11
"""Directions in which the snapshots differ by less are rounding errors of their weights."""

_PART = "generator_power_"


# --- one average ----------------------------------------------------------------------------------------------------


def gamma_of(length: float, *, option: str = "--ema-length") -> float:
    """The exponent γ of a profile of relative length σ: the largest real root of a cubic (appendix C).

    From ``length_of``, squared: γ³ + 7γ² + (16 - σ⁻²)γ + 12 - σ⁻² = 0.

    Raises:
        UserError: the length is not above 0 and at most 0.28.
    """
    if not 0 < length <= LONGEST:
        raise UserError(f"{option}: {length} is no relative length; use one above 0, up to {LONGEST}; 0.1 is usual")
    return _largest_root(length)


@functools.cache  # every update asks
def _largest_root(length: float) -> float:
    inverse = length**-2.0
    roots = np.roots([1, 7, 16 - inverse, 12 - inverse])
    return float(roots[np.abs(roots.imag) < 1e-9 * np.abs(roots)].real.max())


def length_of(gamma: float) -> float:
    """σ_rel = (γ + 1)^½ (γ + 2)⁻¹ (γ + 3)^-½: the profile's standard deviation, as a share of the training so far
    (section 3.1)."""
    return float(np.sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2))


def decay(*, images: int, batch: int, length: float) -> float:
    """β_γ = (1 - batch / images)^(γ + 1), of the update after which ``images`` have been seen (section 3.1).

    The weights that a sequence of such updates gives are exactly the integrals of the profile over their batches,
    whatever their sizes. The first update replaces what was there.

    Args:
        batch: pictures since the last update.
        length: σ_rel.
    """
    return float((1 - batch / images) ** (gamma_of(length) + 1))


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, *, beta: float) -> None:
    """average ← β·average + (1 - β)·network, for parameters and for what the network averages itself (w_avg, running
    statistics): snapshots of these are combined too. Other buffers are copied."""
    mine, theirs = average.state_dict(), network.state_dict()
    averaged = [name for name, tensor in mine.items() if is_averaged(name, tensor)]
    torch._foreach_lerp_([mine[name] for name in averaged], [theirs[name] for name in averaged], 1 - beta)
    for name in mine.keys() - set(averaged):
        mine[name].copy_(theirs[name])


def is_averaged(name: str, tensor: Tensor) -> bool:
    """Whether an average of the tensor over time, or over models, has a meaning."""
    return tensor.is_floating_point() and name.rpartition(".")[2] not in COPIED


def part_name(length: float) -> str:
    """The average's part in a snapshot: 'generator_power_0.05'."""
    return f"{_PART}{float(length)}"


def part_length(part: str) -> float | None:
    """The relative length of the average in a snapshot's part; None for other parts."""
    try:
        return float(part.removeprefix(_PART)) if part.startswith(_PART) else None
    except ValueError:
        return None


# --- profiles and their combination ---------------------------------------------------------------------------------


def profile(times: ArrayLike, *, end: float, gamma: float) -> Floats:
    """p(τ) = (γ + 1) τ^γ / t^(γ + 1) up to t = ``end``, then 0: the weight of time τ in the average (section 3.1)."""
    relative = np.asarray(times, np.float64) / end
    return np.where(relative <= 1, (gamma + 1) / end * relative**gamma, 0.0)


def inner(end_a: ArrayLike, gamma_a: ArrayLike, end_b: ArrayLike, gamma_b: ArrayLike) -> Floats:
    """⟨p_a, p_b⟩ = ∫ p_a(τ) p_b(τ) dτ of two profiles with their ends and exponents, elementwise (appendix C).

    (γa + 1)(γb + 1) / (γa + γb + 1) · min(ta, tb)^(γa + γb + 1) / (ta^(γa + 1) tb^(γb + 1)), in ratios that cannot
    overflow.
    """
    ta, a, tb, b = (np.asarray(x, np.float64) for x in (end_a, gamma_a, end_b, gamma_b))
    earlier = np.minimum(ta, tb)
    share: Floats = (earlier / ta) ** a * (earlier / tb) ** b
    return (a + 1) * (b + 1) / (a + b + 1) * share / np.maximum(ta, tb)


def solve_weights(times: ArrayLike, gammas: ArrayLike, *, target_time: float, target_gamma: float) -> Floats:
    """The weights of snapshots that best make up the profile wanted, in least squares (section 3.2 and appendix C).

    Beyond the paper they are held to a sum of 1, so that a parameter that has come to rest stays what it is however few
    snapshots there are; with many it makes no difference.

    Args:
        times: when each snapshot was taken, [N].
        gammas: exponent of each one's average, [N].
        target_time: not before the last snapshot that matters, usually that itself.
        target_gamma: exponent of the average wanted.

    Returns:
        [N], float64.
    """
    return _solve(times, gammas, target_time=target_time, target_gammas=[target_gamma])[:, 0]


def misfit(
    weights: ArrayLike, times: ArrayLike, gammas: ArrayLike, *, target_time: float, target_gamma: float
) -> float:
    """‖Σ w_i p_i - p‖ / ‖p‖: how far the combined profile is from the one wanted.

    That is the relative error to expect of a parameter that is noise from one batch to the next; of a random walk it
    is several times smaller, and of one at rest 0.
    """
    w, t, g = (np.asarray(x, np.float64) for x in (weights, times, gammas))
    norm = inner(target_time, target_gamma, target_time, target_gamma)
    square = w @ _gram(t, g) @ w - 2 * w @ inner(t, g, target_time, target_gamma) + norm
    return math.sqrt(max(float(square / norm), 0.0))


def reachable(times: ArrayLike, gammas: ArrayLike, *, target_time: float) -> list[tuple[float, float]]:
    """The ranges of relative lengths, to 0.005, that the snapshots represent within ``TOLERANCE``."""
    kept: set[float] = {round(length_of(gamma), 4) for gamma in np.asarray(gammas, np.float64)}
    lengths = sorted(kept.union(round(0.005 * step, 3) for step in range(1, round(LONGEST / 0.005) + 1)))
    targets = [gamma_of(length) for length in lengths]
    weights = _solve(times, gammas, target_time=target_time, target_gammas=targets)
    ranges: list[tuple[float, float]] = []
    broken = True
    for length, gamma, column in zip(lengths, targets, weights.T, strict=True):
        if misfit(column, times, gammas, target_time=target_time, target_gamma=gamma) > TOLERANCE:
            broken = True
        else:
            ranges = [*ranges, (length, length)] if broken else [*ranges[:-1], (ranges[-1][0], length)]
            broken = False
    return ranges


def _gram(times: Floats, gammas: Floats) -> Floats:
    return inner(times[:, None], gammas[:, None], times[None], gammas[None])


def _solve(times: ArrayLike, gammas: ArrayLike, *, target_time: float, target_gammas: Sequence[float]) -> Floats:
    """Weights [N, targets]: stationary points of the Lagrangian, for profiles scaled to norm 1."""
    t, g = np.asarray(times, np.float64), np.asarray(gammas, np.float64)
    gram = _gram(t, g)
    norms = np.sqrt(np.diag(gram))
    ones = 1 / norms / np.linalg.norm(1 / norms)  # Σ w_i = 1 in terms of the scaled weights, w_i ‖p_i‖
    system = np.block([[gram / norms / norms[:, None], ones[:, None]], [ones, np.zeros(1)]])
    wanted = inner(t[:, None], g[:, None], target_time, np.asarray(target_gammas, np.float64)) / norms[:, None]
    total = np.full((1, len(target_gammas)), 1 / np.linalg.norm(1 / norms))
    scaled = np.linalg.lstsq(system, np.concatenate([wanted, total]), rcond=RCOND)[0][:-1]
    return np.asarray(scaled / norms[:, None], np.float64)
