"""Freeze-D: a transferred discriminator whose first layers stay as they are (Mo et al. 2020, arXiv 2002.10964).

The lower layers of a discriminator see edges and colours that all pictures share; kept, they do not overfit.
"""

from collections.abc import Iterator

from torch import nn

from stylegans.errors import UserError
from stylegans.networks.base import DiscriminatorNetwork

ORDER = ("from_rgb", "conv0", "conv1", "skip")
"""The layers of a level, in the order in which they are frozen."""


def freeze(discriminator: DiscriminatorNetwork, layers: int) -> list[nn.Parameter]:
    """The parameters of the discriminator's first ``layers`` layers, which a training leaves as they are.

    Layers count from the full resolution down; at each level from-RGB, the two convolutions, and the shortcut, each
    where there is one. The base grid with the last layers always learns. 0: none.

    Raises:
        UserError: the discriminator has fewer layers, or none that can be frozen.
    """
    there = list(frozen_order(discriminator))
    if not 0 <= layers <= len(there):
        raise UserError(
            f"--freeze-d: {layers} is not between 0 and {len(there)}, the layers of this discriminator "
            f"above its base grid"
        )
    return [parameter for layer in there[:layers] for parameter in layer.parameters()]


def frozen_order(discriminator: DiscriminatorNetwork) -> Iterator[nn.Module]:
    """The layers that can be frozen, the first to be frozen first; none in a network without levels."""
    blocks = getattr(discriminator, "blocks", ())
    for block in blocks:
        for name in ORDER:
            layer = getattr(block, name, None)
            if isinstance(layer, nn.Module) and any(True for _ in layer.parameters()):  # an identity is no layer
                yield layer
