"""What networks trained on ImageNet (Russakovsky et al. 2015) are shown: pictures of one size, normalised."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.metrics.features.network import to_rgb

SIDE = 224
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of the training pictures in [0, 1], per channel."""


def prepare(images: Tensor, *, mode: Literal["bilinear", "bicubic"]) -> Tensor:
    """Images uint8 [N, C, H, W], C of 1, 3 or 4 (``to_rgb``) → a network's input, float32 [N, 3, 224, 224].

    Pictures are resized without keeping their aspect, with antialiasing where they shrink, in floating point. What a
    bicubic filter overshoots is cut off, as in a picture of eight bits.
    """
    x = to_rgb(images) / 255
    x = F.interpolate(x, size=(SIDE, SIDE), mode=mode, align_corners=False, antialias=True).clamp(0, 1)
    mean, std = (torch.tensor(values, device=x.device).view(3, 1, 1) for values in (MEAN, STD))
    return (x - mean) / std
