"""What every augmentation is once its random numbers are drawn: a differentiable map of one batch of pictures."""

from collections.abc import Callable
from typing import Protocol, Self

from torch import Tensor


class Transformation(Protocol):
    """What happens to each picture of one batch, all random numbers drawn."""

    def __call__(self, images: Tensor) -> Tensor:
        """``[n, C, H, W]``, about [-1, 1] → the same shape, dtype and device; twice differentiable in ``images``."""
        ...

    def rows(self, index: Tensor) -> Self:
        """What happens to the pictures ``index`` (int64 ``[m]``) alone.

        A batch processed in parts has the result of the whole, to rounding.
        """
        ...


def rows(step: Tensor | None, index: Tensor) -> Tensor | None:
    """Of a step's numbers ``[n, …]``, those of the pictures ``index``."""
    return None if step is None else step[index.to(step.device)]


def on_chosen(images: Tensor, chosen: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """``images`` with those that ``chosen`` (bool ``[n]``) marks put through ``change(pictures, their index)``.

    The others stay as they are, exactly and at no cost.
    """
    index = chosen.nonzero().squeeze(1)
    if len(index) == 0:
        return images
    if len(index) == len(images):
        return change(images, index)
    place = index.to(images.device)
    return images.index_copy(0, place, change(images.index_select(0, place), index))
