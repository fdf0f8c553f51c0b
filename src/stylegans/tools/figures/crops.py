"""Where a figure looks closer."""

import numpy as np

from stylegans.config.sizes import Size

SHARES = (4, 3, 2)
"""A detail is a quarter of the picture's sides, or the smallest of these shares that divides them."""

SMALLEST = 6
"""Pixels that the shorter side of a detail has at least."""


def detail_size(size: Size) -> Size:
    """(height, width) of the detail of a picture: of its shape, so that enlarged it is a panel as wide and high.

    All of a picture that is too small.
    """
    height, width = size
    for share in SHARES:
        if height % share == width % share == 0 and min(size) // share >= SMALLEST:
            return height // share, width // share
    return size


def busiest(strength: np.ndarray, size: Size) -> tuple[int, int]:
    """(top, left) of the window of ``size`` in which the sum of ``strength`` [H, W] is largest.

    Of several the first; where all are equal the one in the middle.
    """
    height, width = size
    sums = np.pad(strength.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    found = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    if np.ptp(found) <= 1e-9 * float(np.abs(found).max()):
        return (strength.shape[0] - height) // 2, (strength.shape[1] - width) // 2
    top, left = np.unravel_index(int(found.argmax()), found.shape)
    return int(top), int(left)
