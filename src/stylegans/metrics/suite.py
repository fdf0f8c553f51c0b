"""Metrics of a generator against a data set, with everything a number needs to mean something beside it.

The latents of a measurement are the rows of ``numpy.random.RandomState(seed).randn(num, z_dim)``, whatever the batch.
Pictures are not truncated, have random noise drawn from the same seed, and are rounded to eight bits as a PNG would.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.pictures import PNG_CHANNELS, quantise, to_8_bits
from stylegans.metrics.features import mobilenet
from stylegans.metrics.features.network import FeatureNetwork
from stylegans.metrics.frechet import Accumulator, Gaussian, frechet_distance, statistics
from stylegans.networks.protocol import Generator, Noise, device_of

FEWEST = 4
"""Pictures a distance needs: two in each half of its floor."""


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
class Measurement:
    """A number and its protocol."""

    name: str
    value: float
    floor: float | None
    """The same distance between two random halves of the real pictures: about what a perfect generator would get.

    The halves hold half as many pictures, and fewer pictures make a distance larger: a good model may fall below.
    """
    num_generated: int
    num_real: int
    seed: int
    features: str
    """The feature network's name."""

    def __str__(self) -> str:
        floor = "" if self.floor is None else f"; real against real {self.floor:.4g}"
        counts = f"{self.num_generated} generated, {self.num_real} real"
        return f"{self.name} {self.value:.4g} ({counts}, features {self.features}, seed {self.seed}{floor})"


@dataclass(frozen=True)
class RealStatistics:
    """The real pictures, as a Fréchet distance needs them."""

    gaussian: Gaussian
    floor: float
    """The distance between two random halves of them."""


class RealFeatures:
    """The features of a data set's real pictures, computed once: they are the slow part of a measurement.

    Make one per data set and give it to every measurement. It keeps statistics, not features.
    """

    def __init__(self, dataset: Pictures) -> None:
        self.dataset = dataset
        self._known: dict[tuple[str, int, int], RealStatistics] = {}

    @property
    def count(self) -> int:
        """Pictures in the set, the mirrored ones left out."""
        return len(self.dataset) // 2 if self.dataset.xflip else len(self.dataset)

    def statistics(
        self, network: FeatureNetwork, *, num: int, seed: int, batch: int, device: torch.device
    ) -> RealStatistics:
        """Of all the pictures, or of ``num`` chosen by ``seed`` when there are more.

        Raises:
            UserError: there are fewer than four.
        """
        key = network.name, num, seed
        if key not in self._known:
            features = self._features(network, num=num, seed=seed, batch=batch, device=device)
            order = np.random.default_rng(seed).permutation(len(features))
            halves = (statistics(features[half]) for half in np.array_split(order, 2))
            self._known[key] = RealStatistics(statistics(features), frechet_distance(*halves))
        return self._known[key]

    def labels(self, num: int, *, c_dim: int, seed: int) -> Tensor:
        """Labels [num, c_dim] of pictures drawn by ``seed``: as the set has them, as often as it has them.

        Raises:
            UserError: the set's labels have another length, or it was opened without.
        """
        chosen = np.random.default_rng(seed).integers(self.count, size=num)
        labels = np.stack([self.dataset.label(int(index)) for index in chosen])
        if labels.shape[1] != c_dim:
            theirs = f"labels of length {labels.shape[1]}" if labels.shape[1] else "none, or was opened without"
            raise UserError(f"labels: the model takes labels of length {c_dim}, the data set has {theirs}")
        return torch.from_numpy(labels)

    @torch.no_grad()
    def _features(
        self, network: FeatureNetwork, *, num: int, seed: int, batch: int, device: torch.device
    ) -> np.ndarray:
        if self.count < FEWEST:
            raise UserError(f"data: a distance needs at least {FEWEST} real pictures, not {self.count}")
        chosen = np.sort(np.random.default_rng(seed).permutation(self.count)[:num])
        parts = []
        for start in range(0, len(chosen), batch):
            images = np.stack([self.dataset.image(int(index)) for index in chosen[start : start + batch]])
            parts.append(network(torch.from_numpy(to_8_bits(images)).to(device)).cpu().numpy())
        return np.concatenate(parts)


def fd_mobilenet(G: Generator, reals: RealFeatures, *, num: int, seed: int = 0, batch: int = 50) -> Measurement:
    """The Fréchet distance in MobileNetV2's features, between ``num`` generated and at most ``num`` real pictures.

    It orders models and degradations well but is no FID: its values lie elsewhere, and are biased upwards by small
    counts (strongly below 5,000), so compare only at equal ``num`` and read the value beside its floor.

    Args:
        G: measured on the device it stands on; a conditional one is given labels drawn from the data set.
        reals: of the data set; every picture enters once, not mirrored.
        num: pictures to generate, and at most to take of the real ones (a choice by ``seed`` when there are more).
        seed: of the latents, the noise, the labels and the choices.
        batch: pictures at a time. Another batch draws other noise: values differ a little.

    Raises:
        UserError: too few pictures, or labels that do not fit the generator.
    """
    network = mobilenet.load(device=device_of(G))
    return frechet(G, reals, network, num=num, seed=seed, batch=batch, name="fd_mobilenet")


def frechet(
    G: Generator, reals: RealFeatures, network: FeatureNetwork, *, num: int, seed: int, batch: int, name: str
) -> Measurement:
    """As ``fd_mobilenet``, in the features of ``network``."""
    if num < FEWEST:
        raise UserError(f"num: a distance needs at least {FEWEST} generated pictures, not {num}")
    generated = Accumulator(network.dim)
    with torch.no_grad():
        for images in generated_images(G, reals, num=num, seed=seed, batch=batch):
            generated.update(network(images).cpu().numpy())
    real = reals.statistics(network, num=num, seed=seed, batch=batch, device=device_of(G))
    return Measurement(
        name=name,
        value=frechet_distance(generated.gaussian(), real.gaussian),
        floor=real.floor,
        num_generated=generated.count,
        num_real=real.gaussian.count,
        seed=seed,
        features=network.name,
    )


@torch.no_grad()
def generated_images(G: Generator, reals: RealFeatures, *, num: int, seed: int, batch: int) -> Iterator[Tensor]:
    """The pictures of a measurement, uint8 [N, C, H, W], in batches."""
    device = device_of(G)
    latents = np.random.RandomState(seed)
    noise = torch.Generator(device=device).manual_seed(seed)
    labels = reals.labels(num, c_dim=G.c_dim, seed=seed).to(device) if G.c_dim else None
    # a network without noise inputs takes only the default
    mode: Noise = "random" if getattr(G, "has_noise", True) else "const"
    for start in range(0, num, batch):
        count = min(batch, num - start)
        z = torch.from_numpy(latents.randn(count, G.z_dim).astype(np.float32)).to(device)
        c = None if labels is None else labels[start : start + count]
        yield quantise(G(z, c, noise=mode, generator=noise))


def check_channels(channels: int, *, option: str = "--metrics") -> None:
    """
    Raises:
        UserError: feature networks cannot see pictures of so many channels.
    """
    if channels not in PNG_CHANNELS:
        raise UserError(
            f"{option}: pictures of {channels} channels cannot be measured: feature networks see 1 (grey), 3 or 4 "
            f"(RGBA); leave it out"
        )


Metric = Callable[[Generator, RealFeatures], Measurement]

METRICS: dict[str, Metric] = {"fd_mobilenet": partial(fd_mobilenet, num=1000)}
"""What ``train --metrics`` takes: during a training, a thousand pictures and seed 0."""
