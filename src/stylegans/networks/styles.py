"""Styles on their way from W to the layers: broadcasting, mixing (StyleGAN, section 3.1), truncation (appendix B)."""

import torch
from torch import Tensor

from stylegans.errors import UserError


def broadcast(w: Tensor, num_ws: int) -> Tensor:
    """One w for all layers: ``[N, w_dim]`` → ``[N, num_ws, w_dim]``."""
    return w.unsqueeze(1).expand(-1, num_ws, -1)


def truncate(ws: Tensor, w_avg: Tensor, *, truncation: float, layers: int | None = None) -> Tensor:
    """The truncation trick: pull ws towards the average, w' = w̄ + ψ·(w − w̄) (StyleGAN, appendix B).

    Args:
        ws: ``[N, num_ws, w_dim]``.
        w_avg: ``[w_dim]``.
        truncation: ψ; 1 changes nothing, 0 gives the average.
        layers: only the first so many layers; None: all.
    """
    if truncation == 1:
        return ws
    if layers is not None and not 0 <= layers <= ws.shape[1]:
        raise UserError(f"truncation layers: {layers} is not between 0 and {ws.shape[1]}, the layers of this model")
    head = ws[:, :layers]
    return torch.cat([w_avg.lerp(head, truncation), ws[:, head.shape[1] :]], dim=1)


def mix(ws: Tensor, others: Tensor, cutoff: int) -> Tensor:
    """Style mixing: layers before ``cutoff`` from ``ws``, the rest from ``others``; both ``[N, num_ws, w_dim]``."""
    return torch.cat([ws[:, :cutoff], others[:, cutoff:]], dim=1)


def draw_cutoff(num_ws: int, *, probability: float, generator: torch.Generator) -> int:
    """Where mixing regularisation crosses over: uniform in 1…num_ws − 1 with ``probability``, else num_ws (nowhere)."""
    mixes = torch.rand([], generator=generator, device=generator.device) < probability
    if num_ws < 2:
        return num_ws
    cutoff = torch.randint(1, num_ws, [], generator=generator, device=generator.device)
    return int(cutoff) if mixes else num_ws
