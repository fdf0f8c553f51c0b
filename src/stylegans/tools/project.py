"""Projection: the latent whose picture is nearest to a given one (StyleGAN2, section 5 and appendix D).

From the mean of w, w and the noise maps are optimised for the perceptual distance to the target: Adam, its rate rising
at first and falling to 0 at the end, Gaussian noise on w that dies out so that the search is wide at first, the noise
maps held to noise. In 'w' one w serves all layers, as published; in 'w+' each layer has its own, which comes nearer to
any picture and stays less within what the model knows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator, device_of
from stylegans.tools import noise_maps
from stylegans.tools.generate import LARGEST_SEED, labels, latents
from stylegans.tools.latents import Latent, Space, fingerprint, fitted
from stylegans.tools.latents import read_latent as read_latent
from stylegans.tools.latents import write_latent as write_latent
from stylegans.tools.perceptual import Perceptual, distances

STEPS = 1000
RATE = 0.1
"""The published learning rate at its highest."""

RAMP_UP, RAMP_DOWN = 0.05, 0.25
"""The shares of the steps in which the rate rises and falls."""

W_NOISE, W_NOISE_LENGTH = 0.05, 0.75
"""The noise on w at first, in deviations of w, and the share of the steps in which it dies out."""

REGULARISATION = 1e5
"""The weight of the noise maps' correlation."""

SAMPLES, SAMPLES_SEED = 10_000, 123
"""Latents that the mean of w is taken over, and the seed they are drawn from."""

CANDIDATES = 512
"""Random latents that the nearest start is looked for among."""


@dataclass(frozen=True)
class Average:
    """Where the search starts, and how far W reaches."""

    ws: Tensor
    """The mean, [1, num_ws, w_dim]."""
    deviation: float
    """The root of the mean squared distance of w from it, over all its numbers at once."""


@dataclass(frozen=True)
class Step:
    """The search after so many steps."""

    number: int
    """0 to ``total``."""
    total: int
    distances: Tensor
    """[N]: of ``images`` from their targets."""
    images: Tensor
    """[N, C, H, W], what was compared in this step: with the step's noise on w, but for the first and the last."""
    latent: Latent
    """After it."""


@torch.no_grad()
def average(G: Generator, label: Tensor | None = None) -> Average:
    """The mean and deviation of w over 10,000 latents.

    Args:
        label: theirs, [1, c_dim]; None: of a conditional model each has a class of its own.
    """
    w = torch.cat([ws[:, :1] for ws in _random(G, SAMPLES, label, seed=SAMPLES_SEED, batch=1000)])
    mean = w.mean(dim=0, keepdim=True)
    deviation = (w - mean).square().sum(dim=(1, 2)).mean().sqrt()
    return Average(mean.expand(-1, G.num_ws, -1), float(deviation))


def _random(G: Generator, count: int, label: Tensor | None, *, seed: int, batch: int) -> Iterator[Tensor]:
    """The ws of ``count`` latents from one stream of numbers, in batches."""
    z = np.random.RandomState(seed).randn(count, G.z_dim).astype(np.float32)
    c = labels(G, range(count)) if label is None else label.expand(count, -1)
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        yield G.mapping(torch.from_numpy(z[part]).to(device_of(G)), None if c is None else c[part])


