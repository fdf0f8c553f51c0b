"""How varied pictures are: the mean distance between pairs of them, by sums over their vectors.

Of LPIPS features (Zhang et al. 2018), whose squared distance is LPIPS, it is the mean LPIPS between pairs of pictures.
"""

import torch
from torch import Tensor


class Spread:
    """The mean squared distance between all pairs of vectors that come in batches, in memory that does not grow.

    Σ_{i<j} |f_i − f_j|² = n Σ|f_i|² − |Σ f_i|², so sums do, in float64.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def update(self, vectors: Tensor) -> None:
        """Take in vectors [N, dim]."""
        x = vectors.cpu().double()  # not every device has float64
        self._sum = self._sum + x.sum(dim=0)
        self._squares = self._squares + x.square().sum()
        self.count += len(x)

    def mean(self) -> float:
        """Over the pairs of everything taken in so far.

        Raises:
            ValueError: that is less than one pair.
        """
        if self.count < 2:
            raise ValueError(f"a pair needs two vectors, not {self.count}")
        total = self.count * torch.as_tensor(self._squares) - torch.as_tensor(self._sum).square().sum()
        return max(float(total) * 2 / (self.count * (self.count - 1)), 0.0)
