"""Style mixing (StyleGAN, section 3.1 and figure 3): some layers' styles from one source, the rest from another."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.pictures import WHITE, tile, to_uint8
from stylegans.networks.protocol import Generator, Noise
from stylegans.tools.generate import Label, render, styles


def mix_layers(ws: Tensor, source: Tensor, layers: Sequence[int]) -> Tensor:
    """``ws`` with its ``layers`` from ``source``; both [N, num_ws, w_dim]."""
    mixed = ws.clone()
    mixed[:, list(layers)] = source[:, list(layers)]
    return mixed


def mix_grid(
    G: Generator,
    row_seeds: Sequence[int],
    col_seeds: Sequence[int],
    *,
    layers: Sequence[int],
    truncation: float = 1.0,
    noise: Noise = "const",
    label: Label | None = None,
) -> np.ndarray:
    """Every row's picture with ``layers`` taken from every column's, as in the published figure.

    The sources stand in the first column and the first row; all noise is that of the row's seed.

    Args:
        layers: indices into ws that come from the column's source.
        truncation, noise, label: as ``stylegans.tools.generate.generate``.

    Returns:
        One picture uint8 [(R + 1)·H, (C + 1)·W, channels], its corner white.

    Raises:
        UserError: the model has one w for all its layers; or an option makes no sense for it.
    """
    refuse_unless_layered(G)
    rows = styles(G, row_seeds, truncation=truncation, label=label)
    columns = styles(G, col_seeds, truncation=truncation, label=label)
    height, width = G.img_resolution
    corner = np.full((1, height, width, G.img_channels), WHITE, dtype=np.uint8)
    cells = [corner, _draw(G, columns, col_seeds, noise)]
    for row, seed in zip(rows, row_seeds, strict=True):
        mixed = mix_layers(row.expand_as(columns), columns, layers)
        cells.append(_draw(G, torch.cat([row[None], mixed]), [seed] * (len(mixed) + 1), noise))
    return tile(np.concatenate(cells), columns=len(col_seeds) + 1)


def refuse_unless_layered(G: Generator) -> None:
    """Raises UserError for a model whose layers all share one w: there is nothing to mix."""
    if G.num_ws == 1:
        raise UserError("mix: this model has one style for all its layers, so there is nothing to mix")


def _draw(G: Generator, ws: Tensor, seeds: Sequence[int], noise: Noise) -> np.ndarray:
    # one at a time: as fast on a CPU, and a large model needs no more memory than for one picture
    pictures = [to_uint8(render(G, w[None], [seed], noise=noise)) for w, seed in zip(ws, seeds, strict=True)]
    return np.concatenate(pictures)
