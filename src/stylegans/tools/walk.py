"""A walk through the latent space: a closed loop of pictures through seeds.

From one keyframe to the next the walk goes straight in W, or along a great circle in Z (White 2016, "Sampling
Generative Networks"). It leaves and reaches each keyframe at speed zero (3t² − 2t³): with even speed, the corner of
the path at each keyframe would be seen as a jerk.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.metrics import perceptual_path_length
from stylegans.metrics.perceptual_path_length import lerp
from stylegans.networks.protocol import Generator
from stylegans.tools.generate import Label, labels, latents, render, styles

Space = Literal["w", "z"]


def ease(t: Tensor) -> Tensor:
    """0…1 → 0…1, starting and ending at speed zero."""
    return t * t * (3 - 2 * t)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point at ``t`` on the arc from ``a`` to ``b``, both [..., D]; lengths are interpolated apart.

    The direction turns evenly along the great circle, the length goes straight from one to the other. Vectors in
    line, of which no one circle is the shortest, are joined by a straight line.
    """
    length_a, length_b = (v.norm(dim=-1, keepdim=True) for v in (a, b))
    unit_a, unit_b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    sine = (unit_b - (unit_a * unit_b).sum(dim=-1, keepdim=True) * unit_a).norm(dim=-1, keepdim=True)
    turned = perceptual_path_length.slerp(a, b, t)
    return torch.where(sine > 1e-6, turned * lerp(length_a, length_b, t), lerp(a, b, t))


def loop(count: int, frames: int) -> Iterator[tuple[int, int, float]]:
    """A closed walk over ``count`` keyframes, ``frames`` from each to the next: (from, to, how far, 0…1).

    The last frame is the one before the first: played again and again, no frame is shown twice.
    """
    for start in range(count):
        for frame in range(frames):
            yield start, (start + 1) % count, float(ease(torch.tensor(frame / frames, dtype=torch.float64)))


def walk_styles(
    G: Generator,
    seeds: Sequence[int],
    *,
    space: Space = "w",
    frames: int = 60,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Iterator[Tensor]:
    """The ws [1, num_ws, w_dim] of each frame of the loop through ``seeds``. Arguments as ``walk``.

    Between keyframes of different classes a walk in Z also blends the labels.
    """
    if len(seeds) < 2:
        raise UserError("--seeds: a walk needs at least two seeds, like 1,5,9")
    if frames < 1:
        raise UserError(f"--frames: {frames} frames from one seed to the next is too few; use 1 or more")
    keys = styles(G, seeds, truncation=truncation, label=label)
    if space == "w":
        return _straight(keys, frames)
    return _around(G, latents(G, seeds), labels(G, seeds, label), frames, truncation)


def _straight(keys: Tensor, frames: int) -> Iterator[Tensor]:
    for a, b, t in loop(len(keys), frames):
        yield lerp(keys[a], keys[b], torch.tensor(t).to(keys))[None]


def _around(G: Generator, z: Tensor, c: Tensor | None, frames: int, truncation: float) -> Iterator[Tensor]:
    for a, b, t in loop(len(z), frames):
        along = torch.tensor(t).to(z)
        between = None if c is None else lerp(c[a], c[b], along)[None]
        with torch.no_grad():
            ws = G.mapping(slerp(z[a], z[b], along)[None], between, truncation=truncation)
        yield ws


def walk(
    G: Generator,
    seeds: Sequence[int],
    *,
    space: Space = "w",
    frames: int = 60,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Iterator[np.ndarray]:
    """The pictures [H, W, C] of a closed loop through ``seeds``, one by one. The noise stands still.

    Args:
        space: 'w' goes straight in W, 'z' along great circles in Z.
        frames: from one seed to the next; the loop has ``frames`` · ``len(seeds)``, the first of each being the
            seed's own picture.
        truncation: ψ, on all layers.
        label: of all of them; None: each seed draws its own class.

    Raises:
        UserError: fewer than two seeds, no frames, or an option that makes no sense for this model.
    """
    path = walk_styles(G, seeds, space=space, frames=frames, truncation=truncation, label=label)
    return (to_uint8(render(G, ws, seeds[:1]))[0] for ws in path)
