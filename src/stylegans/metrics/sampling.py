"""The pictures of a measurement.

Latent i is row i of ``numpy.random.RandomState(seed).randn(num, z_dim)``; its noise is drawn from (seed, i). So
picture i is the same whatever the batch and however many processes share the work. Pictures are not truncated, and are
rounded to eight bits as a PNG would.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from stylegans.files.pictures import quantise
from stylegans.metrics.processes import ALONE, Processes
from stylegans.networks.protocol import Generator, Noise, device_of
from stylegans.ops.random import per_sample


@dataclass(frozen=True)
class Sampling:
    """Which pictures are drawn, and how many at a time."""

    num: int
    seed: int = 0
    batch: int = 50
    labels: Tensor | None = None
    """float32 [num, c_dim], of a conditional generator."""
    processes: Processes = ALONE


@dataclass(frozen=True)
class Latents:
    """Some of a measurement's latents."""

    numbers: range
    """Which."""
    z: Tensor
    """[n, z_dim], on the generator's device."""
    c: Tensor | None
    """[n, c_dim]."""


def latents(G: Generator, sampling: Sampling) -> Iterator[Latents]:
    """This process's share, in batches."""
    device = device_of(G)
    random = np.random.RandomState(sampling.seed)
    for piece, start in enumerate(range(0, sampling.num, sampling.batch)):
        numbers = range(start, min(start + sampling.batch, sampling.num))
        z = random.randn(len(numbers), G.z_dim).astype(np.float32)  # also of others' shares: the numbers are a series
        if sampling.processes.mine(piece):
            c = None if sampling.labels is None else sampling.labels[numbers.start : numbers.stop].to(device)
            yield Latents(numbers, torch.from_numpy(z).to(device), c)


def noise_mode(G: Generator) -> Noise:
    """A measurement's noise is drawn; a network without noise inputs takes only the default."""
    return "random" if G.has_noise else "const"


@torch.no_grad()
def pictures(G: Generator, sampling: Sampling) -> Iterator[tuple[range, Tensor]]:
    """This process's share: (which, the pictures uint8 [n, C, H, W]), in batches."""
    device, mode = device_of(G), noise_mode(G)
    for some in latents(G, sampling):
        source = per_sample(some.numbers, seed=sampling.seed, device=device)
        yield some.numbers, quantise(G(some.z, some.c, noise=mode, generator=source))


@torch.no_grad()
def these(G: Generator, sampling: Sampling, numbers: np.ndarray) -> np.ndarray:
    """The pictures ``numbers`` [n] of the measurement, uint8 [n, C, H, W]; all of them in this process."""
    wanted = {int(number): None for number in numbers}
    drawn: dict[int, np.ndarray] = {}
    device, mode = device_of(G), noise_mode(G)
    for some in latents(G, replace(sampling, processes=ALONE)):
        rows = [number - some.numbers.start for number in wanted if number in some.numbers]
        if rows:
            source = per_sample([some.numbers[row] for row in rows], seed=sampling.seed, device=device)
            c = None if some.c is None else some.c[rows]
            images = quantise(G(some.z[rows], c, noise=mode, generator=source)).cpu().numpy()
            drawn |= {some.numbers[row]: image for row, image in zip(rows, images, strict=True)}
    return np.stack([drawn[int(number)] for number in numbers])


def batch_for(resolution: tuple[int, int], device: torch.device) -> int:
    """Pictures at a time that keep the machine busy and fit: fewer where they are large; even, so that pairs fit."""
    area = resolution[0] * resolution[1]
    most, pixels = (64, 1 << 20) if device.type == "cpu" else (128, 1 << 23)
    return max(4, min(most, pixels // area // 2 * 2))
