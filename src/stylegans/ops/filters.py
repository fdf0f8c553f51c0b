"""Low-pass filters that are good enough to hide the pixel grid (StyleGAN3, section 3 and appendix C).

The ideal filter, cut off by a Kaiser window whose shape follows from the transition band: sinc along each axis, or
jinc for a rotationally symmetric one. Designed in float64.
"""

import math

import torch
from torch import Tensor


def lowpass(taps: int, *, cutoff: float, width: float, rate: float, radial: bool = False) -> Tensor | None:
    """Kaiser-windowed low-pass filter of sum 1: ``[taps]``, or ``[taps, taps]`` if ``radial``; None: the identity.

    Args:
        taps: how many; 1 is the identity.
        cutoff: frequency at which the magnitude is a half, between 0 and rate / 2.
        width: of the transition band around it.
        rate: samples per unit.
        radial: rotationally symmetric, not separable.
    """
    if taps == 1:
        return None
    window = torch.kaiser_window(taps, periodic=False, beta=kaiser_beta(taps, width / (rate / 2)), dtype=torch.float64)
    position = (torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2) / rate
    if radial:
        f = jinc(torch.hypot(position[:, None], position[None, :]), cutoff) * torch.outer(window, window)
    else:
        f = torch.sinc(2 * cutoff * position) * window
    return (f / f.sum()).float()


def kaiser_beta(taps: int, width: float) -> float:
    """Shape of the Kaiser window of ``taps`` for a transition band of ``width``, a share of the Nyquist frequency.

    Kaiser's formulas: the attenuation that so many taps reach, and the window that reaches it.
    """
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95  # dB
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0


def jinc(radius: Tensor, cutoff: float) -> Tensor:
    """Impulse response of the ideal filter that passes the disc of radius ``cutoff``, up to a factor: J1(2πcr) / πr."""
    at = 2 * math.pi * cutoff * radius
    limit = torch.full_like(radius, cutoff)
    return torch.where(radius == 0, limit, torch.special.bessel_j1(at) / (math.pi * radius.clamp(min=1e-300)))


def gaussian(sigma: float) -> Tensor | None:
    """Blur 2^-(x/σ)² cut off at 3σ, of sum 1, ``[taps]``; None: nothing to blur (StyleGAN3, appendix F).

    Args:
        sigma: in pixels: where the magnitude is a half.
    """
    radius = math.floor(3 * sigma)
    if radius < 1:
        return None
    f = torch.exp2(-(torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma).square())
    return (f / f.sum()).float()
