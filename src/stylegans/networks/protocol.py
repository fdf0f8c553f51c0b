"""What every generator of the family answers to. Tools, metrics and the web page know only this."""

from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from stylegans.ops.random import Source

Noise = Literal["const", "random", "none"]
"""The noise inputs' values: the stored maps, fresh draws, or none."""


class MappingNetwork(Protocol):
    def __call__(
        self, z: Tensor, c: Tensor | None = None, *, truncation: float = 1.0, truncation_layers: int | None = None
    ) -> Tensor:
        """z [N, z_dim], c [N, c_dim] → ws [N, num_ws, w_dim]."""
        ...


class SynthesisNetwork(Protocol):
    def __call__(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        """ws [N, num_ws, w_dim] → images [N, C, H, W], about [-1, 1]."""
        ...


@runtime_checkable
class Generator(Protocol):
    z_dim: int
    c_dim: int
    w_dim: int
    num_ws: int
    img_channels: int
    img_resolution: tuple[int, int]
    """(height, width)."""
    has_noise: bool
    """Whether there are noise inputs; without, ``noise`` accepts only 'const'."""

    @property
    def mapping(self) -> MappingNetwork: ...

    @property
    def synthesis(self) -> SynthesisNetwork: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def __call__(
        self,
        z: Tensor,
        c: Tensor | None = None,
        *,
        truncation: float = 1.0,
        truncation_layers: int | None = None,
        noise: Noise = "const",
        generator: Source = None,
    ) -> Tensor:
        """z [N, z_dim], c [N, c_dim] → images [N, C, H, W], about [-1, 1]."""
        ...


def device_of(generator: Generator) -> torch.device:
    """Where the generator stands, and its inputs must."""
    return next(generator.parameters()).device


def has_mapping_network(generator: Generator) -> bool:
    """Whether w is something learned. It may be one for all layers, in a StyleGAN without styles (table 4)."""
    mapping = generator.mapping
    if isinstance(mapping, nn.Module):
        return next(mapping.parameters(), None) is not None
    return generator.num_ws > 1
