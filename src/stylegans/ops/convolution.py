"""Convolution with a change of resolution, filtered against aliasing on the right side of it.

Up: transposed convolution, then the FIR filter. Down: the FIR filter, then a strided convolution.
(StyleGAN2, section 2 and appendix B.)
"""

import torch.nn.functional as F
from torch import Tensor

from stylegans.ops import convolution_gradients
from stylegans.ops.resample import Pair, down_padding, extent, sides, up_padding, upfirdn


def conv2d(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    groups: int = 1,
    flip: bool = True,
) -> Tensor:
    """Correlate (``flip=True``, the usual convention) or convolve ``[N, C, H, W]`` with ``w [O, C/groups, kh, kw]``.

    ``padding`` is (y, x).
    """
    w = w if flip else w.flip([2, 3])
    if groups > 1:
        return F.conv2d(x, w, bias, stride=stride, padding=padding, groups=groups)
    return convolution_gradients.conv2d(x, w, bias, stride=stride, padding=padding)


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    up: int = 1,
    down: int = 1,
    padding: Pair = 0,
    groups: int = 1,
    flip_weight: bool = True,
    flip_filter: bool = False,
    plain: bool = False,
) -> Tensor:
    """Upsample by ``up``, convolve with ``w``, downsample by ``down``, low-pass filtered by ``f``.

    Args:
        x: ``[N, C, H, W]``.
        w: ``[O, C/groups, kh, kw]``.
        f: taps, see ``resample.fir_filter``.
        bias: ``[O]``, added to the result.
        padding: relative to the upsampled picture; (kh-1)/2 keeps sizes.
        flip_weight: True correlates with ``w``, False convolves.
        flip_filter: True correlates with ``f``, False convolves.
        plain: take the three steps one after the other (the definition) instead of merging them (fast).
    """
    kh, kw = w.shape[2:]
    around = sides(padding)
    if up > 1:
        around = up_padding(extent(f), (up, up), around)
    if down > 1:
        around = down_padding(extent(f), (down, down), around)

    if not plain and (kh, kw) == (1, 1) and up == 1 and down > 1:  # filter and drop pixels, then mix channels
        x = upfirdn(x, f, down=down, padding=around, flip=flip_filter)
        return conv2d(x, w, bias, groups=groups)
    if not plain and (kh, kw) == (1, 1) and down == 1 and up > 1:
        x = conv2d(x, w, groups=groups)
        return _biased(upfirdn(x, f, up=up, padding=around, gain=up**2, flip=flip_filter), bias)
    if not plain and up == 1 and down > 1:
        x = upfirdn(x, f, padding=around, flip=flip_filter)
        return conv2d(x, w, bias, stride=down, groups=groups, flip=flip_weight)
    if not plain and up > 1:
        left, right, top, bottom = around
        x = _transposed(x, w.flip([2, 3]) if flip_weight else w, stride=up, groups=groups)
        remaining = (left - (kw - 1), right + up - kw, top - (kh - 1), bottom + up - kh)
        x = upfirdn(x, f, padding=remaining, gain=up**2, flip=flip_filter)
        return _biased(upfirdn(x, f, down=down, flip=flip_filter) if down > 1 else x, bias)
    left, right, top, bottom = around
    if not plain and left == right >= 0 and top == bottom >= 0:
        return conv2d(x, w, bias, padding=(top, left), groups=groups, flip=flip_weight)

    x = upfirdn(x, f if up > 1 else None, up=up, padding=around, gain=up**2, flip=flip_filter)
    x = conv2d(x, w, groups=groups, flip=flip_weight)
    return _biased(upfirdn(x, f, down=down, flip=flip_filter) if down > 1 else x, bias)


def _biased(x: Tensor, bias: Tensor | None) -> Tensor:
    """In place, on a result that no one else has seen."""
    return x if bias is None else x.add_(bias[:, None, None])


def _transposed(x: Tensor, w: Tensor, *, stride: int, groups: int) -> Tensor:
    """Convolve the zero-stuffed picture with ``w [O, C/groups, kh, kw]``, everything the kernel touches kept."""
    if groups == 1:
        return convolution_gradients.conv_transpose2d(x, w.transpose(0, 1), stride=stride)
    out, per_group, kh, kw = w.shape
    w = w.reshape(groups, out // groups, per_group, kh, kw).transpose(1, 2)
    w = w.reshape(groups * per_group, out // groups, kh, kw)
    return F.conv_transpose2d(x, w, stride=stride, groups=groups)
