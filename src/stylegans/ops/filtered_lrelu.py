"""The alias-free leaky ReLU (StyleGAN3, section 3.2): rectify a signal at a higher sampling rate, and filter.

The rectifier's corners hold frequencies that the grid cannot; applied to an upsampled signal and filtered before
downsampling again, what is left of them is what the continuous function would have.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from stylegans.ops.activation import LEAK, bias_act
from stylegans.ops.polyphase import polyphase
from stylegans.ops.resample import upfirdn


def filtered_lrelu(
    x: Tensor,
    b: Tensor | None = None,
    *,
    up_filter: Tensor | None = None,
    down_filter: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int | Sequence[int] = 0,
    gain: float = math.sqrt(2),
    slope: float = LEAK,
    clamp: float | None = None,
    flip: bool = False,
    plain: bool = False,
) -> Tensor:
    """Bias, upsampling, leaky ReLU, gain, clamp, downsampling.

    Args:
        x: ``[N, C, H, W]``.
        b: ``[C]``, or None.
        up_filter, down_filter: taps ``[k]`` (along both axes) or ``[kh, kw]``; None: the identity.
        padding: pixels after upsampling: one number, (x, y) or (left, right, top, bottom); negative crops.
        gain: above 0.
        slope: of the rectifier for negative values.
        clamp: bound on the magnitude after the gain; None: none.
        flip: correlate with both filters instead of convolving.
        plain: write out the zeros of the upsampled signal (the definition) instead of skipping them (fast).
    """
    x = bias_act(x, b)
    if up_filter is None or plain:
        x = upfirdn(x, up_filter, up=up, padding=padding, gain=up**2, flip=flip, plain=plain)
    else:
        x = polyphase(x, up_filter, up=up, padding=padding, gain=up**2 * gain, flip=flip)
        gain = 1  # scaled filters save a pass over the large signal: the rectifier commutes with a positive factor
    x = bias_act(x, act="lrelu", alpha=slope, gain=gain, clamp=clamp)
    if down_filter is None and down == 1:
        return x
    if down_filter is None or plain:
        return upfirdn(x, down_filter, down=down, flip=flip, plain=plain)
    return polyphase(x, down_filter, down=down, flip=flip)
