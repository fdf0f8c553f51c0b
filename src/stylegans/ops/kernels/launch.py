"""What every launch needs: dense memory, blocks that fit a shape, and the tensor's own device."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

ELEMENTS = 1024
"""Of one program's block: 8 for each of 128 threads."""


def is_channels_last(x: Tensor) -> bool:
    """Whether pixels of ``x`` hold their channels together; where both orders are one, no."""
    return x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def dense(x: Tensor) -> Tensor:
    """``x`` without gaps or overlaps in memory, in the order of channels that it has."""
    return x if is_channels_last(x) else x.contiguous()


def like(x: Tensor, *shape: int) -> Tensor:
    """An empty tensor of another shape in the memory order of ``x``."""
    memory = torch.channels_last if is_channels_last(x) else torch.contiguous_format
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=memory)


def blocks(columns: int) -> tuple[int, int]:
    """Rows and columns of a block over rows of so many neighbours in memory."""
    wide = min(power_of_two(columns), 256)
    return ELEMENTS // wide, wide


def power_of_two(n: int) -> int:
    """The smallest that is not below ``n``."""
    return 1 << (n - 1).bit_length()


def device_of(x: Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device: make it that of ``x``."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
