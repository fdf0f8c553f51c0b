"""Upsampling without the zeros: one small filter per phase of the output, their results interleaved.

An output sample of an upsampled signal sees every ``up``-th tap only, the others fall on zeros; which ones depends on
its phase. With the filters of StyleGAN3, of 6 taps per factor, this and one pass per axis are what makes its layers
affordable. For the plain twin see ``upfirdn``.

Feature maps are filtered by depthwise convolutions. Pictures have so few channels that sums of shifted copies are
several times as fast.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops import resample
from stylegans.ops.dispatch import use_kernels
from stylegans.ops.eager import eager
from stylegans.ops.resample import Resampling, depthwise, extent, oriented, pad, sides, up_padding, upfirdn

PICTURE = 4
"""Up to so many channels, and taps of each phase, copies are shifted."""

SHIFTED_FROM = 64 * 64
"""Pixels from which that is worth its many operations."""


def polyphase(
    x: Tensor,
    f: Tensor,
    *,
    up: int = 1,
    down: int = 1,
    padding: int | Sequence[int] = 0,
    flip: bool = False,
    gain: float = 1.0,
) -> Tensor:
    """What ``upfirdn`` computes of ``[N, C, H, W]``, where not both ``up`` and ``down`` are above 1."""
    assert up == 1 or down == 1
    if use_kernels(x):
        return upfirdn(x, f, up=up, down=down, padding=padding, flip=flip, gain=gain)
    f = (f * gain ** (f.ndim / 2)).to(x.dtype)
    result: Tensor = _Polyphase.apply(x, f, Resampling(up, up, down, down, *sides(padding), flip=flip))  # type: ignore[no-untyped-call]
    return result


def upsample(x: Tensor, f: Tensor) -> Tensor:
    """What ``resample.upsample`` computes of pictures ``[N, C, H, W]``, twice as large."""
    if not _is_picture(x):
        return resample.upsample(x, f)
    return polyphase(x, f, up=2, padding=up_padding(extent(f), (2, 2)), gain=4)


class _Polyphase(torch.autograd.Function):
    """Linear in x, and its adjoint is the same with ``up`` and ``down`` exchanged."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, f: Tensor, resampling: Resampling) -> Tensor:
        y = _resample(x, f, resampling)
        ctx.save_for_backward(f)
        ctx.adjoint = resampling.adjoint(extent(f), (x.shape[2], x.shape[3]), (y.shape[2], y.shape[3]))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (f,) = ctx.saved_tensors
        return _Polyphase.apply(gradients[0], f, ctx.adjoint), None, None  # type: ignore[no-untyped-call]


def _resample(x: Tensor, f: Tensor, r: Resampling) -> Tensor:
    f = oriented(f, r.flip)
    if r.up_x == 1 and r.up_y == 1:
        return _down(pad(x, r.left, r.right, r.top, r.bottom), f, r.down_y, r.down_x)
    if f.ndim == 2:
        return _up(x, f, r)
    x = _up(x, f[None, :], r._replace(up_y=1, top=0, bottom=0))
    return _up(x, f[:, None], r._replace(up_x=1, left=0, right=0))


def _down(x: Tensor, f: Tensor, down_y: int, down_x: int) -> Tensor:
    if f.ndim == 2:
        return depthwise(x, f, stride=(down_y, down_x))
    x = depthwise(x, f[:, None], stride=(down_y, 1))
    return depthwise(x, f[None, :], stride=(1, down_x))


def _up(x: Tensor, f: Tensor, r: Resampling) -> Tensor:
    """Upsample with the oriented filter ``f [kh, kw]``, phase by phase."""
    (kw, kh), (h, w) = extent(f), x.shape[2:]
    height, width = h * r.up_y + r.top + r.bottom - kh + 1, w * r.up_x + r.left + r.right - kw + 1
    if _is_picture(x) and kw * kh <= PICTURE * r.up_x * r.up_y:
        return _shifted(x, f, r, height, width)
    f = F.pad(f, [0, -kw % r.up_x, 0, -kh % r.up_y])  # as many taps in every phase
    rows = [_interleaved([_phase(x, f, r, p, q, height, width) for q in range(r.up_x)], axis=3) for p in range(r.up_y)]
    return _interleaved(rows, axis=2)[:, :, :height, :width]


