"""3×3 convolutions by Winograd's minimal filtering, F(2×2, 3×3): 16 products for 4 outputs instead of 36.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308), section 4.1. Tiles of 4×4 pixels
and the weights are transformed; each of the 16 components is one matrix product over all channels; sums of them are the
outputs. The pictures go through in bands, so that a band's components stay in the cache.

On a CPU with AVX2 convolutions of 256 channels and more gain a factor of 1.3 to 1.7; with fewer channels the
transforms cost what the products save. It rounds a few times as much as the direct form, 3e-6 of the largest output.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.ops.eager import eager

CHANNELS, TILES = 192, 64
"""The fewest of each for which it is worth its transforms."""

BAND = 16 << 20
"""Bytes of a band's components."""


def suits(x: Tensor, w: Tensor) -> bool:
    """Whether ``x [N, I, H, W]`` is convolved with ``w [O, I, 3, 3]`` faster this way, here."""
    return (
        eager(x)  # first: whoever traces must not see the sizes asked for
        and tuple(w.shape[2:]) == (3, 3)
        and min(w.shape[:2]) >= CHANNELS
        and x.dtype is torch.float32
        and x.device.type == "cpu"
        and len(x) * x.shape[2] * x.shape[3] >= 4 * TILES
        and torch.backends.cpu.get_cpu_capability() == "AVX2"  # the only one it was measured on
    )


def transformed(w: Tensor) -> Tensor:
    """Weights ``[O, I, 3, 3]`` → their components G w Gᵀ, ``[16, O, I]``."""
    g = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], dtype=w.dtype)
    both = torch.einsum("ai,bj->abij", g, g).reshape(16, 9)
    return (both @ w.permute(2, 3, 0, 1).reshape(9, -1)).unflatten(1, w.shape[:2])


def convolved(x: Tensor, u: Tensor, bias: Tensor | None = None, *, padding: tuple[int, int]) -> Tensor:
    """Correlate ``[N, I, H, W]`` with weights whose components are ``u``; no gradients.

    Args:
        padding: (y, x).
    """
    n, _, h, w = x.shape
    (top, left), outer = padding, u.shape[1]
    height, width = h + 2 * top - 2, w + 2 * left - 2
    tall, wide = -(-height // 2), -(-width // 2)  # tiles
    pixels = x.permute(0, 2, 3, 1)
    y = torch.empty([n, outer, height, width], dtype=x.dtype, memory_format=torch.channels_last)
    places = y.permute(0, 2, 3, 1)
    turned = u.transpose(1, 2)
    for samples, rows in _bands(n, tall, wide * max(u.shape[1:]) * 16 * x.element_size()):
        above, below = 2 * rows.start - top, 2 * rows.stop + 2 - top
        seen = pixels[samples, max(above, 0) : min(below, h)]
        seen = F.pad(seen, [0, 0, left, 2 * wide + 2 - w - left, max(-above, 0), max(below - h, 0)])
        components = _tiles(seen)
        products = torch.bmm(components.flatten(1, 4).view(16, -1, x.shape[1]), turned)
        if bias is not None:
            products[5].add_(bias)  # the one that all four outputs contain once
        place = places[samples, 2 * rows.start : min(2 * rows.stop, height)]
        _outputs(products.view(4, 4, *components.shape[2:5], outer), place)
    return y


def _bands(n: int, tall: int, row: int) -> Iterator[tuple[slice, slice]]:
    """Samples and rows of tiles that go together; ``row`` is the bytes of a row's components."""
    at_once = max(BAND // (row * tall), 1)
    rows = tall if at_once > 1 else min(max(BAND // row, 1), tall)
    for i in range(0, n, at_once):
        for first in range(0, tall, rows):
            yield slice(i, min(i + at_once, n)), slice(first, min(first + rows, tall))


def _tiles(x: Tensor) -> Tensor:
    """Pixels ``[n, 2t + 2, 2u + 2, C]`` → components Bᵀ d B of its t·u tiles, ``[4, 4, n, t, u, C]``."""
    n, rows, columns, channels = x.shape
    vertical = x.new_empty([4, n, rows // 2 - 1, columns, channels])
    _components(x[:, 0::2], x[:, 1::2], dim=1, out=vertical)
    both = x.new_empty([4, 4, n, rows // 2 - 1, columns // 2 - 1, channels])
    _components(vertical[:, :, :, 0::2], vertical[:, :, :, 1::2], dim=3, out=both.transpose(0, 1))
    return both


def _components(even: Tensor, odd: Tensor, *, dim: int, out: Tensor) -> None:
    """Bᵀ along one axis: of each four pixels d0 to d3, two apart, d0 - d2, d1 + d2, d2 - d1 and d1 - d3."""
    count = even.shape[dim] - 1
    d0, d2 = even.narrow(dim, 0, count), even.narrow(dim, 1, count)
    d1, d3 = odd.narrow(dim, 0, count), odd.narrow(dim, 1, count)
    torch.sub(d0, d2, out=out[0])
    torch.add(d1, d2, out=out[1])
    torch.sub(d2, d1, out=out[2])
    torch.sub(d1, d3, out=out[3])


def _outputs(m: Tensor, y: Tensor) -> None:
    """Components ``[4, 4, n, t, u, O]`` → pixels Aᵀ m A, to ``y [n, 2t, 2u, O]`` or as much of it as there is."""
    halves = m.new_empty([2, *m.shape[1:]])
    _sums(m, halves[0], halves[1])
    for row in (0, 1):
        kept = y[:, row::2]
        components = halves[row][:, :, : kept.shape[1]]
        whole = kept.shape[2] == 2 * m.shape[4]
        to = kept if whole else kept.new_empty([*kept.shape[:2], 2 * m.shape[4], kept.shape[3]])
        _sums(components, to[:, :, 0::2], to[:, :, 1::2])
        if not whole:
            kept.copy_(to[:, :, : kept.shape[2]])


def _sums(m: Tensor, first: Tensor, second: Tensor) -> None:
    """Aᵀ along the first axis: m0 + m1 + m2 and m1 - m2 - m3."""
    part = m[1] + m[2]
    torch.add(m[0], part, out=first)
    torch.sub(m[1], m[2], out=part)
    torch.sub(part, m[3], out=second)
