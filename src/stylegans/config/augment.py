"""What is done to every picture before the discriminator sees it, and how often."""

from dataclasses import dataclass
from typing import Literal

Pipe = Literal["blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"]
"""The sets of StyleGAN2-ADA's figure 4 and appendix B: pixel blitting, geometry, colour, image-space filtering,
noise, cutout, and the cumulative sets by their initials."""

Policy = Literal["color", "translation", "cutout"]
"""The three augmentations of DiffAugment."""


@dataclass(frozen=True)
class Augment:
    """Augmentation of real and generated pictures alike, so that it does not leak into the generator."""

    mode: Literal["none", "ada", "fixed", "diffaugment"] = "none"
    """'ada': StyleGAN2-ADA's pipeline, its strength adapted; 'fixed': the same at a constant strength;
    'diffaugment': DiffAugment, applied to every picture."""
    pipe: Pipe = "bgc"
    """Which augmentations (ada, fixed)."""
    p: float = 0.0
    """Probability of each augmentation: constant (fixed), or where the adaptation begins (ada)."""
    target: float = 0.6
    """ADA raises p while the mean sign of the discriminator's scores of real pictures is above this."""
    speed_kimg: float = 500.0
    """ADA: thousands of pictures in which p can go from 0 to 1."""
    interval: int = 4
    """ADA: batches between two adjustments of p."""
    policy: tuple[Policy, ...] = ("color", "translation", "cutout")
    """Which augmentations (diffaugment)."""
