"""Which parts of a network compute in reduced precision.

Parameters, styles, statistics and the sum of pictures stay in float32; the features and convolutions of the reduced
levels do not.
"""

import torch
from torch import nn

from stylegans.config.precision import CLAMPED, FLOAT16_CLAMP, REDUCIBLE, Reduced, reduced_from
from stylegans.errors import UserError

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""By the names of ``--precision``."""

NEVER = 0
"""The rate of a part that always computes in float32."""


class Reducible(nn.Module):
    """A level or a layer that casts its input to ``dtype`` and computes in it."""

    def __init__(self, *, rate: int) -> None:
        super().__init__()
        self.rate = rate
        """Its nominal resolution."""
        self.dtype = torch.float32


def set_precision(network: nn.Module, dtype: torch.dtype, *, from_resolution: int | None = None) -> None:
    """Let the levels of ``network`` from a resolution up compute in ``dtype``; the others in float32.

    Args:
        network: a generator or a discriminator, on any device.
        dtype: float32, bfloat16 or float16, in which activations are clamped to ±256 where the network has no bound.
        from_resolution: None takes what suits ``dtype``: 32 in bfloat16, as published the four finest in float16.

    Raises:
        UserError: the network cannot compute in ``dtype``.
    """
    config = getattr(network, "config", None)
    if dtype is not torch.float32:
        name: Reduced = "float16" if dtype is torch.float16 else "bfloat16"
        if not isinstance(config, CLAMPED if dtype is torch.float16 else REDUCIBLE):
            family = getattr(config, "family", type(network).__name__)
            raise UserError(f"--precision: {family} networks do not compute in {name}")
        if from_resolution is None:
            from_resolution = reduced_from(name, max(part.rate for part in _parts(network)))
    for part in _parts(network):
        reduced = from_resolution is not None and part.rate != NEVER and part.rate >= from_resolution
        part.dtype = dtype if reduced else torch.float32
        if getattr(config, "conv_clamp", None) is None:
            _set_clamp(part, FLOAT16_CLAMP if part.dtype is torch.float16 else None)


def is_reducible(network: nn.Module) -> bool:
    """Whether the network is one of those that are published in mixed precision."""
    return isinstance(getattr(network, "config", None), CLAMPED)


def _parts(network: nn.Module) -> list[Reducible]:
    return [part for part in network.modules() if isinstance(part, Reducible)]


def _set_clamp(part: Reducible, bound: float | None) -> None:
    """Bound a part's activations; a skip branch has neither bias nor bound."""
    for layer in part.modules():
        if hasattr(layer, "clamp") and getattr(layer, "bias", None) is not None:
            layer.clamp = bound  # type: ignore[assignment]
