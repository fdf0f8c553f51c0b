"""What is kept of pictures while they pass, and how the shares of several processes become one."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from stylegans.metrics.features.network import FeatureNetwork
from stylegans.metrics.sliced_wasserstein import Descriptors


class Collector(Protocol):
    """Sees the pictures, or this process's share of them, each once and in batches."""

    num: int
    """It keeps something of the pictures below this number."""

    def update(self, numbers: range, images: Tensor) -> None:
        """Pictures uint8 [N, C, H, W], and which they are."""
        ...

    def share(self) -> Any:
        """What has been kept, to be sent to the first process."""
        ...

    def join(self, shares: Iterable[Any]) -> Any:
        """What all have kept, in the order of the pictures' numbers."""
        ...


class Features:
    """What a network sees of each picture: float32 [num, dim]."""

    def __init__(self, network: FeatureNetwork, num: int) -> None:
        self.network, self.num = network, num
        self._parts: dict[int, np.ndarray] = {}

    @torch.no_grad()
    def update(self, numbers: range, images: Tensor) -> None:
        wanted = below(self.num, numbers)
        if wanted:
            self._parts[numbers.start] = self.network(images[:wanted]).cpu().numpy()

    def share(self) -> dict[int, np.ndarray]:
        return self._parts

    def join(self, shares: Iterable[dict[int, np.ndarray]]) -> np.ndarray:
        return in_order(shares)


class Pairs:
    """A distance or similarity of picture 2i and picture 2i + 1: float64 [num // 2]."""

    def __init__(self, compare: Callable[[Tensor, Tensor], Tensor], num: int) -> None:
        """``compare``: pictures uint8 [N, C, H, W] twice → [N]."""
        self.compare, self.num = compare, num
        self._parts: dict[int, np.ndarray] = {}

    @torch.no_grad()
    def update(self, numbers: range, images: Tensor) -> None:
        if numbers.start % 2:
            raise ValueError(f"pairs begin at even numbers, not at {numbers.start}")
        wanted = below(self.num, numbers) // 2 * 2
        if wanted:
            pairs = self.compare(images[0:wanted:2], images[1:wanted:2])
            self._parts[numbers.start] = pairs.double().cpu().numpy()

    def share(self) -> dict[int, np.ndarray]:
        return self._parts

    def join(self, shares: Iterable[dict[int, np.ndarray]]) -> np.ndarray:
        return in_order(shares)


class Patches:
    """What the sliced Wasserstein distance compares."""

    def __init__(self, num: int, *, seed: int) -> None:
        self.num, self._descriptors = num, Descriptors(seed=seed)

    def update(self, numbers: range, images: Tensor) -> None:
        wanted = below(self.num, numbers)
        self._descriptors.update(images[:wanted], numbers=numbers[:wanted])

    def share(self) -> Descriptors:
        return self._descriptors

    def join(self, shares: Iterable[Descriptors]) -> Descriptors:
        whole, *others = shares
        for other in others:
            whole.extend(other)
        return whole


def below(num: int, numbers: range) -> int:
    """How many of ``numbers`` are below ``num``."""
    return max(0, min(len(numbers), num - numbers.start))


def in_order(shares: Iterable[dict[int, np.ndarray]]) -> np.ndarray:
    """Batches by the number of their first picture → all of them, one after another."""
    parts = {start: part for share in shares for start, part in share.items()}
    return np.concatenate([parts[start] for start in sorted(parts)])
