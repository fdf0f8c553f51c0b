"""A walk through the latent space: a closed loop of pictures through seeds.

From one keyframe to the next the walk goes straight in W, on a smooth closed curve in W, or along a great circle in Z
(White 2016, "Sampling Generative Networks"). On straight lines and circles it leaves and reaches each keyframe at speed
zero (3t² − 2t³), unless its perceptual speed is to be constant.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.metrics import perceptual_path_length
from stylegans.metrics.features import lpips
from stylegans.metrics.perceptual_path_length import lerp
from stylegans.networks.protocol import Generator, device_of
from stylegans.tools.curves import Curve, ease, loop, positions, slopes, spline, split
from stylegans.tools.generate import LARGEST_SEED, Label, labels, latents, render, styles
from stylegans.tools.mix import mix_layers
from stylegans.tools.pace import Steps, distances, even_positions
from stylegans.tools.perceptual import Perceptual

__all__ = ["Course", "Route", "ease", "even", "lerp", "loop", "pictures", "route", "slerp", "walk", "walk_styles"]

Space = Literal["w", "z"]

Route = Callable[[float], Tensor]
"""Position on the loop, 0 to the number of keyframes → ws [1, num_ws, w_dim]."""


@dataclass(frozen=True)
class Course:
    """Where a walk leads.

    Raises:
        UserError: fewer than two keyframes, or choices that do not go together.
    """

    seeds: tuple[int, ...]
    space: Space = "w"
    """'w' goes straight or smoothly in W, 'z' along great circles in Z, where labels are blended too."""
    curve: Curve = "linear"
    """Straight lines, or in W a periodic cubic spline through the keyframes."""
    truncation: float = 1.0
    """ψ, on all layers."""
    label: Label | None = None
    """Of all keyframes; None: each seed draws its own class."""
    classes: tuple[int, ...] | None = None
    """Of each keyframe its own. Of one seed they make all keyframes."""
    layers: tuple[int, ...] | None = None
    """The ws that move; None: all."""
    base: int | None = None
    """The seed of the layers that do not move; None: the first."""

    def __post_init__(self) -> None:
        if self.classes is not None and self.label is not None:
            raise UserError("--classes: each keyframe has its own, so leave out --class")
        if self.classes is not None and len(self.seeds) not in (1, len(self.classes)):
            raise UserError(f"--classes: {len(self.classes)} classes for {len(self.seeds)} seeds; give one for each")
        if self.count < 2:
            raise UserError("--seeds: a walk needs at least two seeds, like 1,5,9")
        if self.curve == "smooth" and self.space == "z":
            raise UserError("--curve: a smooth curve is drawn in w; leave out --space z")
        if self.base is not None and self.layers is None:
            raise UserError("--base: all layers move; name those that should, with --style-layers")
        if self.base is not None and not 0 <= self.base <= LARGEST_SEED:
            raise UserError(f"--base: seeds go from 0 to {LARGEST_SEED}, not {self.base}")

    @property
    def count(self) -> int:
        """Keyframes."""
        return len(self.keyframes)

    @property
    def keyframes(self) -> tuple[int, ...]:
        """The seed of each."""
        return self.seeds * len(self.classes) if self.classes and len(self.seeds) == 1 else self.seeds


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


def route(G: Generator, course: Course) -> Route:
    """The way through the latent space.

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    if course.layers is not None and G.num_ws == 1:
        raise UserError("--style-layers: this model has one style for all its layers")
    c = _labels(G, course)
    keys = _styles(G, course, c)
    moving = _through_w(keys, course.curve) if course.space == "w" else _through_z(G, course, c)
    if course.layers is None:
        return moving
    base = keys[:1] if course.base is None else styles(G, [course.base], truncation=course.truncation, label=_first(c))
    layers = course.layers
    return lambda u: mix_layers(base, moving(u), layers)


def _labels(G: Generator, course: Course) -> Tensor | None:
    if course.classes is None:
        return labels(G, course.keyframes, course.label)
    if G.c_dim == 0:
        raise UserError("--classes: this model has no classes; leave it out")
    wrong = [number for number in course.classes if not 0 <= number < G.c_dim]
    if wrong:
        raise UserError(f"--classes: {wrong[0]} is none of this model's classes, 0 to {G.c_dim - 1}")
    return torch.eye(G.c_dim)[list(course.classes)].to(device_of(G))


