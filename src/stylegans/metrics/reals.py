"""The real pictures of a data set, as metrics need them, worked out once per machine.

Features are kept on the disk under a name made of everything that determines them: the pictures' contents, which of
them, the network's weights. A changed picture or network has another name, so that nothing stale can be read.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterator
from collections.abc import Generator as Steps
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.cache import cache_folder, prune
from stylegans.files.pictures import to_8_bits
from stylegans.files.tensors import read_header, read_tensors, write_tensors
from stylegans.metrics.features.network import FeatureNetwork
from stylegans.metrics.frechet import Accumulator, Gaussian, statistics
from stylegans.metrics.processes import ALONE, Processes

T = TypeVar("T")

FEWEST = 4
"""Pictures a distance needs: two in each half of its floor."""

MOST_KEPT = 200_000
"""Of a larger choice, so many pictures' features stay in memory for the metrics that compare pictures one by one; the
Gaussian is of all."""

CACHE_BYTES = 8 << 30
"""The cache's files used longest ago go when it grows beyond this."""

LAYOUT = 1
"""Of a cached file; part of its name."""


class Pictures(Protocol):
    """What is asked of a data set. With ``xflip`` its second half is the first, mirrored."""

    xflip: bool

    def __len__(self) -> int: ...

    def image(self, index: int, /) -> np.ndarray:
        """uint8 [C, H, W]; of uint16 a metric sees 8 bits."""
        ...

    def label(self, index: int, /) -> np.ndarray:
        """float32 [c_dim], of length 0 when the set was opened without labels."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a measurement is."""

    what: str
    """Like 'real pictures seen by mobilenet_v2'."""
    done: int
    total: int


@dataclass(frozen=True)
class Choice:
    """Which real pictures a metric compares with."""

    num: int | None = None
    """So many, drawn by ``seed`` when there are more; None: all."""
    mirrored: bool = False
    """The mirrored ones too, if the set has them."""
    seed: int = 0


@dataclass(frozen=True)
class RealSet:
    """Real pictures as one network sees them."""

    features: np.ndarray
    """[kept, dim], at most ``MOST_KEPT``."""
    gaussian: Gaussian
    """Of all of them."""
    _worked_out: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    def once(self, name: Hashable, work_out: Callable[[], T]) -> T:
        """What ``work_out`` gives, worked out when ``name`` is first asked for."""
        if name not in self._worked_out:
            self._worked_out[name] = work_out()
        value: T = self._worked_out[name]
        return value

    def halves(self, seed: int) -> tuple["RealSet", "RealSet"]:
        """Two halves, drawn by ``seed``: what they are from one another is what a perfect generator would be."""
        order = np.random.default_rng(seed).permutation(len(self.features))
        first, second = (real_set(self.features[np.sort(half)]) for half in np.array_split(order, 2))
        return first, second


def real_set(features: np.ndarray) -> RealSet:
    """Of features [N, dim]."""
    return RealSet(features, statistics(features))