def _phase(x: Tensor, f: Tensor, r: Resampling, p: int, q: int, height: int, width: int) -> Tensor:
    """Rows p, p + up, … and columns q, q + up, … of the result; every phase is as large as the largest."""
    first_y, top = _under(p, r.up_y, r.top)
    first_x, left = _under(q, r.up_x, r.left)
    taps = f[first_y :: r.up_y, first_x :: r.up_x]
    high, wide = -(-height // r.up_y), -(-width // r.up_x)
    around_y = max(top, high + taps.shape[0] - 1 - top - x.shape[2], 0)
    around_x = max(left, wide + taps.shape[1] - 1 - left - x.shape[3], 0)
    y = depthwise(x, taps, padding=(around_y, around_x))  # a few samples more than needed, instead of a padded copy
    return y[:, :, around_y - top :, around_x - left :][:, :, :high, :wide]


def _is_picture(x: Tensor) -> bool:
    """Whether shifted copies of it are the fast form."""
    few = x.shape[1] <= PICTURE
    return eager(x) and few and x.device.type == "cpu" and x.shape[2] * x.shape[3] >= SHIFTED_FROM


def _shifted(x: Tensor, f: Tensor, r: Resampling, height: int, width: int) -> Tensor:
    """``_up``, every phase a weighted sum of the picture, shifted; in contiguous layout."""
    kw, kh = extent(f)
    top, bottom, left, right = kh + max(r.top, 0), kh + max(r.bottom, 0), kw + max(r.left, 0), kw + max(r.right, 0)
    x = pad(x.contiguous(), left, right, top, bottom)  # farther than any tap reaches
    y = x.new_empty([*x.shape[:2], height, width])
    for p in range(r.up_y):
        for q in range(r.up_x):
            (first_y, above), (first_x, before) = _under(p, r.up_y, r.top), _under(q, r.up_x, r.left)
            place = y[:, :, p :: r.up_y, q :: r.up_x]
            rows, columns = place.shape[2:]
            seen = x[:, :, top - above :, left - before :]
            terms = [
                (seen[:, :, i : i + rows, j : j + columns], weight)
                for i, line in enumerate(f[first_y :: r.up_y, first_x :: r.up_x].tolist())
                for j, weight in enumerate(line)
            ]
            _weighted_sum(terms, out=place)
    return y


def _weighted_sum(terms: list[tuple[Tensor, float]], *, out: Tensor) -> None:
    """Summed beside ``out``, whose samples lie apart, and written there once."""
    if len(terms) < 2:
        out.copy_(terms[0][0] * terms[0][1] if terms else torch.zeros([]))
        return
    (first, weight), *between, (last, last_weight) = terms
    total = first * weight
    for term, factor in between:
        total.add_(term, alpha=factor)
    torch.add(total, last, alpha=last_weight, out=out)


def _under(phase: int, up: int, before: int) -> tuple[int, int]:
    """The first tap that falls on a sample at the phase's first output; how many samples before the input that is."""
    first = (before - phase) % up
    return first, (before - phase - first) // up


def _interleaved(phases: list[Tensor], *, axis: int) -> Tensor:
    """Samples of all phases in turn along ``axis``, in the phases' own order of memory."""
    if len(phases) == 1:
        return phases[0]
    if phases[0].stride(1) == 1:  # channels last
        y = torch.stack([phase.permute(0, 2, 3, 1) for phase in phases], dim=axis)
        return y.flatten(axis - 1, axis).permute(0, 3, 1, 2)
    return torch.stack(phases, dim=axis + 1).flatten(axis, axis + 1)