def _styles(G: Generator, course: Course, c: Tensor | None) -> Tensor:
    if course.classes is None or c is None:
        return styles(G, course.keyframes, truncation=course.truncation, label=course.label)
    one_by_one = zip(course.keyframes, course.classes, strict=True)
    return torch.cat([styles(G, [seed], truncation=course.truncation, label=label) for seed, label in one_by_one])


def _first(c: Tensor | None) -> Label | None:
    return None if c is None else tuple(c[0].tolist())


def _through_w(keys: Tensor, curve: Curve) -> Route:
    if curve == "smooth":
        derivatives = slopes(keys)
        return lambda u: spline(keys, derivatives, u)[None]

    def straight(u: float) -> Tensor:
        a, b, t = split(u, len(keys))
        return lerp(keys[a], keys[b], torch.tensor(t).to(keys))[None]

    return straight


def _through_z(G: Generator, course: Course, c: Tensor | None) -> Route:
    z = latents(G, course.keyframes)

    def around(u: float) -> Tensor:
        a, b, t = split(u, len(z))
        along = torch.tensor(t).to(z)
        between = None if c is None else lerp(c[a], c[b], along)[None]
        with torch.no_grad():
            return G.mapping(slerp(z[a], z[b], along)[None], between, truncation=course.truncation)

    return around


def pictures(G: Generator, course: Course, at: Sequence[float]) -> Iterator[np.ndarray]:
    """The pictures [H, W, C] at positions on the loop, one by one. The noise stands still."""
    way = route(G, course)
    return (to_uint8(render(G, way(u), course.keyframes[:1]))[0] for u in at)


def even(
    G: Generator,
    course: Course,
    frames: int,
    *,
    steps: Path | None = None,
    tell: Callable[[int], None] = lambda measured: None,
) -> list[float]:
    """Where ``frames`` pictures for each keyframe stand so that LPIPS from each to the next is even (``pace``).

    Pictures are seen by the embedded AlexNet. Three times as many are drawn as the walk has; keyframes are passed but,
    apart from the first, not shown.

    Args:
        steps: a file that keeps the distances as they are measured; those in it are not measured again.
        tell: called with how many distances were measured.
    """
    way = route(G, course)
    seen = Perceptual(lpips.load(device=device_of(G)))

    def features(u: float) -> Tensor:
        return seen.features(render(G, way(u), course.keyframes[:1]).clamp(-1, 1))

    start = [i / frames for i in range(course.count * frames)]
    with torch.no_grad():
        return even_positions(distances(features, Steps(steps), tell=tell), start, period=course.count)


def check_frames(frames: int) -> None:
    """Raises UserError for a walk without frames."""
    if frames < 1:
        raise UserError(f"--frames: {frames} frames from one seed to the next is too few; use 1 or more")


def walk_styles(
    G: Generator,
    seeds: Sequence[int],
    *,
    space: Space = "w",
    frames: int = 60,
    truncation: float = 1.0,
    label: Label | None = None,
    curve: Curve = "linear",
) -> Iterator[Tensor]:
    """The ws [1, num_ws, w_dim] of each frame of the loop through ``seeds``. Arguments as ``walk``.

    Between keyframes of different classes a walk in Z also blends the labels.
    """
    course = Course(tuple(seeds), space, curve, truncation, label)
    check_frames(frames)
    return map(route(G, course), positions(course.count, frames, curve=curve))


def walk(
    G: Generator,
    seeds: Sequence[int],
    *,
    space: Space = "w",
    frames: int = 60,
    truncation: float = 1.0,
    label: Label | None = None,
    curve: Curve = "linear",
) -> Iterator[np.ndarray]:
    """The pictures [H, W, C] of a closed loop through ``seeds``, one by one. The noise stands still.

    ``Course`` with ``pictures`` can do more: class changes, some layers only, constant perceptual speed.

    Args:
        space: 'w' goes straight in W, 'z' along great circles in Z.
        frames: from one seed to the next; the loop has ``frames`` · ``len(seeds)``, the first of each being the
            seed's own picture.
        truncation: ψ, on all layers.
        label: of all of them; None: each seed draws its own class.
        curve: 'linear', at rest at each seed, or in W 'smooth', which never stops.

    Raises:
        UserError: fewer than two seeds, no frames, or an option that makes no sense for this model.
    """
    course = Course(tuple(seeds), space, curve, truncation, label)
    check_frames(frames)
    return pictures(G, course, positions(course.count, frames, curve=curve))
