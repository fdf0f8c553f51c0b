"""Latents moved along directions: w + α n, for some layers or all (GANSpace, section 2.3; SeFa, equation 1)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stylegans.files.pictures import to_uint8
from stylegans.networks.protocol import Generator
from stylegans.tools.directions.files import Direction
from stylegans.tools.noise_maps import synthesise


@dataclass(frozen=True, eq=False)
class Move:
    """How far to go along a direction."""

    direction: Direction
    strength: float = 1.0
    """In standard deviations of the model's latents along it."""


def apply_direction(
    ws: Tensor, direction: Direction, strength: float = 1.0, layers: Sequence[int] | None = None
) -> Tensor:
    """``ws`` [N, num_ws, w_dim] moved along ``direction``. At strength 0 they are what they were, bit for bit.

    In z, the sphere, they keep their length, as a generator that begins by normalising z would have it.

    Args:
        strength: in standard deviations of the model's latents along it.
        layers: the ws to move; None: those of the direction, or all.
    """
    return apply_directions(ws, [Move(direction, strength)], layers)


def apply_directions(ws: Tensor, moves: Sequence[Move], layers: Sequence[int] | None = None) -> Tensor:
    """``ws`` [N, num_ws, w_dim] moved along several directions at once: their steps add up. Else as
    ``apply_direction``.
    """
    there = [move for move in moves if move.strength != 0]
    if not there:
        return ws
    total = torch.zeros_like(ws[:1])
    for move in there:
        own = move.direction.layers if layers is None else layers
        chosen = list(range(ws.shape[1]) if own is None else own)
        step = (move.direction.step * move.strength).to(ws)
        total[:, chosen] += step if step.ndim == 1 else step[chosen]
    moved = ws + total
    if there[0].direction.space == "z":
        on_sphere = moved * (ws.norm(dim=-1, keepdim=True) / moved.norm(dim=-1, keepdim=True).clamp(min=1e-12))
        moved = torch.where(total.any(dim=-1, keepdim=True), on_sphere, ws)
    return moved


def scaled(moves: Sequence[Move], strength: float) -> tuple[Move, ...]:
    """The same moves, all ``strength`` times as far."""
    return tuple(Move(move.direction, move.strength * strength) for move in moves)


def draw_along(
    G: Generator,
    ws: Tensor,
    moves: Sequence[Move],
    strengths: Sequence[float],
    *,
    layers: Sequence[int] | None = None,
    noise: Mapping[str, Tensor] | None = None,
) -> Iterator[np.ndarray]:
    """For every strength the pictures uint8 [N, H, W, C] of ``ws`` moved so many times as far as ``moves`` say.

    The noise stands still: the model's stored maps, or ``noise``, a map [N, 1, H, W] for each noise input by name.
    """
    maps = noise or {}
    for strength in strengths:
        moved = apply_directions(ws, scaled(moves, strength), layers)
        yield np.concatenate(
            [  # one at a time: as fast on a CPU, and a large model needs no more memory than for one picture
                to_uint8(_draw(G, moved[i : i + 1], {name: each[i : i + 1] for name, each in maps.items()}))
                for i in range(len(moved))
            ]
        )


def strip(
    G: Generator,
    ws: Tensor,
    moves: Sequence[Move],
    strengths: Sequence[float],
    *,
    layers: Sequence[int] | None = None,
    noise: Mapping[str, Tensor] | None = None,
) -> np.ndarray:
    """Pictures uint8 [N, S, H, W, C]: a row for each of the ``ws`` [N, num_ws, w_dim], a column for each strength.

    Arguments as ``draw_along``. Where the strength is 0 the picture is the unedited one.
    """
    return np.stack(list(draw_along(G, ws, moves, strengths, layers=layers, noise=noise)), axis=1)


def caption(strength: float) -> str:
    """Of a picture in a strip: '+1.5', '−3', '0'."""
    return f"{strength:+.3g}".replace("-", "−") if strength else "0"


def to_and_fro(low: float, high: float, frames: int) -> list[float]:
    """Strengths of a loop from ``low`` to ``high`` and back, resting at both ends: (1 − cos)/2.

    The last is the one before the first, so that in a loop none is seen twice.
    """
    turn = 2 * np.pi * np.arange(frames) / frames
    return [float(value) for value in low + (high - low) * (1 - np.cos(turn)) / 2]


@torch.no_grad()
def _draw(G: Generator, ws: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
    return synthesise(G, ws, maps).float()
