"""Random numbers for batches that may be processed in parts.

A batch too large for the memory goes through the networks part by part, and must nevertheless see the numbers it
would have seen whole: each part draws those of the whole batch and keeps its own rows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """The random numbers of some samples of a batch. The same ``generator`` state must be put back for every part."""

    generator: torch.Generator
    total: int
    """Samples in the whole batch."""
    index: Tensor
    """int64 [n]: which of them."""


Source = torch.Generator | Rows | None
"""What random numbers are drawn from; None: PyTorch's own generator."""


def randn(*shape: int, source: Source, device: torch.device) -> Tensor:
    """N(0, 1), one row ``[*shape[1:]]`` per sample: ``[shape[0], …]``."""
    if isinstance(source, Rows):
        return torch.randn(source.total, *shape[1:], device=device, generator=source.generator)[source.index]
    return torch.randn(*shape, device=device, generator=source)


def rand(*shape: int, source: Source, device: torch.device) -> Tensor:
    """U[0, 1), one row ``[*shape[1:]]`` per sample: ``[shape[0], …]``."""
    if isinstance(source, Rows):
        return torch.rand(source.total, *shape[1:], device=device, generator=source.generator)[source.index]
    return torch.rand(*shape, device=device, generator=source)


def generator_of(source: torch.Generator | Rows) -> torch.Generator:
    """For numbers that a whole batch shares."""
    return source.generator if isinstance(source, Rows) else source
