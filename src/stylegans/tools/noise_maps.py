"""Noise inputs as something to set: their maps drawn, held to noise, and drawn with (StyleGAN2, appendix D).

The projector optimises the maps beside w. Left alone, it would draw the picture into them; so they are kept at mean 0
and variance 1, and their neighbouring pixels uncorrelated at every scale.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from stylegans.networks.protocol import Generator, device_of
from stylegans.nn.noise import stored_maps

Maps = Mapping[str, Tensor]
"""A noise input's name in the synthesis network → its maps [N, 1, H, W], one for each picture."""

SMALLEST = 8
"""The pyramid ends at this side; smaller maps are compared as they are."""


def stored(G: Generator) -> dict[str, Tensor]:
    """The maps that ``noise="const"`` draws with, [1, 1, H, W], by name; empty for a model without noise inputs.

    A noise input's name is its buffer's in ``G.synthesis``, like ``blocks.2.conv0.noise.noise_const``.
    """
    if not isinstance(G.synthesis, nn.Module):
        return {}
    return {name: each[None, None] for name, each in stored_maps(G.synthesis).items()}


def draw(G: Generator, *, count: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Fresh maps [count, 1, H, W] for every noise input, of mean 0 and variance 1: the same for all ``count``."""
    device = device_of(G)
    maps = {name: torch.randn(old.shape, generator=generator).to(device) for name, old in stored(G).items()}
    return {name: each.repeat(count, 1, 1, 1) for name, each in normalised(maps).items()}


def normalised(maps: Maps) -> dict[str, Tensor]:
    """Each map shifted and scaled to mean 0 and variance 1."""
    return {name: F.layer_norm(each, each.shape[1:], eps=1e-20) for name, each in maps.items()}


def correlation(maps: Maps) -> Tensor:
    """The regulariser: squared correlations of each pixel with its neighbours, summed over maps and scales, [N].

    Σ (mean n(x, y) · n(x − 1, y))² + (mean n(x, y) · n(x, y − 1))², the maps wrapping at their edges, over each map and
    its pyramid: means over 2 × 2 pixels, times 2 so that noise keeps its variance, down to 8 pixels.

    Raises:
        ValueError: there are no maps.
    """
    if not maps:
        raise ValueError("a model without noise inputs has no correlation of them")
    total = torch.zeros(())
    for level in maps.values():
        while True:
            across, down = (level * level.roll(1, dims=axis) for axis in (3, 2))
            total = total + across.mean(dim=(1, 2, 3)).square() + down.mean(dim=(1, 2, 3)).square()
            if min(level.shape[2:]) <= SMALLEST:
                break
            level = 2 * F.avg_pool2d(level, 2)
    return total


def synthesise(G: Generator, ws: Tensor, maps: Maps) -> Tensor:
    """ws [N, num_ws, w_dim] → images [N, C, H, W], drawn with ``maps``; without any, with the model's own."""
    if not maps:
        return G.synthesis(ws)
    synthesis: Any = G.synthesis  # a module, or it would have no maps
    images: Tensor = functional_call(synthesis, dict(maps), (ws,))
    return images
