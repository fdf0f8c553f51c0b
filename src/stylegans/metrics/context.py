"""What every metric of one measurement shares: the generator, the real pictures, the networks, and how to proceed."""

from collections.abc import Generator as Steps
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.metrics import sampling
from stylegans.metrics.attributes import AttributeClassifiers
from stylegans.metrics.collectors import Collector
from stylegans.metrics.features.catalogue import Networks
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.processes import ALONE, Processes
from stylegans.metrics.reals import Choice, Progress, RealFeatures, RealSet
from stylegans.metrics.recipes import Recipe
from stylegans.metrics.sampling import Sampling, batch_for
from stylegans.networks.protocol import Generator, device_of

T = TypeVar("T")

Outcome = Steps[Progress, None, Measurement | None]
"""Progress, and in the end a measurement; None in all processes but the first."""


@dataclass(frozen=True)
class Context:
    """One measurement."""

    subject: Generator | RealFeatures
    """What is measured: a generator, or pictures from wherever they are."""
    reals: RealFeatures | None
    networks: Networks
    seed: int
    batch: int | None
    resamples: int
    classifiers: AttributeClassifiers | None
    """Of a separability's attributes; None: learnt from the data set's labels."""
    processes: Processes = ALONE

    @property
    def G(self) -> Generator:
        """The generator.

        Raises:
            UserError: pictures are measured, and there is none.
        """
        if isinstance(self.subject, RealFeatures):
            raise UserError(
                "MODEL: path length, separability and mixing draw pictures of their own and need a model, not pictures"
            )
        return self.subject

    @property
    def device(self) -> torch.device:
        return self.networks.device if isinstance(self.subject, RealFeatures) else device_of(self.subject)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures."""
        if isinstance(self.subject, RealFeatures):
            return self.subject.shape
        return (self.subject.img_channels, *self.subject.img_resolution)

    @property
    def pictures_at_a_time(self) -> int:
        """Even, so that no pair is torn."""
        return batch_for(self.shape[1:], self.device) if self.batch is None else self.batch + self.batch % 2

    def available(self, num: int) -> int:
        """``num``, or the number of pictures where there are fewer."""
        return min(num, self.subject.count) if isinstance(self.subject, RealFeatures) else num

    def pictures(self, num: int) -> Iterator[tuple[range, Tensor]]:
        """This process's share of the pictures that are measured: (which, uint8 [n, C, H, W]), in batches.

        Of a set of pictures the first ``num`` of an order drawn by the seed: near-copies often stand side by side.
        """
        if not isinstance(self.subject, RealFeatures):
            return sampling.pictures(self.subject, self.sampling(num))
        numbers = np.random.default_rng(self.seed).permutation(self.subject.count)[:num]
        return self.subject.pictures(
            numbers, batch=self.pictures_at_a_time, device=self.device, processes=self.processes
        )

    def these(self, numbers: np.ndarray, *, num: int) -> np.ndarray:
        """Some of ``pictures(num)``: uint8 [n, C, H, W]."""
        if not isinstance(self.subject, RealFeatures):
            return sampling.these(self.subject, self.sampling(num), numbers)
        order = np.random.default_rng(self.seed).permutation(self.subject.count)
        return self.subject.some(order[numbers])

    def sampling(self, num: int) -> Sampling:
        """``num`` latents with the labels that the set's pictures have, in shares.

        Raises:
            UserError: the generator takes labels and there are none like them.
        """
        labels = None
        if self.G.c_dim:
            labels = self.real_pictures("a model with labels").labels(num, c_dim=self.G.c_dim, seed=self.seed)
        return Sampling(num, self.seed, self.pictures_at_a_time, labels, self.processes)

    def real_pictures(self, needed_for: str) -> RealFeatures:
        """
        Raises:
            UserError: there are none.
        """
        if self.reals is None:
            raise UserError(f"--data: {needed_for} needs real pictures; name the set the model was trained on")
        return self.reals

    def choice(self, one: Recipe) -> Choice:
        """Which real pictures the recipe compares with."""
        return Choice(num=one.reals, mirrored=one.mirrored, seed=self.seed)

    def real_set(self, one: Recipe) -> Steps[Progress, None, RealSet | None]:
        """What the recipe's network sees of its real pictures; None in all processes but the first."""
        network, sha256 = self.networks.features(one)
        return (
            yield from self.real_pictures(one.name).features(
                network,
                self.choice(one),
                batch=self.pictures_at_a_time,
                device=self.device,
                sha256=sha256,
                processes=self.processes,
            )
        )

    def collect_reals(self, one: Recipe, collector: Collector) -> Steps[Progress, None, Any]:
        """What ``collector`` keeps of the recipe's real pictures, in an order drawn by the seed; None in all processes
        but the first."""
        reals = self.real_pictures(one.name)
        chosen = reals.chosen(replace(self.choice(one), num=collector.num))
        numbers = np.random.default_rng(self.seed).permutation(chosen)
        done = 0
        for positions, images in reals.pictures(
            numbers, batch=self.pictures_at_a_time, device=self.device, processes=self.processes
        ):
            collector.update(positions, images)
            done = min(len(numbers), done + len(positions) * self.processes.count)
            yield Progress("real pictures", done, len(numbers))
        shares = self.processes.gather(collector.share())
        return collector.join(shares) if shares else None

    def measurement(
        self,
        one: Recipe,
        values: Mapping[str, float],
        *,
        num: int,
        num_real: int = 0,
        real: Mapping[str, float] | None = None,
        intervals: Mapping[str, tuple[float, float]] | None = None,
        details: Mapping[str, object] | None = None,
        figures: Mapping[str, np.ndarray] | None = None,
        note: str = "",
    ) -> Measurement:
        """``values`` and what is like them, by what is added to the recipe's name, as a measurement."""
        network, sha256 = self.networks(one)
        return Measurement(
            name=one.name,
            values=named(one, values),
            num_generated=num,
            num_real=num_real,
            seed=self.seed,
            features=getattr(network, "name", one.network),
            features_sha256=sha256,
            definition=one.paper + note,
            protocol=self.protocol(),
            better=one.better,
            real=named(one, real or {}),
            intervals=named(one, intervals or {}),
            details=dict(details or {}),
            figures=dict(figures or {}),
        )

    def protocol(self) -> str:
        """Which pictures are measured, in words."""
        _, height, width = self.shape
        if isinstance(self.subject, RealFeatures):
            return f"pictures of {width}x{height} as they are, chosen by seed {self.seed} where there are more"
        noise = "noise drawn per picture" if self.subject.has_noise else "no noise inputs"
        latents = f"latents of RandomState({self.seed}).randn"
        return f"pictures of {width}x{height}, not truncated, {noise}, {latents}"


def named(one: Recipe, values: Mapping[str, T]) -> dict[str, T]:
    """'' → the recipe's name, 'recall' → the recipe's name and '_recall'."""
    return {f"{one.name}_{key}" if key else one.name: value for key, value in values.items()}
