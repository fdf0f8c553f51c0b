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
from stylegans.ops.random import PerSample

LARGEST_SEED = 2**32 - 1
MOST_SEEDS = 1_000_000
MOST_REPORTED = 32

Label = int | tuple[float, ...]
"""A class, or a label vector as it is: of several classes at once, or of conditions."""


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


def spelled(numbers: Sequence[int]) -> str:
    """(0, 1, 2, 3, 20, 7) → '0-3,20,7', seeds or layers as they are typed."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def latent(seed: int, z_dim: int) -> Tensor:
    """The latent of ``seed``, [1, z_dim]: drawn in float64 and rounded to float32."""
    return torch.from_numpy(np.random.RandomState(seed).randn(1, z_dim).astype(np.float32))


def parse_label(text: str, c_dim: int) -> Label:
    """'3' → class 3; '0,1,1,0' → the label (0.0, 1.0, 1.0, 0.0). Of a model whose labels are one number each: that.

    Raises:
        UserError: it is neither, or not as long as the model's labels; names --class.
    """
    words = [word.strip() for word in text.split(",")]
    if len(words) == 1 and c_dim != 1 and words[0].removeprefix("-").isdecimal():
        return int(words[0])
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)) or (len(numbers) == 1 and c_dim > 1):
        raise UserError(f"--class: '{text}' is neither a class like 3 nor numbers like 0,1,1,0")
    return numbers


def classes(G: Generator, seeds: Sequence[int]) -> tuple[int, ...]:
    """The class that each seed draws, for a model with labels."""
    # another kind of generator than the latent's, so that the two have nothing in common
    return tuple(int(np.random.default_rng(seed).integers(G.c_dim)) for seed in seeds)


def labels(G: Generator, seeds: Sequence[int], label: Label | None = None) -> Tensor | None:
    """The label of each seed's picture, [N, c_dim], on the model's device; None for a model without labels.

    Args:
        label: a class, of which the one-hot vector is the label, or the vector itself; None: a class drawn by the seed.

    Raises:
        UserError: a label was asked of a model without, or is none of the model's; names --class.
    """
    if G.c_dim == 0:
        if label is not None:
            raise UserError("--class: this model has no classes; leave it out")
        return None
    if label is None:
        return torch.eye(G.c_dim)[list(classes(G, seeds))].to(device_of(G))
    if isinstance(label, int):
        if not 0 <= label < G.c_dim:
            raise UserError(f"--class: {label} is none of this model's classes, 0 to {G.c_dim - 1}")
        vector = torch.eye(G.c_dim)[label]
    else:
        if len(label) != G.c_dim:
            raise UserError(f"--class: {len(label)} numbers, but this model's labels have {G.c_dim}")
        vector = torch.tensor(label, dtype=torch.float32)
    return vector.repeat(len(seeds), 1).to(device_of(G))


def class_report(G: Generator, seeds: Sequence[int], label: Label | None = None) -> str | None:
    """'classes (drawn by seed; --class chooses): seed 0 class 3, …', for the user to know; None: nothing was drawn.

    Of more than 32 seeds it is said how often the rarest and the commonest class were drawn.
    """
    if label is not None or G.c_dim == 0:
        return None
    if len(seeds) > MOST_REPORTED:
        counts = np.bincount(classes(G, seeds), minlength=G.c_dim)
        return (
            f"classes (drawn by seed; --class chooses): {len(seeds)} pictures of {G.c_dim} classes, "
            f"{counts.min()} to {counts.max()} of each"
        )
    pairs = ", ".join(f"seed {seed} class {number}" for seed, number in zip(seeds, classes(G, seeds), strict=True))
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
    label: Label | None = None,
) -> Tensor:
    """The ws [N, num_ws, w_dim] of ``seeds``.

    Args:
        truncation: ψ; 1 changes nothing, 0 gives the average.
        truncation_layers: only the first so many layers; None: all.
        label: of all of them (see ``labels``); None: each seed draws its own class.

    Raises:
        UserError: an option makes no sense for this model; names it.
    """
    if not math.isfinite(truncation):
        raise UserError(f"--truncation: {truncation} is not a finite number; 0.7 is usual, 1 changes nothing")
    if truncation_layers is not None and not 0 <= truncation_layers <= G.num_ws:
        raise UserError(f"--truncation-layers: {truncation_layers} is not between 0 and this model's {G.num_ws} layers")
    c = labels(G, seeds, label)
    return G.mapping(latents(G, seeds), c, truncation=truncation, truncation_layers=truncation_layers)


@torch.no_grad()
def render(G: Generator, ws: Tensor, seeds: Sequence[int], *, noise: Noise = "const") -> Tensor:
    """ws [N, num_ws, w_dim] → images [N, C, H, W], float32.

    With ``noise="random"`` each picture's noise is drawn from its seed: it is the same whatever else is drawn, on one
    kind of device.
    """
    device = device_of(G)
    own = PerSample(tuple(torch.Generator(device=device).manual_seed(seed) for seed in seeds))
    return G.synthesis(ws, noise=noise, generator=own if noise == "random" else None).float()


def generate(
    G: Generator,
    seeds: Sequence[int],
    *,
    truncation: float = 1.0,
    truncation_layers: int | None = None,
    noise: Noise = "const",
    label: Label | None = None,
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
        ws = styles(G, some, truncation=truncation, truncation_layers=truncation_layers, label=label)
        yield some, render(G, ws, some, noise=noise)
