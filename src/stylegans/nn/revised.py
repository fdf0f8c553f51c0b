"""The revised layer of StyleGAN2's figure 2(c), the step from AdaIN (2b) to weight demodulation (2d).

It measures what ``modulated.StyledConv`` predicts. After the convolution each channel of each sample is divided by
its own standard deviation; demodulation divides by the one to be expected of independent input of unit variance,
√(Σ (s·w)²) (section 2.2, equation 2). Where the deviation is measured, one strong peak scales down the rest of its
channel, to which the paper puts down the droplets of its figure 1.
"""

import math

from torch import Tensor

from stylegans.nn.modulated import StyledConv
from stylegans.ops.activation import bias_act
from stylegans.ops.modulation import EPSILON, modulated_conv2d
from stylegans.ops.random import Source


class NormalizedStyledConv(StyledConv):
    """``StyledConv`` with explicit normalisation, ``[N, in, H, W]`` and w ``[N, w_dim]`` → ``[N, out, H·up, W·up]``.

    Its parameters are those of the demodulated layer.
    """

    def forward(self, x: Tensor, w: Tensor, *, noise: str, generator: Source = None, gain: float = 1.0) -> Tensor:
        x = self.style_block(x, w)
        if self.noise is not None:
            x = self.noise(x, noise=noise, generator=generator)
        clamp = None if self.clamp is None else self.clamp * gain
        return bias_act(x, self.bias, act="lrelu", gain=math.sqrt(2) * gain, clamp=clamp)

    def style_block(self, x: Tensor, w: Tensor) -> Tensor:
        """What the style acts on, the grey box of the figure: modulate, convolve, normalise."""
        x = modulated_conv2d(
            x,
            self.weight,
            self.affine(w),
            f=self.f,
            up=self.up,
            padding=1,
            demodulate=False,
            flip_weight=self.up == 1,
        )
        return unit_deviation(x)


def unit_deviation(x: Tensor) -> Tensor:
    """``[N, C, H, W]`` → the same with standard deviation 1 in each channel of each sample; their means stay in."""
    variance = x.float().var(dim=[2, 3], correction=0, keepdim=True)
    return x * (variance + EPSILON).rsqrt().to(x.dtype)
