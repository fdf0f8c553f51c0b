"""Several processes, one measurement: each computes its share, the first puts the shares together.

Started by ``torchrun``, whose environment variables say who is who. What is exchanged are numbers on the CPU, once per
metric, so that one way of talking (gloo) serves every device.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True)
class Processes:
    """This process among its fellows."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one puts the shares together, writes files and prints."""
        return self.rank == 0

    def mine(self, number: int) -> bool:
        """Whether piece ``number`` of the work is this process's."""
        return number % self.count == self.rank

    def gather(self, share: Any) -> list[Any]:
        """Everyone's share, in order, in the first process; an empty list in the others."""
        if self.count == 1:
            return [share]
        shares: list[Any] | None = [None] * self.count if self.is_first else None
        distributed.gather_object(share, shares)
        return shares or []

    def agree(self, value: Any) -> Any:
        """The first process's ``value``, in all of them."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values)
        return values[0]


ALONE = Processes()


@contextmanager
def from_environment() -> Iterator[Processes]:
    """This process's place among those that ``torchrun`` has started; without it, it is alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    distributed.init_process_group("gloo")
    try:
        yield Processes(rank=distributed.get_rank(), count=count)
    finally:
        distributed.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """The GPU of this process, where several share a machine; any other device as it is."""
    rank = os.environ.get("LOCAL_RANK")
    if device.type != "cuda" or rank is None or ":" in str(device):
        return device
    return torch.device("cuda", int(rank) % torch.cuda.device_count())
