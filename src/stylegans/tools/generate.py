"""Pictures from seeds.

The latent of seed s is ``numpy.random.RandomState(s).randn(1, z_dim)``, as everywhere in this field, so that a seed
means the same picture to everyone.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator, Noise, device_of

LARGEST_SEED = 2**32 - 1
MOST_SEEDS = 1_000_000


def parse_seeds(text: str, *, option: str = "--seeds") -> tuple[int, ...]:
    """'0-3,20,7' → (0, 1, 2, 3, 20, 7): numbers and inclusive ranges, in the order given.

    Raises:
        UserError: it is something else, or a seed is above 2³² − 1; names ``option``.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()):
            raise UserError(f"{option}: '{part.strip()}' is not a seed or a range; write them like 0-15,20,3")
        low, high = int(first), int(last)
        if high > LARGEST_SEED or low > LARGEST_SEED:
            raise UserError(f"{option}: seeds go up to {LARGEST_SEED}, not {max(low, high)}")
        if low > high:
            raise UserError(f"{option}: the range {part.strip()} runs backwards; write {high}-{low}")
        if len(seeds) + high - low >= MOST_SEEDS:
            raise UserError(f"{option}: more than {MOST_SEEDS} seeds; ask for fewer at a time")
        seeds.extend(range(low, high + 1))
    return tuple(seeds)


def latent(seed: int, z_dim: int) -> Tensor:
    """The latent of ``seed``, [1, z_dim]: drawn in float64 and rounded to float32."""
    return torch.from_numpy(np.random.RandomState(seed).randn(1, z_dim).astype(np.float32))


def classes(G: Generator, seeds: Sequence[int], class_index: int | None = None) -> tuple[int, ...] | None:
    """The class of each seed's picture: ``class_index``, or one drawn by the seed; None for a model without classes.

    Raises:
        UserError: a class was asked of such a model, or is none of the model's; names --class.
    """
    if G.c_dim == 0:
        if class_index is not None:
            raise UserError("--class: this model has no classes; leave it out")
        return None
    if class_index is None:  # another kind of generator than the latent's, so that the two have nothing in common
        return tuple(int(np.random.default_rng(seed).integers(G.c_dim)) for seed in seeds)
    if not 0 <= class_index < G.c_dim:
        raise UserError(f"--class: {class_index} is none of this model's classes, 0 to {G.c_dim - 1}")
    return (class_index,) * len(seeds)


def labels(G: Generator, seeds: Sequence[int], class_index: int | None = None) -> Tensor | None:
    """``classes`` as one-hot vectors [N, c_dim], on the model's device; None for a model without classes.

    Raises:
        UserError: as ``classes``.
    """
    chosen = classes(G, seeds, class_index)
    return None if chosen is None else torch.eye(G.c_dim)[list(chosen)].to(device_of(G))


def class_report(G: Generator, seeds: Sequence[int], class_index: int | None = None) -> str | None:
    """'classes (drawn by seed): seed 0 class 3, …', for the user to know; None when there was nothing to draw."""
    chosen = classes(G, seeds, class_index)
    if chosen is None or class_index is not None:
        return None
    pairs = ", ".join(f"seed {seed} class {number}" for seed, number in zip(seeds, chosen, strict=True))
    return f"classes (drawn by seed; --class chooses): {pairs}"


def latents(G: Generator, seeds: Sequence[int]) -> Tensor:
    """The latents of ``seeds``, [N, z_dim], on the model's device."""
    return torch.cat([latent(seed, G.z_dim) for seed in seeds]).to(device_of(G))


@torch.no_grad()
def styles(
    G: Generator,
    seeds: Sequence[int],
    *,
    truncation: float = 1.0,
    truncation_layers: int | None = None,
    class_index: int | None = None,
) -> Tensor:
    """The ws [N, num_ws, w_dim] of ``seeds``.

    Args:
        truncation: ψ; 1 changes nothing, 0 gives the average.
        truncation_layers: only the first so many layers; None: all.
        class_index: for all of them; None: each seed draws its own (``classes``).

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    if not math.isfinite(truncation):
        raise UserError(f"--truncation: {truncation} is not a finite number; 0.7 is usual, 1 changes nothing")
    if truncation_layers is not None and not 0 <= truncation_layers <= G.num_ws:
        raise UserError(f"--truncation-layers: {truncation_layers} is not between 0 and this model's {G.num_ws} layers")
    c = labels(G, seeds, class_index)
    return G.mapping(latents(G, seeds), c, truncation=truncation, truncation_layers=truncation_layers)


@torch.no_grad()
def render(G: Generator, ws: Tensor, seeds: Sequence[int], *, noise: Noise = "const") -> Tensor:
    """ws [N, num_ws, w_dim] → images [N, C, H, W], float32.

    With ``noise="random"`` each picture's noise is drawn from its seed, one picture at a time: it is the same
    whatever else is drawn, on one kind of device.
    """
    if noise != "random":
        return G.synthesis(ws, noise=noise).float()
    device = device_of(G)
    pictures = [
        G.synthesis(w[None], noise=noise, generator=torch.Generator(device=device).manual_seed(seed))
        for w, seed in zip(ws, seeds, strict=True)
    ]
    return torch.cat(pictures).float()


def generate(
    G: Generator,
    seeds: Sequence[int],
    *,
    truncation: float = 1.0,
    truncation_layers: int | None = None,
    noise: Noise = "const",
    class_index: int | None = None,
    batch: int = 8,
) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Draw ``seeds``, ``batch`` at a time: (the seeds, their images [N, C, H, W], float32, about [-1, 1]).

    A picture is the same up to rounding whatever batch it came in. Arguments as ``styles`` and ``render``.

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    if batch < 1:
        raise UserError(f"--batch: {batch} pictures at a time is too few; use 1 or more")
    for start in range(0, len(seeds), batch):
        some = tuple(seeds[start : start + batch])
        ws = styles(G, some, truncation=truncation, truncation_layers=truncation_layers, class_index=class_index)
        yield some, render(G, ws, some, noise=noise)
