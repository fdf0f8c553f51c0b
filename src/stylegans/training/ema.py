"""The generator's moving average, the network that is kept (Progressive GAN, section 6; ramp-up from StyleGAN2-ADA)."""

import torch
from torch import nn


def decay(*, batch: int, half_life: float, seen: int, rampup: float | None) -> float:
    """β such that a weight's influence halves every ``half_life`` pictures.

    Args:
        batch: pictures per update.
        half_life: in pictures.
        seen: pictures so far.
        rampup: the half-life is at most this share of ``seen``, so that the average forgets the random start.
    """
    if rampup is not None:
        half_life = min(half_life, seen * rampup)
    return 0.5 ** (batch / max(half_life, 1e-8))


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, *, beta: float) -> None:
    """average ← β·average + (1 - β)·network for parameters; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - beta)
    for mine, theirs in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)