@dataclass
class RealFeatures:
    """A data set's real pictures, seen once by each network that asks: they are the slow part of a measurement.

    Make one per data set and give it to every measurement. What has been worked out stays in memory and, of sets that
    can say what they hold (``content_hash``), on the disk.
    """

    dataset: Pictures
    _known: dict[str, RealSet] = field(default_factory=dict)
    _hash: str | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of its pictures."""
        channels, height, width = self.dataset.image(0).shape
        return channels, height, width

    @property
    def count(self) -> int:
        """Pictures in the set, the mirrored ones left out."""
        return len(self.dataset) // 2 if self.dataset.xflip else len(self.dataset)

    def chosen(self, choice: Choice) -> np.ndarray:
        """The numbers of the pictures, rising: int64.

        Raises:
            UserError: there are fewer than four.
        """
        count = len(self.dataset) if choice.mirrored else self.count
        if count < FEWEST:
            raise UserError(f"--data: a distance needs at least {FEWEST} real pictures, not {count}")
        return np.sort(np.random.default_rng(choice.seed).permutation(count)[: choice.num])

    def pictures(
        self, numbers: np.ndarray, *, batch: int, device: torch.device, processes: Processes = ALONE
    ) -> Iterator[tuple[range, Tensor]]:
        """This process's share of the pictures ``numbers``: (which of the numbers, uint8 [n, C, H, W]), in batches."""
        for piece, start in enumerate(range(0, len(numbers), batch)):
            if processes.mine(piece):
                some = numbers[start : start + batch]
                images = np.stack([self.dataset.image(int(index)) for index in some])
                yield range(start, start + len(some)), torch.from_numpy(to_8_bits(images)).to(device)

    def some(self, numbers: np.ndarray) -> np.ndarray:
        """The pictures ``numbers`` [...], uint8 [..., C, H, W]."""
        images = np.stack([self.dataset.image(int(number)) for number in numbers.flatten()])
        return to_8_bits(images).reshape(*numbers.shape, *images.shape[1:])

    def labels(self, num: int, *, c_dim: int, seed: int) -> Tensor:
        """Labels [num, c_dim] of pictures drawn by ``seed``: as the set has them, as often as it has them.

        Raises:
            UserError: the set's labels have another length, or it was opened without.
        """
        drawn = np.random.default_rng(seed).integers(self.count, size=num)
        labels = np.stack([self.dataset.label(int(index)) for index in drawn])
        if labels.shape[1] != c_dim:
            theirs = f"labels of length {labels.shape[1]}" if labels.shape[1] else "none, or was opened without"
            raise UserError(f"labels: the model takes labels of length {c_dim}, the data set has {theirs}")
        return torch.from_numpy(labels)

    def features(
        self,
        network: FeatureNetwork,
        choice: Choice,
        *,
        batch: int,
        device: torch.device,
        sha256: str = "",
        processes: Processes = ALONE,
    ) -> Steps[Progress, None, RealSet | None]:
        """What ``network`` sees of the chosen pictures; None in all processes but the first.

        Args:
            sha256: of the network's weights; without it nothing is read from or written to the disk.

        Raises:
            UserError: there are fewer than four pictures.
        """
        numbers = self.chosen(choice)
        key = self._key(network, sha256, choice, count=len(numbers))
        known = (
            (self._recall(key) or self._part_of_all(network, sha256, choice, numbers)) if processes.is_first else None
        )
        if processes.agree(known is not None):
            return known
        accumulator = Accumulator(network.dim)
        kept = np.sort(np.random.default_rng(choice.seed).permutation(len(numbers))[:MOST_KEPT])
        is_kept = np.zeros(len(numbers), dtype=bool)
        is_kept[kept] = True
        places, parts = [], []
        seen = 0
        for positions, images in self.pictures(numbers, batch=batch, device=device, processes=processes):
            with torch.no_grad():
                features = network(images).cpu().numpy()
            accumulator.update(features)
            of_these = is_kept[positions.start : positions.stop]
            places.append(np.asarray(positions)[of_these])
            parts.append(features[of_these])
            seen += len(positions) * processes.count
            yield Progress(f"real pictures seen by {network.name}", min(seen, len(numbers)), len(numbers))
        shares = processes.gather((accumulator, _joined(places), _joined(parts, width=network.dim)))
        if not shares:
            return None
        for other, _, _ in shares[1:]:
            accumulator.merge(other)
        order = np.argsort(np.concatenate([share[1] for share in shares]), kind="stable")
        result = RealSet(np.concatenate([share[2] for share in shares])[order], accumulator.gaussian())
        self._remember(key, result)
        return result

    def _part_of_all(self, network: FeatureNetwork, sha256: str, choice: Choice, numbers: np.ndarray) -> RealSet | None:
        """What is known of all the pictures is known of some of them."""
        count = len(self.dataset) if choice.mirrored else self.count
        whole = self._recall(self._key(network, sha256, replace(choice, num=None), count=count))
        return real_set(whole.features[numbers]) if whole is not None and len(whole.features) == count else None

    # --- the cache ----------------------------------------------------------------------------------------------------

    def _key(self, network: FeatureNetwork, sha256: str, choice: Choice, *, count: int) -> str:
        whole = count == (len(self.dataset) if choice.mirrored else self.count)
        parts = {
            "network": network.name,
            "weights": sha256,
            "count": count,
            "seed": None if whole and count <= MOST_KEPT else choice.seed,
            "mirrored": choice.mirrored and self.dataset.xflip,
            "layout": LAYOUT,
        }
        return json.dumps(parts, sort_keys=True)

    def _path(self, key: str) -> Path | None:
        """Of the cached file; None where the set cannot say what it holds, or the network what its weights are."""
        content_hash = getattr(self.dataset, "content_hash", None)
        if content_hash is None or not json.loads(key)["weights"]:
            return None
        if self._hash is None:
            self._hash = f"{content_hash()} {getattr(self.dataset, 'resolution', '')}"
        name = hashlib.sha256(f"{self._hash} {key}".encode()).hexdigest()
        return cache_folder("features") / f"{name}.safetensors"

    def _recall(self, key: str) -> RealSet | None:
        if key in self._known:
            return self._known[key]
        path = self._path(key)
        if path is None or not path.exists():
            return None
        try:
            if read_header(path).metadata.get("key") != key:
                return None
            stored = {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
            path.touch()  # used now
            gaussian = Gaussian(stored["mean"], stored["covariance"], int(stored["count"]))
            self._known[key] = RealSet(stored["features"], gaussian)
        except (UserError, KeyError, OSError):  # damaged, or not ours: it is made again
            return None
        return self._known[key]

    def _remember(self, key: str, result: RealSet) -> None:
        self._known[key] = result
        path = self._path(key)
        if path is None:
            return
        tensors = {
            "features": torch.from_numpy(result.features),
            "mean": torch.from_numpy(result.gaussian.mean),
            "covariance": torch.from_numpy(result.gaussian.covariance),
            "count": torch.tensor(result.gaussian.count),
        }
        try:
            write_tensors(path, tensors, metadata={"key": key})
            prune(path.parent, most_bytes=CACHE_BYTES)
        except OSError:  # no room or no right to write: the measurement itself goes on
            return


def _joined(parts: list[np.ndarray], *, width: int | None = None) -> np.ndarray:
    if parts:
        return np.concatenate(parts)
    return np.zeros((0,) if width is None else (0, width), dtype=np.int64 if width is None else np.float32)
