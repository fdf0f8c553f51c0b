"""Random numbers for batches that may be processed in parts.

A batch too large for the memory goes through the networks part by part, and must nevertheless see the numbers it
would have seen whole. In a training each part draws those of the whole batch and keeps its own rows (``Rows``): they
continue one generator, which a checkpoint saves. In a measurement, where samples are numbered from the first to the
last and any of them may be asked for anywhere, each sample has a generator of its own (``PerSample``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
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


@dataclass(frozen=True)
class PerSample:
    """One generator for each sample of a batch, in order. Made by ``per_sample``."""

    generators: tuple[torch.Generator, ...]

    def each(self, count: int) -> tuple[torch.Generator, ...]:
        """The generators.

        Raises:
            ValueError: there are not ``count``.
        """
        if count != len(self.generators):
            raise ValueError(f"{count} samples cannot draw from generators for {len(self.generators)}")
        return self.generators


def per_sample(indices: Iterable[int], *, seed: int, device: torch.device) -> PerSample:
    """The random numbers of samples ``indices`` of the endless series that ``seed`` stands for.

    A sample's numbers depend on ``seed``, its index and the kind of ``device`` alone: not on the batch it is drawn in,
    the order of the batches or the process. Samples of one index draw the same numbers, and so does a source made
    again.

    Args:
        indices: 0 or above, one per sample of the batch.
        seed: 0 or above.
        device: of the numbers.
    """
    # the sequence mixes: (1, 0) and (0, 1) share nothing, and neighbours do not start from neighbouring states
    sequences = (np.random.SeedSequence((seed, index)) for index in indices)
    seeds = (int(sequence.generate_state(1, np.uint64)[0]) for sequence in sequences)
    return PerSample(tuple(torch.Generator(device).manual_seed(one) for one in seeds))


@dataclass
class Drawn:
    """Numbers that were drawn before, in the order in which they will be asked for: for compiled code."""

    tensors: list[Tensor]
    taken: int = 0

    def next(self) -> Tensor:
        self.taken += 1
        return self.tensors[self.taken - 1]


Source = torch.Generator | Rows | PerSample | Drawn | None
"""What random numbers are drawn from; None: PyTorch's own generator."""


def randn(*shape: int, source: Source, device: torch.device) -> Tensor:
    """N(0, 1), one row ``[*shape[1:]]`` per sample: ``[shape[0], …]``."""
    if isinstance(source, Drawn):
        return source.next()
    if isinstance(source, PerSample):
        return torch.stack([torch.randn(shape[1:], device=device, generator=one) for one in source.each(shape[0])])
    if isinstance(source, Rows):
        return torch.randn(source.total, *shape[1:], device=device, generator=source.generator)[source.index]
    return torch.randn(*shape, device=device, generator=source)


def rand(*shape: int, source: Source, device: torch.device) -> Tensor:
    """U[0, 1), one row ``[*shape[1:]]`` per sample: ``[shape[0], …]``."""
    if isinstance(source, Drawn):
        return source.next()
    if isinstance(source, PerSample):
        return torch.stack([torch.rand(shape[1:], device=device, generator=one) for one in source.each(shape[0])])
    if isinstance(source, Rows):
        return torch.rand(source.total, *shape[1:], device=device, generator=source.generator)[source.index]
    return torch.rand(*shape, device=device, generator=source)


def generator_of(source: torch.Generator | Rows) -> torch.Generator:
    """For numbers that a whole batch shares."""
    return source.generator if isinstance(source, Rows) else source
