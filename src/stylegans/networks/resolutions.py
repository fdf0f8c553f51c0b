"""What each resolution does: which ws enter at its grid, and what it adds to the picture.

How the picture of a network comes together from its grids depends on its wiring, and so does what a grid's part in it
is. In each the parts sum to the picture:

- skip (StyleGAN2, figure 7b): what the grid's own to-RGB layer draws, upsampled to full size.
- resnet (figure 7c): what the grid's residual branch becomes on its way to the picture, by the shortcuts and the one
  to-RGB layer, which are linear.
- any other with styles: how the picture changes when the grid's ws, and all before, go from the average w to their own,
  while those behind stay at the average. The first part is the picture of the average w.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from stylegans.config.sizes import Size
from stylegans.networks import stylegan, stylegan2, stylegan3
from stylegans.networks.protocol import Generator
from stylegans.nn.modulated import ToRGB
from stylegans.ops.resample import upsample

HALF = math.sqrt(0.5)
"""What StyleGAN2 scales each branch of a residual sum by."""

Definition = Literal["skip", "resnet", "styles"]


@dataclass(frozen=True)
class Grid:
    """One resolution of a synthesis network."""

    size: Size
    """(height, width), without margins."""
    layers: tuple[int, ...]
    """The ws that enter at it."""


@dataclass(frozen=True)
class Part:
    """What one resolution adds to the pictures."""

    size: Size | None
    """None: the picture of the average w."""
    images: Tensor
    """[N, C, H, W], of full size; 0 adds nothing."""


def grids(G: Generator) -> tuple[Grid, ...]:
    """The resolutions at which styles enter, the coarsest first; empty for a network without, or an unknown one.

    The ws of StyleGAN2's last to-RGB layer counts to the finest grid. A StyleGAN3 has several layers at a grid, whose
    size is its sampling rate's.
    """
    if G.num_ws == 1:
        return ()
    if isinstance(G.synthesis, stylegan.StyleGANSynthesis | stylegan2.SynthesisNetwork):
        levels = G.num_ws // 2
        first = 1 if isinstance(G.synthesis, stylegan2.SynthesisNetwork) else 2  # layers of the base grid
        height, width = G.img_resolution
        ends = [first + 2 * level for level in range(levels - 1)] + [G.num_ws]
        return tuple(
            Grid((height >> (levels - 1 - level), width >> (levels - 1 - level)), tuple(range(start, end)))
            for level, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
        )
    if isinstance(G, stylegan3.StyleGAN3Generator):
        return _by_rate(G)
    return ()


def _by_rate(G: stylegan3.StyleGAN3Generator) -> tuple[Grid, ...]:
    signals = stylegan3.signals(G.config)  # type: ignore[arg-type]
    rates = [signals[0].rate] + [signal.rate for signal in signals]  # the input's, then each layer's
    height, width = G.img_resolution
    return tuple(
        Grid(
            (height * rate // rates[-1], width * rate // rates[-1]),
            tuple(layer for layer, other in enumerate(rates) if other == rate),
        )
        for rate in dict.fromkeys(rates)
    )


def average_ws(G: Generator) -> Tensor | None:
    """The average w for all layers, [1, num_ws, w_dim]; None for a model that keeps none."""
    w_avg = getattr(G.mapping, "w_avg", None)
    return w_avg.expand(1, G.num_ws, -1) if isinstance(w_avg, Tensor) else None


def definition(G: Generator) -> Definition | None:
    """Which of the definitions above is this model's; None: it has neither such a wiring nor styles by grid."""
    wiring = getattr(getattr(G, "config", None), "architecture", None)
    if isinstance(G.synthesis, stylegan2.SynthesisNetwork) and wiring == "skip":
        return "skip"
    if isinstance(G.synthesis, stylegan2.SynthesisNetwork) and wiring == "resnet":
        return "resnet"
    return "styles" if grids(G) and average_ws(G) is not None else None


@torch.no_grad()
def parts(G: Generator, ws: Tensor) -> tuple[Part, ...]:
    """What each resolution adds to the pictures of ws [N, num_ws, w_dim]; together they are the pictures.

    In the residual wiring the one bias of the picture counts to the base grid.

    Raises:
        ValueError: the model has no ``definition``.
    """
    kind = definition(G)
    if kind is None:
        raise ValueError("this model has no resolutions that could be told apart")
    if kind == "styles":
        so_far, sizes = list(_by_styles(G, ws)), [None, *(grid.size for grid in grids(G))]
    else:
        so_far = list(_by_to_rgb(G, ws) if kind == "skip" else _by_residuals(G, ws))
        sizes = [grid.size for grid in grids(G)]
    images = [so_far[0]] + [after - before for before, after in pairwise(so_far)]
    return tuple(Part(size, each) for size, each in zip(sizes, images, strict=True))


def _by_styles(G: Generator, ws: Tensor) -> Iterator[Tensor]:
    """The pictures of the average w, and with the ws of one grid after another at their own."""
    mean = average_ws(G)
    assert mean is not None
    for count in (0, *(grid.layers[-1] + 1 for grid in grids(G))):
        yield G.synthesis(torch.cat([ws[:, :count], mean[:, count:].expand(len(ws), -1, -1)], dim=1)).float()


def _by_to_rgb(G: Generator, ws: Tensor) -> Iterator[Tensor]:
    """The sums of what the to-RGB layers draw, up to each, at full size."""
    network = _stylegan2(G)
    drawn = _outputs(network, ws, [block.to_rgb for block in network.blocks])  # type: ignore[misc]
    image: Tensor | None = None
    for rgb in drawn:
        image = rgb if image is None else rgb + upsample(image, network.f)
        whole = image
        while whole.shape[2:] != drawn[-1].shape[2:]:
            whole = upsample(whole, network.f)
        yield whole


def _by_residuals(G: Generator, ws: Tensor) -> Iterator[Tensor]:
    """The pictures that the features of each grid give by the shortcuts alone."""
    network = _stylegan2(G)
    blocks = [block for block in network.blocks if isinstance(block, stylegan2.SynthesisBlock)]
    to_rgb = blocks[-1].to_rgb
    assert isinstance(to_rgb, ToRGB)
    for level, x in enumerate(_outputs(network, ws, blocks)):
        for block in blocks[level + 1 :]:
            assert block.skip is not None
            x = block.skip(x, gain=HALF)
        yield to_rgb(x, ws[:, -1])


def _stylegan2(G: Generator) -> stylegan2.SynthesisNetwork:
    assert isinstance(G.synthesis, stylegan2.SynthesisNetwork)
    return G.synthesis


def _outputs(network: stylegan2.SynthesisNetwork, ws: Tensor, modules: Sequence[nn.Module]) -> list[Tensor]:
    """What each of ``modules`` gives on the way to the picture, float32."""
    found: list[Tensor] = []
    handles = [module.register_forward_hook(lambda *passed: found.append(passed[2].float())) for module in modules]
    try:
        network(ws)
    finally:
        for handle in handles:
            handle.remove()
    return found
