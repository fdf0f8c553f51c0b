"""Pivotal tuning (Roich et al. 2021, arXiv 2106.05744): the generator is bent a little so that it draws a picture.

The latent found by projection, the pivot, stays; the weights of the synthesis network move until its picture is the
target. What is kept is the difference to the weights as they were, which ``apply_delta`` adds to a copy of the model.

The published rate is constant; here it rises and falls like the projector's: a jump at the first step would throw away
part of what the projection found, and small networks end on one of Adam's spikes as likely as not.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylegans.errors import UserError
from stylegans.files.tensors import read_header, read_tensors, write_tensors
from stylegans.networks.protocol import Generator, device_of
from stylegans.tools import noise_maps
from stylegans.tools.latents import Latent, fingerprint, fitted
from stylegans.tools.perceptual import Perceptual, distances
from stylegans.tools.project import rate as ramp

STEPS = 500
"""350 are published."""

RATE, LARGE = 3e-4, 25e6
"""The published learning rate, and the parameters of the network it is for."""

HIGHEST = 0.0125
"""No network is tuned faster."""

L2 = 1.0
"""The published weight of the mean squared error beside the perceptual distance."""

LOCALITY, REACH = 0.1, 30.0
"""The published weight of the locality regulariser, and how far from the pivot it acts, in a W of 512 numbers."""

FORMAT, VERSION = "stylegans-delta", "1"

Delta = Mapping[str, Tensor]
"""A parameter's name in the generator → what is added to it."""


@dataclass(frozen=True)
class TuneStep:
    """The tuning after so many steps."""

    number: int
    """0 to ``total``."""
    total: int
    distances: Tensor
    """[N]: perceptual, of ``images`` from their targets."""
    images: Tensor
    """[N, C, H, W], as the weights before this step's update drew them; of the last step, as the result does."""
    delta: Delta | None
    """The result; None in all steps but the last."""


def tune(
    G: Generator,
    targets: Tensor,
    pivot: Latent,
    perceptual: Perceptual,
    *,
    steps: int = STEPS,
    rate: float | None = None,
    locality: float = 0.0,
    label: Tensor | None = None,
    seed: int = 0,
) -> Iterator[TuneStep]:
    """Tune a copy of ``G`` towards ``targets``: equation 3, the perceptual distance and the mean squared error.

    Several pictures share the weights, which then draw all of them: the more, the less well each.

    Args:
        targets: about [-1, 1], [N, C, H, W].
        pivot: where they were found, [N, num_ws, w_dim] and noise maps.
        perceptual: the distance, on the model's device.
        rate: Adam's learning rate at its highest; None: ``suited_rate``.
        locality: the weight of the regulariser (equation 4) that holds pictures around the pivot as they were, 0.1 in
            the paper; 0: none, and a step takes half the time.
        label: [1, c_dim], of the latents that the regulariser draws.
        seed: of those latents.

    Raises:
        UserError: an option makes no sense, or the pivot is another model's.
    """
    check(steps=steps, rate=rate, locality=locality)
    pivot = fitted(pivot, G, where="pivot")
    if len(pivot.ws) != len(targets):
        raise UserError(f"pivot: {len(pivot.ws)} latents for {len(targets)} pictures")
    rate = suited_rate(G) if rate is None else rate
    return _tune(G, targets.to(device_of(G)), pivot, perceptual, steps, rate, locality, label, seed)


def check(*, steps: int, rate: float | None, locality: float) -> None:
    """
    Raises:
        UserError: as ``tune``.
    """
    if steps < 1:
        raise UserError(f"--tune-steps: {steps} steps lead nowhere; 350 are published")
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise UserError(f"--tune-rate: {rate} is no learning rate; {RATE} is published")
    if not (math.isfinite(locality) and locality >= 0):
        raise UserError(f"--locality: {locality} is no weight; {LOCALITY} is published, 0 is none")


def suited_rate(G: Generator) -> float:
    """The published 3e-4 for a network of 25 million parameters about 1 large, as equalised learning rates have them;
    more for smaller ones, in which fewer share the change, and less where parameters are smaller.

    The power of 2/3 is found by trial on networks of 0.1 to 0.7 million (32²): twice or half as much does as well.
    """
    parameters = list(_module(G).get_submodule("synthesis").parameters()) or list(G.parameters())
    count = sum(each.numel() for each in parameters)
    size = math.sqrt(sum(float(each.detach().square().sum()) for each in parameters) / count)
    return min(HIGHEST, RATE * max(1.0, LARGE / count) ** (2 / 3)) * min(1.0, size)


