# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
"""FIR resampling in one pass: every output sample gathers the taps that do not fall on inserted zeros.

Of a filter of k taps after upsampling by u, an output sample meets ⌈k/u⌉ at most, the first of them at a place that
depends on its phase. Sums are taken in float32.
"""

import triton
import triton.language as tl
from torch import Tensor

from stylegans.ops.kernels.launch import blocks, dense, device_of, is_channels_last, like

UNROLLED = tl.constexpr(8)
"""Filters of up to so many rows are unrolled whole."""


def upfirdn(
    x: Tensor,
    f: Tensor,
    *,
    up: tuple[int, int],
    down: tuple[int, int],
    padding: tuple[int, int, int, int],
    flip: bool,
    gain: float,
) -> Tensor:
    """Upsample, pad or crop, filter, downsample; without derivatives.

    Args:
        x: ``[N, C, H, W]``.
        f: taps ``[kh, kw]``.
        up, down: (x, y).
        padding: (left, right, top, bottom).
        flip: correlate instead of convolve.
        gain: scale of the result.
    """
    x, f = dense(x), f.contiguous()
    (n, c, h, w), (kh, kw), (left, right, top, bottom) = x.shape, f.shape, padding
    height = (h * up[1] + top + bottom - kh) // down[1] + 1
    width = (w * up[0] + left + right - kw) // down[0] + 1
    y = like(x, n, c, height, width)
    if y.numel() == 0:
        return y
    channels_last = is_channels_last(x)
    rows, columns = (n * height * width, c) if channels_last else (n * c * height, width)
    tall, wide = blocks(columns)
    with device_of(x):
        _kernel[(triton.cdiv(rows, tall) * triton.cdiv(columns, wide),)](
            x, f, y, rows, c, h, w, height, width, left, top,
            max(triton.cdiv(left, up[0]), 0), max(triton.cdiv(top, up[1]), 0), float(gain),
            KH=kh, KW=kw, UP_X=up[0], UP_Y=up[1], DOWN_X=down[0], DOWN_Y=down[1],
            FLIP=flip, CHANNELS_LAST=channels_last, TALL=tall, WIDE=wide,
        )  # fmt: skip
    return y


# One kernel for all sizes. Of the width it must not know more: rows shifted by a tap cannot be read four at a time, and
# a warp that writes four at a time would read with gaps.
@triton.jit(do_not_specialize=["rows", "h", "w", "height", "width", "left", "top", "skip_x", "skip_y"])
def _kernel(
    x_ptr, f_ptr, y_ptr, rows, channels, h, w, height, width, left, top, skip_x, skip_y, gain,
    KH: tl.constexpr, KW: tl.constexpr, UP_X: tl.constexpr, UP_Y: tl.constexpr,
    DOWN_X: tl.constexpr, DOWN_Y: tl.constexpr, FLIP: tl.constexpr, CHANNELS_LAST: tl.constexpr,
    TALL: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Columns of a block are neighbours in memory: channels of one pixel, or pixels of one row of one channel.

    ``skip``: input samples that keep what is divided positive.
    """
    columns = channels if CHANNELS_LAST else width
    across = (columns + WIDE - 1) // WIDE
    block = tl.program_id(0)
    row = block // across * TALL + tl.arange(0, TALL)[:, None]
    column = block % across * WIDE + tl.arange(0, WIDE)[None, :]
    inside = (row < rows) & (column < columns)
    if CHANNELS_LAST:
        out_x, out_y = row % width, row // width % height
        source = (row // (width * height)).to(tl.int64) * (h * w * channels) + column
        step_x, step_y = channels, w * channels
    else:
        out_x, out_y = column, row % height
        source = (row // height).to(tl.int64) * (h * w)
        step_x, step_y = 1, w

    at_x, at_y = out_x * DOWN_X - left, out_y * DOWN_Y - top  # in samples of the upsampled signal
    first_x = (at_x + (skip_x * UP_X + UP_X - 1)) // UP_X - skip_x  # the first input sample from there on
    first_y = (at_y + (skip_y * UP_Y + UP_Y - 1)) // UP_Y - skip_y
    tap_x, tap_y = first_x * UP_X - at_x, first_y * UP_Y - at_y  # and the tap that falls on it

    total = tl.full([TALL, WIDE], 0.0, tl.float32)
    if KH <= UNROLLED:
        for i in tl.static_range((KH + UP_Y - 1) // UP_Y):
            total = _row(total, x_ptr + source, f_ptr, i, inside, first_x, first_y, tap_x, tap_y, step_x, step_y, h, w,
                         KH, KW, UP_X, UP_Y, FLIP)  # fmt: skip
    else:
        for i in range((KH + UP_Y - 1) // UP_Y):
            total = _row(total, x_ptr + source, f_ptr, i, inside, first_x, first_y, tap_x, tap_y, step_x, step_y, h, w,
                         KH, KW, UP_X, UP_Y, FLIP)  # fmt: skip
    tl.store(y_ptr + row.to(tl.int64) * columns + column, (total * gain).to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _row(
    total, x_ptr, f_ptr, i, inside, first_x, first_y, tap_x, tap_y, step_x, step_y, h, w,
    KH: tl.constexpr, KW: tl.constexpr, UP_X: tl.constexpr, UP_Y: tl.constexpr, FLIP: tl.constexpr,
):  # fmt: skip
    """The i-th row of taps that every sample meets."""
    in_y = first_y + i
    ky = i if UP_Y == 1 else tap_y + i * UP_Y  # without upsampling one tap for the whole block
    row = inside & (in_y >= 0) & (in_y < h) & (ky < KH)
    for j in tl.static_range((KW + UP_X - 1) // UP_X):
        in_x = first_x + j
        kx = j if UP_X == 1 else tap_x + j * UP_X
        tap = ky * KW + kx if FLIP else (KH - 1 - ky) * KW + (KW - 1 - kx)
        weight = tl.load(f_ptr + tap, mask=(ky < KH) & (kx < KW), other=0.0)
        value = tl.load(x_ptr + in_y * step_y + in_x * step_x, mask=row & (in_x >= 0) & (in_x < w), other=0.0)
        total += weight.to(tl.float32) * value.to(tl.float32)
    return total
