"""What is known of a weight from one call to the next: the sums of demodulation, and the layout that oneDNN wants.

Weights of the low resolutions are larger than their maps. Reading them once more for the norm of demodulation, and
reordering them for each picture, takes as long there as the convolution itself.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.ops import winograd

PIXELS = 16 * 16
"""Up to so many, a convolution with a packed weight is faster than the reordering that it saves is large."""

Key = tuple[object, ...]


class Packed:
    """Belongs to one weight, and notices when it changes, unless by one of PyTorch's fused optimizers, which leave no
    trace. A copy begins anew."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Key, Tensor]] = {}

    def __deepcopy__(self, _memo: object) -> "Packed":
        return Packed()

    def __reduce__(self) -> tuple[type["Packed"], tuple[()]]:
        return Packed, ()

    def squares(self, weight: Tensor) -> Tensor:
        """Σ over the taps of w², ``[O, I]``."""
        return self._once("squares", weight, lambda: weight.square().sum(dim=[2, 3]))

    def conv2d(self, x: Tensor, weight: Tensor, *, padding: int) -> Tensor:
        """``F.conv2d`` without gradients."""
        if winograd.suits(x, weight):
            components = self._once("winograd", weight, lambda: winograd.transformed(weight))
            return winograd.convolved(x, components, padding=(padding, padding))
        if not _packs(x, weight):
            return F.conv2d(x, weight.to(x.dtype), padding=padding)
        ones, around = [1, 1], [padding, padding]

        def pack() -> Tensor:
            reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
            packed: Tensor = reorder(weight.detach().to(x.dtype).to_mkldnn(), around, ones, ones, 1, list(x.shape))
            return packed

        packed = self._once(f"conv2d {x.dtype}", weight, pack)
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, packed, None, around, ones, ones, 1, "none", [], "")
        return y

    def conv_transpose2d(self, x: Tensor, weight: Tensor, *, stride: int) -> Tensor:
        """``F.conv_transpose2d`` with ``weight [O, I, kh, kw]``, without gradients."""
        if not _packs(x, weight):
            return F.conv_transpose2d(x, weight.to(x.dtype).transpose(0, 1), stride=stride)
        ones, zeros, strides = [1, 1], [0, 0], [stride, stride]

        def pack() -> Tensor:
            turned = weight.detach().to(x.dtype).transpose(0, 1).contiguous(memory_format=torch.channels_last)
            packed: Tensor = torch.ops.mkldnn._reorder_convolution_transpose_weight(
                turned, zeros, zeros, strides, ones, 1, list(x.shape)
            )
            return packed

        packed = self._once(f"conv_transpose2d {x.dtype}", weight, pack)
        y: Tensor = torch.ops.mkldnn._convolution_transpose_pointwise(
            x, packed, None, zeros, zeros, strides, ones, 1, "none", [], ""
        )
        return y

    def _once(self, name: str, weight: Tensor, make: Callable[[], Tensor]) -> Tensor:
        if weight.is_inference():  # nothing tells when such a tensor changes
            return make()
        key = (weight.data_ptr(), weight._version, weight.dtype, weight.device)
        if name not in self._kept or self._kept[name][0] != key:
            self._kept[name] = key, make()
        return self._kept[name][1]


def _packs(x: Tensor, weight: Tensor) -> bool:
    if x.shape[2] * x.shape[3] > PIXELS or weight.dtype is not torch.float32:
        return False
    here = torch.backends.mkldnn.is_available() and bool(torch.backends.mkldnn.enabled)
    return here and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
