"""A layer that keeps what is known of its weight from one picture to the next."""

from typing import Self

from torch import Tensor, nn

from stylegans.ops.packed import Packed


class Packing(nn.Module):
    """Has a ``weight``. While it trains, or its weight wants gradients, nothing is kept."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._packed = Packed()

    @property
    def packed(self) -> Packed:
        """Of the weight as it is now."""
        return Packed() if self.training or self.weight.requires_grad else self._packed

    def train(self, mode: bool = True) -> Self:
        self._packed = Packed()  # a fused optimizer changes weights without a trace
        return super().train(mode)
