"""Closed curves through keyframes: straight from one to the next, or a periodic cubic spline.

A position on a closed curve of n keyframes is a number u in [0, n): keyframe i is at u = i, and after the last comes
the first again.
"""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

Curve = Literal["linear", "smooth"]


def ease(t: Tensor) -> Tensor:
    """0…1 → 0…1, starting and ending at speed zero."""
    return t * t * (3 - 2 * t)


def loop(count: int, frames: int) -> Iterator[tuple[int, int, float]]:
    """A closed walk over ``count`` keyframes, ``frames`` from each to the next: (from, to, how far, 0…1), at rest at
    each keyframe.

    The last frame is the one before the first: played again and again, no frame is shown twice.
    """
    for start in range(count):
        for frame in range(frames):
            yield start, (start + 1) % count, float(ease(torch.tensor(frame / frames, dtype=torch.float64)))


def positions(count: int, frames: int, *, curve: Curve) -> list[float]:
    """Where the frames of a closed curve stand, ``frames`` from each of ``count`` keyframes to the next.

    On straight lines as ``loop``: with even speed the corner at each keyframe would be seen as a jerk. On a smooth
    curve evenly.
    """
    if curve == "linear":
        return [start + along for start, _, along in loop(count, frames)]
    return [i / frames for i in range(count * frames)]


def split(u: float, count: int) -> tuple[int, int, float]:
    """A position → (the keyframe before it, the one after, how far between, 0…1)."""
    before = math.floor(u)
    return before % count, (before + 1) % count, u - before


def slopes(keys: Tensor) -> Tensor:
    """The derivatives at ``keys`` [n, …] of the periodic cubic spline through them, one unit apart.

    The spline's first and second derivatives are continuous everywhere, also where it closes: at each keyframe
    m₋ + 4m + m₊ = 3(p₊ − p₋), a circulant system, which the Fourier transform over the keyframes makes diagonal. Of two
    keyframes the derivatives are 0: there and back on a straight line.
    """
    n = len(keys)
    wanted = 3 * (keys.double().roll(-1, dims=0) - keys.double().roll(1, dims=0))
    eigenvalues = 4 + 2 * torch.cos(2 * math.pi * torch.arange(n, dtype=torch.float64, device=keys.device) / n)
    transformed = torch.fft.fft(wanted, dim=0) / eigenvalues.view(-1, *[1] * (keys.ndim - 1))
    return torch.fft.ifft(transformed, dim=0).real


def spline(keys: Tensor, derivatives: Tensor, u: float) -> Tensor:
    """The point at position ``u`` of the curve through ``keys`` [n, …] with these derivatives (cubic Hermite)."""
    a, b, t = split(u, len(keys))
    p, q, m, n = keys[a].double(), keys[b].double(), derivatives[a], derivatives[b]
    point = p + t * (m + t * (3 * (q - p) - 2 * m - n + t * (2 * (p - q) + m + n)))
    return point.to(keys)
