"""Where a model's latents lie: their mean and covariance, streamed, so that any number fits the memory.

The latents are those of the seeds 0, 1, 2, …, the same that ``stylegans generate`` draws.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator, has_mapping_network
from stylegans.tools.generate import Label, styles

Space = Literal["w", "z"]

BATCH = 1000
"""Latents at a time: no picture is drawn of them."""


@dataclass(frozen=True)
class Spread:
    """Of vectors of ``dim`` numbers."""

    mean: Tensor
    """[dim], float64."""
    covariance: Tensor
    """[dim, dim], float64; of the vectors as the whole population, divided by their number."""

    def along(self, vector: Tensor) -> float:
        """The standard deviation of the latents along ``vector`` [dim], of any length."""
        unit = nn.functional.normalize(vector.detach().cpu().double(), dim=0)
        return float((unit @ self.covariance @ unit).clamp(min=0).sqrt())


def space_of(G: Generator) -> Space:
    """'w', or 'z' for a model without a mapping network, whose W is its normalised Z."""
    return "w" if has_mapping_network(G) else "z"


def some_latents(G: Generator, seeds: Sequence[int], *, label: Label | None = None) -> Iterator[Tensor]:
    """The w [n, w_dim] of ``seeds``, in batches, each of the class that its seed draws or of ``label``.

    Raises:
        UserError: the label is none of the model's.
    """
    for start in range(0, len(seeds), BATCH):
        yield styles(G, seeds[start : start + BATCH], label=label)[:, 0]


def spread(batches: Iterable[Tensor]) -> Spread:
    """Of the vectors [n, dim] of all batches.

    Each batch's moments join those before it (Chan, Golub and LeVeque 1983), which loses nothing to cancellation.

    Raises:
        UserError: there are fewer than two vectors.
    """
    count, mean, scatter = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        x = batch.detach().cpu().double()
        if count == 0:
            mean, scatter = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1], x.shape[1])
        new = len(x)
        shift = x.mean(dim=0) - mean
        centred = x - x.mean(dim=0)
        scatter = scatter + centred.T @ centred + torch.outer(shift, shift) * (count * new / (count + new))
        mean = mean + shift * (new / (count + new))
        count += new
    if count < 2:
        raise UserError(f"--samples: {count} is too few to see how latents vary; use 1000 or more")
    return Spread(mean, scatter / count)


def spread_of(G: Generator, *, samples: int, label: Label | None = None) -> Spread:
    """Of the model's latents of the seeds 0 to ``samples`` − 1.

    Raises:
        UserError: fewer than two samples; or the label is none of the model's.
    """
    return spread(some_latents(G, range(samples), label=label))


def oriented(vectors: Tensor) -> Tensor:
    """Vectors [..., dim], each with the sign that makes its largest number positive: an axis has two directions, and
    which of them a decomposition returns is not defined."""
    largest = vectors.abs().argmax(dim=-1, keepdim=True)
    return torch.where(vectors.gather(-1, largest) < 0, -vectors, vectors)
