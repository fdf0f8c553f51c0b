"""What each player minimises and how often: training as data.

A ``Term`` is a loss with an interval. Terms of interval 1 of one player share an optimizer step; a lazy term
(interval k) takes a step of its own on every k-th batch, its loss multiplied by k, and Adam is slowed down so
that the extra steps leave its pace unchanged (StyleGAN2, appendix B, "Lazy regularization").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from stylegans.config import Optimizer
from stylegans.training.state import Sample, State

Player = Literal["generator", "discriminator"]

Loss = Callable[[State, Sample], Tensor | Iterator[Tensor]]
"""(state, a batch or part of one) → the loss of each sample ``[n]``, to be averaged and minimised; or its summands, of
which each is differentiated before the next is computed."""

Prepare = Callable[[State, Iterator[Sample]], None]
"""What must be known of a whole batch before the loss of any of its parts."""


@dataclass(frozen=True)
class Term:
    """One summand of a player's objective, computed on every ``interval``-th batch."""

    name: str
    player: Player
    loss: Loss
    interval: int = 1
    share: int = 1
    """It is computed on one of so many of the batch's samples, to save time."""
    is_second_order: bool = False
    """It differentiates a derivative, which compiled networks cannot."""
    prepare: Prepare | None = None
    """Called with a batch's parts where there is more than one."""


@dataclass(frozen=True)
class Phase:
    """One optimizer step: the terms it sums, on every ``every``-th batch, their loss multiplied by ``interval``."""

    player: Player
    terms: tuple[Term, ...]
    interval: int
    every: int


def phases(terms: Sequence[Term], *, d_steps: int = 1) -> list[Phase]:
    """Group terms into optimizer steps: the generator's first, then the discriminator's, dense before lazy.

    ``d_steps``: batches per step of the generator (the critic's steps, n_critic, of WGAN). They stretch its
    intervals but do not weigh: the generator moves less often, not further.
    """
    steps: list[Phase] = []
    players: tuple[Player, ...] = ("generator", "discriminator")
    for player in players:
        stride = d_steps if player == "generator" else 1
        mine = [term for term in terms if term.player == player]
        dense = tuple(term for term in mine if term.interval == 1)
        if dense:
            steps.append(Phase(player, dense, 1, stride))
        steps += [Phase(player, (term,), term.interval, term.interval * stride) for term in mine if term.interval > 1]
    return steps


def lazy_correction(optimizer: Optimizer, intervals: Sequence[int]) -> Optimizer:
    """Adam for a player whose lazy terms add steps: with c = k / (k + 1), lr·c and β^c (StyleGAN2, appendix B).

    The other optimizers stay as they are.
    """
    if optimizer.kind != "adam":
        return optimizer
    c = 1.0
    for interval in intervals:
        if interval > 1:
            c *= interval / (interval + 1)
    return replace(optimizer, lr=optimizer.lr * c, beta1=optimizer.beta1**c, beta2=optimizer.beta2**c)
