"""What keeps a demodulated convolution below float16's infinity, 65504 (StyleGAN2-ADA's mixed precision).

Demodulation divides by the norm of the modulated weights, so their scale is free: the largest weight of an output
channel becomes 1/√(I·kh·kw), the largest style of a sample 1. An output before demodulation is then at most √(I·kh·kw)
times the largest input.
"""

import math

from torch import Tensor

SMALLEST = 1e-8
"""Of a divisor, for weights or styles that are all 0."""


def prenormalised(weight: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
    """Weights ``[O, I, kh, kw]`` and styles ``[N, I]`` for a demodulated convolution of the same result, in float32.

    The scales are taken as constants: the result does not depend on them, so no gradient flows through.
    """
    largest = weight.detach().abs().amax(dim=[1, 2, 3], keepdim=True).clamp_min(SMALLEST)
    fan_in = weight[0].numel()
    strongest = styles.detach().abs().amax(dim=1, keepdim=True).clamp_min(SMALLEST)
    return weight / (largest * math.sqrt(fan_in)), styles / strongest
