"""Weight modulation and demodulation (StyleGAN2, section 2.2, equations 1 and 3).

The style scales the input channels of a convolution's weights (modulation); dividing each output channel by
the norm of its weights takes the scale of the style out of the statistics again (demodulation).
"""

import torch
from torch import Tensor

from stylegans.ops.convolution import conv2d_resample
from stylegans.ops.half import prenormalised

EPSILON = 1e-8


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    demodulate: bool = True,
    gain: float = 1.0,
    flip_weight: bool = True,
    plain: bool = False,
) -> Tensor:
    """Convolve every sample with its own weights w'_ijk = s_i·w_ijk, scaled to unit norm per output channel.

    Instead of building the weights of each sample, the fast form scales the input by the style, convolves
    once with the shared weights and scales the output by 1/√(Σ s²·w² + ε): the same products in another order. Weights
    of a single tap are small beside the maps: there each sample has its own.

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, kh, kw]``.
        styles: ``[N, I]``.
        f: resampling filter for ``up`` and ``down``.
        demodulate: normalise each output channel.
        gain: scale of the result.
        flip_weight: correlate (True) or convolve (False).
        plain: build each sample's weights and convolve in groups (equations 1 and 3 as printed).
    """
    if plain:
        x = _per_sample_weights(
            x, weight, styles, f=f, up=up, down=down, padding=padding, demodulate=demodulate, flip_weight=flip_weight
        )
        return x * gain
    if demodulate and x.dtype is torch.float16:
        weight, styles = prenormalised(weight, styles)
    if weight.shape[2:] == (1, 1) and up == down == 1 and padding == 0:
        w = weight.flatten(1) * (styles * gain)[:, None, :]
        w = w * demodulation(weight, styles)[:, :, None] if demodulate else w
        return _products(x, w.to(x.dtype))
    x = x * styles.to(x.dtype)[:, :, None, None]
    x = conv2d_resample(x, weight.to(x.dtype), f, up=up, down=down, padding=padding, flip_weight=flip_weight)
    if demodulate:
        return x * (demodulation(weight, styles) * gain).to(x.dtype)[:, :, None, None]
    return x if gain == 1 else x * gain


def _products(x: Tensor, w: Tensor) -> Tensor:
    """``[N, I, H, W]`` and weights ``[N, O, I]`` → ``[N, O, H, W]``, in the order of memory of ``x``."""
    if x.stride(1) == 1:  # channels last
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2) @ w.transpose(1, 2)
        return pixels.transpose(1, 2).unflatten(2, x.shape[2:])
    return (w @ x.flatten(2)).unflatten(2, x.shape[2:])


def demodulation(weight: Tensor, styles: Tensor, *, squares: Tensor | None = None) -> Tensor:
    """Equation 3's factors, ``[N, O]``: 1 / √(Σ_ik (s_i·w_ijk)² + ε).

    ``squares``: Σ_k w_ijk² ``[O, I]`` where it is known.
    """
    squares = weight.square().sum(dim=[2, 3]) if squares is None else squares
    return (styles.square() @ squares.t() + EPSILON).rsqrt()


def _per_sample_weights(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    f: Tensor | None,
    up: int,
    down: int,
    padding: int,
    demodulate: bool,
    flip_weight: bool,
) -> Tensor:
    n = x.shape[0]
    w = weight * styles[:, None, :, None, None]  # [N, O, I, kh, kw]
    if demodulate:
        w = w * (w.square().sum(dim=[2, 3, 4], keepdim=True) + EPSILON).rsqrt()
    x = x.reshape(1, -1, *x.shape[2:])
    w = w.reshape(-1, *w.shape[2:])
    x = conv2d_resample(x, w, f, up=up, down=down, padding=padding, groups=n, flip_weight=flip_weight)
    return x.reshape(n, -1, *x.shape[2:])
