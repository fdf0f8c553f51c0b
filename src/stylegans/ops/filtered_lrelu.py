"""The alias-free leaky ReLU (StyleGAN3, section 3.2): rectify a signal at a higher sampling rate, and filter.

The rectifier's corners hold frequencies that the grid cannot; applied to an upsampled signal and filtered before
downsampling again, what is left of them is what the continuous function would have.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops.activation import LEAK, bias_act
from stylegans.ops.dispatch import use_kernels
from stylegans.ops.eager import eager, freely
from stylegans.ops.polyphase import polyphase
from stylegans.ops.resample import sides, upfirdn


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
    if not plain and up_filter is None and down_filter is None and up == down == 1 and not any(sides(padding)):
        return bias_act(x, b, act="lrelu", alpha=slope, gain=gain, clamp=clamp)
    if not plain and use_kernels(x) and (b is None or b.shape == x.shape[1:2]):
        from stylegans.ops.kernels import filtered_lrelu as kernel  # only where there is Triton

        first, second = (x.new_ones([1]) if f is None else f for f in (up_filter, down_filter))
        if kernel.fits(first, second, up=up, down=down):
            return kernel.filtered_lrelu(
                x,
                b,
                up_filter=first,
                down_filter=second,
                up=up,
                down=down,
                padding=sides(padding),
                gain=gain,
                slope=slope,
                clamp=clamp,
                flip=flip,
            )
    x = bias_act(x, b)
    if up_filter is None or plain:
        x = upfirdn(x, up_filter, up=up, padding=padding, gain=up**2, flip=flip, plain=plain)
        x = bias_act(x, act="lrelu", alpha=slope, gain=gain, clamp=clamp)
    else:
        # What is a pass over the small signal or the taps needs none over the large one: the rectifier commutes with a
        # positive factor, and hardly any signal reaches the bound.
        gain *= up**2
        reached = clamp is not None and not _stays_below(clamp, x, up_filter, up=up, gain=gain)
        rectify = F.leaky_relu_ if freely(x) else F.leaky_relu
        x = rectify(polyphase(x, up_filter, up=up, padding=padding, gain=gain, flip=flip), slope)
        x = x.clamp(-clamp, clamp) if clamp is not None and reached else x
    if down_filter is None and down == 1:
        return x
    if down_filter is None or plain:
        return upfirdn(x, down_filter, down=down, flip=flip, plain=plain)
    return polyphase(x, down_filter, down=down, flip=flip)


def _stays_below(bound: float, x: Tensor, f: Tensor, *, up: int, gain: float) -> bool:
    """Whether the upsampled signal surely does, by its largest sample and the taps that one output sees."""
    if x.device.type != "cpu" or not eager(x) or x.numel() == 0:
        return False  # to ask a GPU would be to wait for it
    low, high = torch.aminmax(x.detach())
    sums = F.pad(f.abs(), [0, -len(f) % up]).view(-1, up).sum(dim=0) if f.ndim == 1 else f.abs().sum().sqrt()
    return max(-low.item(), high.item()) * sums.max().item() ** 2 * gain < bound