def _tune(
    G: Generator,
    targets: Tensor,
    pivot: Latent,
    perceptual: Perceptual,
    steps: int,
    rate: float,
    locality: float,
    label: Tensor | None,
    seed: int,
) -> Iterator[TuneStep]:
    tuned = copy.deepcopy(G)
    synthesis: Any = tuned.synthesis
    synthesis.requires_grad_(True)
    optimizer = torch.optim.Adam(synthesis.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        wanted = perceptual.features(targets)
    for number in range(steps):
        images = noise_maps.synthesise(tuned, pivot.ws, pivot.noise)
        found = distances(perceptual.features(images), wanted)
        loss = (found + L2 * (images - targets).square().mean(dim=(1, 2, 3))).mean()
        if locality:
            loss = loss + locality * _departure(G, tuned, pivot, perceptual, label, generator)
        optimizer.param_groups[0]["lr"] = rate * ramp(number / steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield TuneStep(number, steps, found.detach(), images.detach(), None)
    delta = difference(G, tuned)
    with torch.no_grad():
        images = noise_maps.synthesise(with_delta(G, delta), pivot.ws, pivot.noise)
        yield TuneStep(steps, steps, distances(perceptual.features(images), wanted), images, delta)


def _departure(
    G: Generator,
    tuned: Generator,
    pivot: Latent,
    perceptual: Perceptual,
    label: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    """The locality regulariser, equation 4: how far a picture near the first pivot has moved with the weights.

    Near: at a fixed distance, on the way to the w of a random latent.
    """
    centre = pivot.ws[:1]
    with torch.no_grad():
        z = torch.randn(1, G.z_dim, generator=generator).to(centre)
        towards = G.mapping(z, label)[:, :1] - centre[:, :1]
        reach = REACH * math.sqrt(G.w_dim / 512)
        near = centre + reach * towards / towards.norm().clamp_min(1e-8)
        maps = {name: each[:1] for name, each in pivot.noise.items()}
        before = noise_maps.synthesise(G, near, maps)
    after = noise_maps.synthesise(tuned, near, maps)
    return perceptual(after, before).mean() + L2 * (after - before).square().mean()


# --- the difference -------------------------------------------------------------------------------------------------


def difference(G: Generator, tuned: Generator) -> dict[str, Tensor]:
    """What the tuning changed: tuned − G, of every parameter that differs."""
    before, after = (dict(_module(one).named_parameters()) for one in (G, tuned))
    return {
        name: (after[name] - before[name]).detach()
        for name in before
        if not torch.equal(after[name].detach(), before[name].detach())
    }


def with_delta(G: Generator, delta: Delta, *, strength: float = 1.0) -> Generator:
    """A copy of ``G`` with ``strength`` · ``delta`` added to its weights. ``G`` stays as it is."""
    changed = copy.deepcopy(G)
    parameters = dict(_module(changed).named_parameters())
    with torch.no_grad():
        for name, each in delta.items():
            parameters[name].add_(each.to(parameters[name]), alpha=strength)
    return changed


def write_delta(path: str | Path, delta: Delta, *, base: Generator) -> None:
    """Write a difference as safetensors. The metadata say ``format`` (stylegans-delta), ``version`` and ``base``, the
    fingerprint of the model that it belongs to."""
    metadata = {"format": FORMAT, "version": VERSION, "base": fingerprint(base)}
    write_tensors(path, delta, metadata=metadata)


def apply_delta(G: Generator, path: str | Path, *, strength: float = 1.0) -> Generator:
    """A copy of ``G``, tuned by the file at ``path``: what ``project --tune`` wrote for this model.

    Args:
        strength: 1: as tuned; 0: as before; between them between.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no such difference, or another model's.
    """
    header = read_header(path)
    if header.metadata.get("format") != FORMAT:
        raise UserError(f"{path}: not tuned weights; stylegans project --tune writes such files")
    if header.metadata.get("version") != VERSION:
        raise UserError(f"{path}: tuned weights of another version of stylegans; upgrade it")
    shapes = {name: tuple(each.shape) for name, each in _module(G).named_parameters()}
    fits = all(shapes.get(name) == shape for name, shape in header.shapes.items())
    if not fits or header.metadata.get("base") != fingerprint(G):
        raise UserError(f"{path}: tuned from another model than this; give the one that was projected into")
    return with_delta(G, read_tensors(path), strength=strength)


def _module(G: Generator) -> nn.Module:
    assert isinstance(G, nn.Module)  # what has parameters is one
    return G