def rate(t: float) -> float:
    """The learning rate at ``t``, 0…1, as a share of its highest: rising evenly, level, falling as a half cosine."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / RAMP_DOWN))
    return down * min(1.0, t / RAMP_UP)


def w_noise(t: float) -> float:
    """The strength of the noise on w at ``t``, 0…1, in deviations of w."""
    return W_NOISE * max(0.0, 1 - t / W_NOISE_LENGTH) ** 2


def project(
    G: Generator,
    targets: Tensor,
    perceptual: Perceptual,
    *,
    space: Space = "w",
    steps: int = STEPS,
    start: Latent | None = None,
    label: Tensor | None = None,
    seed: int = 0,
) -> Iterator[Step]:
    """Look for the latents of ``targets``, all at once: a ``Step`` for each step, the start before them (number 0).

    Every picture gets the same random numbers and has a loss of its own, so its result does not depend on the others,
    apart from rounding. The last step's latent is the result.

    Args:
        G: on whose device the work is done. Its weights stay as they are.
        targets: about [-1, 1], [N, C, H, W], of the model's size and channels.
        perceptual: the distance, on the same device.
        space: 'w' or 'w+'.
        steps: 1000 are published; half as many come nearly as far.
        start: one latent for all, or one for each; with noise maps, they too are where the search begins. None: the
            mean of w.
        label: [1, c_dim], of a conditional model: whose mean; None: that of all classes.
        seed: of the noise on w, and of the noise maps at first.

    Raises:
        UserError: the targets or the start do not fit the model, 'w+' is asked of a model with one w for all its
            layers, or there are no steps.
    """
    check(G, targets, space=space, steps=steps)
    if start is not None:
        start = fitted(start, G, where="--start")
        if len(start.ws) not in (1, len(targets)):
            raise UserError(f"--start: {len(start.ws)} latents for {len(targets)} pictures; give one, or as many")
        if space == "w" and not torch.equal(start.ws, start.ws[:, :1].expand_as(start.ws)):
            raise UserError("--start: its layers differ from one another; use --space w+")
    return _search(G, targets.to(device_of(G)), perceptual, space, steps, start, label, seed)


def check(G: Generator, targets: Tensor, *, space: Space, steps: int) -> None:
    """
    Raises:
        UserError: as ``project``.
    """
    expected = (G.img_channels, *G.img_resolution)
    if targets.ndim != 4 or len(targets) == 0 or tuple(targets.shape[1:]) != expected:
        raise UserError(f"targets: expected [N, {', '.join(map(str, expected))}], found {list(targets.shape)}")
    if space == "w+" and G.num_ws == 1:
        raise UserError("--space: this model has one w for all its layers, so there is no w+; use w")
    if steps < 1:
        raise UserError(f"--steps: {steps} steps lead nowhere; {STEPS} are published")


@torch.no_grad()
def seed_start(G: Generator, seed: int, label: Tensor | None = None) -> Latent:
    """The w of a seed, as ``generate`` draws it, to start from."""
    return Latent(G.mapping(latents(G, [seed]), label), space="w")


@torch.no_grad()
def nearest_start(G: Generator, targets: Tensor, perceptual: Perceptual, label: Tensor | None = None) -> Latent:
    """For each target [N, C, H, W] the w, of 512 random ones, whose picture is nearest.

    Where a model's pictures are of very different kinds, a search from the mean of w may end far from a picture that
    the model can draw; one that starts among its kind hardly does.

    Args:
        label: as ``average``.
    """
    targets = targets.to(device_of(G))
    wanted = perceptual.features(targets)
    least = torch.full((len(targets),), torch.inf, device=targets.device)
    found = torch.zeros(len(targets), 1, G.w_dim, device=targets.device)
    for ws in _random(G, CANDIDATES, label, seed=LARGEST_SEED, batch=8):
        for w, features in zip(ws[:, :1], perceptual.features(G.synthesis(ws)), strict=True):
            away = distances(features[None], wanted)
            found[away < least] = w
            least = torch.minimum(least, away)
    return Latent(found, space="w")


def _search(
    G: Generator,
    targets: Tensor,
    perceptual: Perceptual,
    space: Space,
    steps: int,
    start: Latent | None,
    label: Tensor | None,
    seed: int,
) -> Iterator[Step]:
    count, device = len(targets), device_of(G)
    generator = torch.Generator().manual_seed(seed)  # on the CPU: the same numbers on every device
    mean = average(G, label)
    first = mean.ws if start is None else start.ws
    layers = 1 if space == "w" else G.num_ws
    w = first[:, :layers].expand(count, -1, -1).clone().requires_grad_()
    maps = noise_maps.draw(G, count=count, generator=generator)
    if start is not None and start.noise:
        maps = {name: start.noise[name].expand(count, -1, -1, -1).clone() for name in maps}
    for each in maps.values():
        each.requires_grad_()
    searched = [w, *maps.values()]
    optimizer = torch.optim.Adam(searched, lr=RATE)
    model = fingerprint(G)

    def latent() -> Latent:
        ws = w.detach().repeat(1, G.num_ws // layers, 1)
        return Latent(ws, {name: each.detach().clone() for name, each in maps.items()}, space, model)

    @torch.no_grad()
    def seen() -> tuple[Tensor, Tensor]:
        images = noise_maps.synthesise(G, w.expand(-1, G.num_ws, -1), maps)
        return distances(perceptual.features(images), wanted), images

    with torch.no_grad():
        wanted = perceptual.features(targets)
    yield Step(0, steps, *seen(), latent())
    for number in range(1, steps + 1):
        t = (number - 1) / steps
        optimizer.param_groups[0]["lr"] = RATE * rate(t)
        shaken = w + torch.randn(w.shape[1:], generator=generator).to(device) * (mean.deviation * w_noise(t))
        images = noise_maps.synthesise(G, shaken.expand(-1, G.num_ws, -1), maps)
        found = distances(perceptual.features(images), wanted)
        losses = found + REGULARISATION * noise_maps.correlation(maps) if maps else found
        optimizer.zero_grad()
        losses.sum().backward(inputs=searched)  # the sum: each picture's gradient is its own
        optimizer.step()
        with torch.no_grad():
            for each, normal in zip(maps.values(), noise_maps.normalised(maps).values(), strict=True):
                each.copy_(normal)
        last = seen() if number == steps else (found.detach(), images.detach())
        yield Step(number, steps, *last, latent())
