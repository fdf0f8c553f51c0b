"""Dropout (Hinton et al. 2012), with randomness that a training can save and continue."""

from torch import Tensor, nn

from stylegans.errors import UserError
from stylegans.ops.random import Source, rand


class Dropout(nn.Module):
    """In training each number is 0 with probability ``p``, else divided by 1 - p; in evaluation nothing happens.

    ``random`` is what the training draws from (None: PyTorch's default generator), on the device of the input. It is
    no part of the module's state: the training that sets it keeps it.

    Raises:
        UserError: ``p`` is below 0, or 1 or above.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise UserError(f"dropout: {p} is not a share to drop; use 0 or more, and less than 1")
        self.p = p
        self.random: Source = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = rand(*x.shape, source=self.random, device=x.device) >= self.p
        return x * kept / (1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
