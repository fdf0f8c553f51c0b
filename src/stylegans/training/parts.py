"""A batch in parts: for memory's sake it goes through the networks part by part, with the result of the whole batch.

Samples that share a group of the minibatch standard deviation stay together, and every part draws the random
numbers of the whole batch and keeps its own, so that only rounding tells the parts from the whole.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from stylegans.ops.random import Rows, generator_of
from stylegans.training.state import Sample


def split(sample: Sample, parts: int, *, group: int = 1, share: int = 1) -> list[Sample]:
    """The first ``1 / share`` of a batch, in at least as many parts as keep them no larger than ``1 / parts`` of all.

    Args:
        parts: divides the batch.
        group: samples that the discriminator sees as one (see ``DiscriminatorNetwork.group``).
    """
    n = len(sample)
    most, count = max(n // parts, 1), max(n // share, 1)
    if count <= most:
        return [Sample(images=sample.images[:count], labels=sample.labels[:count], random=sample.random)]
    return [_rows(sample, index, total=count) for index in part_rows(count, most=most, group=group)]


def part_rows(n: int, *, most: int, group: int) -> list[Tensor]:
    """Which samples go together: parts of equal size, at most ``most``, each of whole groups (as far as they fit).

    Sample i belongs to group i mod (n / group), in the batch and again in the part.
    """
    groups = n // group if n % group == 0 else n
    parts = next(k for k in range(1, groups + 1) if groups % k == 0 and (n // k <= most or k == groups))
    order = torch.arange(n).reshape(-1, parts, groups // parts)  # [group, part, groups of the part]
    return [order[:, part].reshape(-1) for part in range(parts)]


def in_turn(parts: Sequence[Sample]) -> Iterator[Sample]:
    """One part after another, each before the same random numbers."""
    random = generator_of(parts[0].random)
    start = random.get_state() if len(parts) > 1 else None
    for number, part in enumerate(parts):
        if start is not None and number:
            random.set_state(start)
        yield part


def _rows(sample: Sample, index: Tensor, *, total: int) -> Sample:
    here = index.to(sample.images.device)
    return Sample(
        images=sample.images[here].contiguous(memory_format=torch.channels_last),
        labels=sample.labels[here],
        random=Rows(generator_of(sample.random), total, here),
    )
