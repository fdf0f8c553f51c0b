"""Adaptive discriminator augmentation: how much (StyleGAN2-ADA, Karras et al. 2020, section 3).

While the discriminator overfits, its scores of real pictures turn positive. The share by which positive ones outweigh
negative ones, r_t = E[sign(D_train)], says how far it has gone; the probability p of augmentation follows it. What is
done to the pictures is in ``augment/``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegans.config import Augment


@dataclass
class Signs:
    """The mean sign of the discriminator's scores of real pictures, as it comes in. Stays on the device until read."""

    total: Tensor | None = None
    count: int = 0

    def add(self, scores: Tensor) -> None:
        """Count in scores of real pictures ``[N, 1]``."""
        signs = scores.detach().float().sign().sum()
        self.total = signs if self.total is None else self.total + signs
        self.count += scores.numel()

    def mean(self) -> float | None:
        """r_t, between -1 and 1; None before any score."""
        return None if self.total is None else self.total.item() / self.count

    def reset(self) -> None:
        self.total, self.count = None, 0

    def to_list(self) -> list[float]:
        """Exact: sums of signs are whole numbers."""
        return [] if self.total is None else [self.total.item(), self.count]

    def load_list(self, values: list[float], *, device: torch.device) -> None:
        self.reset()
        if values:
            self.total, self.count = torch.tensor(values[0], device=device), int(values[1])


def adapted(p: float, signs: Signs, *, augment: Augment) -> float:
    """p after the discriminator has judged ``signs.count`` real pictures since it was last adapted.

    It takes a step of fixed size towards r_t = target: at most from 0 to 1 in ``speed_kimg`` thousand pictures. It
    stays between 0 and 1 (the published program has no upper bound, and no use for more than 1).
    """
    r = signs.mean()
    if r is None or r == augment.target:
        return p
    step = signs.count / (augment.speed_kimg * 1000)
    return min(max(p + (step if r > augment.target else -step), 0.0), 1.0)
