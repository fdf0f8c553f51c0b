"""Some noise inputs alone: the others silent, as if their strengths were 0 (StyleGAN, figure 5)."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from stylegans.config.sizes import Size
from stylegans.networks.protocol import Generator, Noise
from stylegans.ops.random import Source
from stylegans.tools.noise_maps import stored

MAP, STRENGTH = ".noise_const", ".noise_strength"


def noise_grids(G: Generator) -> dict[str, Size]:
    """A noise input's name in the synthesis network, like ``blocks.2.conv0.noise`` → its grid (height, width).

    The coarsest first; empty for a model without noise inputs.
    """
    return {name.removesuffix(MAP): (each.shape[2], each.shape[3]) for name, each in stored(G).items()}


def coarse_and_fine(G: Generator) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The noise inputs of the coarser and of the finer half of the grids, the middle one counted as fine.

    Of 1024²: 4² to 32² and 64² to 1024², as in the paper. Of a single grid nothing is coarse.
    """
    grids = noise_grids(G)
    sizes = list(dict.fromkeys(grids.values()))
    coarse = sizes[: len(sizes) // 2]
    return (
        tuple(name for name, size in grids.items() if size in coarse),
        tuple(name for name, size in grids.items() if size not in coarse),
    )


@torch.no_grad()
def synthesise_with(
    G: Generator, ws: Tensor, inputs: Collection[str], *, noise: Noise = "const", generator: Source = None
) -> Tensor:
    """ws [N, num_ws, w_dim] → images [N, C, H, W], drawn with these noise ``inputs`` (see ``noise_grids``) alone.

    With ``noise="random"`` the silent ones draw too, so that the others' noise is what it is with all of them.
    """
    synthesis: Any = G.synthesis  # a module, or it would have no noise inputs
    strengths = {f"{name}{STRENGTH}" for name in noise_grids(G) if name not in inputs}
    silent = {name: torch.zeros_like(each) for name, each in synthesis.named_parameters() if name in strengths}
    images: Tensor = functional_call(synthesis, silent, (ws,), {"noise": noise, "generator": generator})
    return images
