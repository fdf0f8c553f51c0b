"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003).

1 is equality. Among generated pictures (Odena et al. 2017; ProGAN's table 1) the mean over random pairs, 10,000 there,
tells of collapse: it should not lie above that of real pictures. It says nothing about how good they are.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.metrics.separable import filtered

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The exponents of the five scales, the finest first (section 3.2). They sum to 1."""

WINDOW, SIGMA = 11, 1.5
K1, K2, RANGE = 0.01, 0.03, 255
C1, C2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """The multi-scale structural similarity of pictures, pair by pair (equation 7).

    Of each scale the contrast and structure term, of the coarsest the luminance term too, is averaged over the places
    where the window fits and over the channels, and raised to the scale's exponent. A mean below zero (pictures that
    are each other's negatives) counts as zero, since it has no such power.

    The paper's five scales of a window of 11 pixels need sides of 161 or more. By convention, at a scale whose shorter
    side n is less than 11, the window is n pixels wide and its σ is 1.5 · n/11; a halved odd side is rounded up,
    its last pixels averaged with one fewer, so that there are always five scales, down to one pixel, where only the
    luminance differs. Values of small pictures compare with each other at one size only.

    Args:
        a, b: uint8 or floating [N, C, H, W], in [0, 255].

    Returns:
        [N] in [0, 1], float32 (or float64 if the pictures are).

    Raises:
        ValueError: they differ in shape.
    """
    if a.shape != b.shape or a.ndim != 4:
        raise ValueError(f"pairs of images are [N, C, H, W] twice, not {list(a.shape)} and {list(b.shape)}")
    x, y = (t if t.is_floating_point() else t.float() for t in (a, b))
    similarity = torch.ones(len(x), dtype=x.dtype, device=x.device)
    for scale, weight in enumerate(WEIGHTS):
        last = scale == len(WEIGHTS) - 1
        similarity = similarity * _similarity(x, y, luminance=last).clamp(min=0) ** weight
        x, y = (F.avg_pool2d(t, 2, ceil_mode=True) for t in (x, y))
    return similarity


def _similarity(x: Tensor, y: Tensor, *, luminance: bool) -> Tensor:
    """The mean of one scale's contrast and structure (equations 2 and 3, joined), times luminance if asked for: [N]."""
    window = _window(min(WINDOW, *x.shape[2:]))
    mean_x, mean_y, xx, yy, xy = (filtered(t, window) for t in (x, y, x * x, y * y, x * y))
    product, squares = mean_x * mean_y, mean_x.square() + mean_y.square()
    similarity = (2 * (xy - product) + C2) / (xx + yy - squares + C2)
    if luminance:
        similarity = similarity * (2 * product + C1) / (squares + C1)
    return similarity.mean(dim=(1, 2, 3))


def _window(size: int) -> list[float]:
    at = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(at**2) / (2 * (SIGMA * size / WINDOW) ** 2))
    return [float(weight) for weight in weights / weights.sum()]
