"""Weight modulation and demodulation (StyleGAN2, section 2.2, equations 1 and 3).

The style scales the input channels of a convolution's weights (modulation); dividing each output channel by
the norm of its weights takes the scale of the style out of the statistics again (demodulation).
"""

from torch import Tensor

from stylegans.ops.convolution import conv2d_resample

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
    flip_weight: bool = True,
    plain: bool = False,
) -> Tensor:
    """Convolve every sample with its own weights w'_ijk = s_i·w_ijk, scaled to unit norm per output channel.

    Instead of building the weights of each sample, the fast form scales the input by the style, convolves
    once with the shared weights and scales the output by 1/√(Σ s²·w² + ε): the same products in another order.

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, kh, kw]``.
        styles: ``[N, I]``.
        f: resampling filter for ``up`` and ``down``.
        demodulate: normalise each output channel.
        flip_weight: correlate (True) or convolve (False).
        plain: build each sample's weights and convolve in groups (equations 1 and 3 as printed).
    """
    if plain:
        return _per_sample_weights(
            x, weight, styles, f=f, up=up, down=down, padding=padding, demodulate=demodulate, flip_weight=flip_weight
        )
    x = x * styles.to(x.dtype)[:, :, None, None]
    x = conv2d_resample(x, weight.to(x.dtype), f, up=up, down=down, padding=padding, flip_weight=flip_weight)
    if demodulate:
        x = x * demodulation(weight, styles).to(x.dtype)[:, :, None, None]
    return x


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """Equation 3's factors, ``[N, O]``: 1 / √(Σ_ik (s_i·w_ijk)² + ε)."""
    squares = weight.square().sum(dim=[2, 3])  # [O, I]
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
