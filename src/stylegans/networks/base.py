"""What the networks of the family have in common: how a generator is called, what a discriminator is asked."""

from torch import Tensor, nn

from stylegans.config.networks import DiscriminatorConfig, GeneratorConfig
from stylegans.errors import UserError
from stylegans.networks.mapping import LatentMapping
from stylegans.networks.protocol import Noise
from stylegans.nn.minibatch_stddev import apart, side_by_side
from stylegans.ops.random import Source


class Synthesis(nn.Module):
    """ws ``[N, num_ws, w_dim]`` → images ``[N, C, H, W]``: the second half of every generator."""

    num_ws: int
    has_noise: bool = False

    def forward(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        """``noise``: 'const', 'random' (drawn from ``generator``) or 'none'."""
        raise NotImplementedError

    def observed(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> tuple[Tensor, Tensor]:
        """As ``forward``, and what the network's averages follow in training, for ``track``: here nothing, ``[0]``."""
        return self(ws, noise=noise, generator=generator), ws.new_zeros(0)

    def track(self, observations: Tensor) -> None:
        """Let the network's averages follow the mean of a batch's ``observed``."""

    def check(self, ws: Tensor, noise: Noise) -> None:
        """
        Raises:
            UserError: ws has another shape, or ``noise`` is asked of a network without noise inputs.
        """
        if ws.ndim != 3 or ws.shape[1] != self.num_ws:
            raise UserError(f"ws: expected [N, {self.num_ws}, w_dim], found {list(ws.shape)}")
        if noise != "const" and not self.has_noise:
            raise UserError(f"noise: this model has no noise inputs, so only 'const' is meaningful, not '{noise}'")


class GeneratorNetwork(nn.Module):
    """z ``[N, z_dim]``, labels ``[N, c_dim]`` → images ``[N, C, H, W]``, about [-1, 1]."""

    mapping: LatentMapping
    synthesis: Synthesis

    def __init__(self, config: GeneratorConfig, *, synthesis: Synthesis, mapping: LatentMapping) -> None:
        super().__init__()
        self.config = config
        self.z_dim, self.c_dim, self.w_dim = mapping.z_dim, mapping.c_dim, mapping.w_dim
        self.img_channels, self.img_resolution = config.img_channels, config.resolution
        self.num_ws, self.has_noise = synthesis.num_ws, synthesis.has_noise
        self.synthesis, self.mapping = synthesis, mapping

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        *,
        truncation: float = 1.0,
        truncation_layers: int | None = None,
        noise: Noise = "const",
        generator: Source = None,
    ) -> Tensor:
        ws = self.mapping(z, c, truncation=truncation, truncation_layers=truncation_layers)
        return self.synthesis(ws, noise=noise, generator=generator)


class DiscriminatorNetwork(nn.Module):
    """images ``[N, C, H, W]``, labels ``[N, c_dim]`` → scores ``[N, 1]``; larger is more real."""

    def __init__(self, config: DiscriminatorConfig, *, c_dim: int = 0) -> None:
        super().__init__()
        self.config = config
        self.c_dim, self.img_channels, self.img_resolution = c_dim, config.img_channels, config.resolution

    def forward(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """
        Raises:
            UserError: the pictures or labels have another shape.
        """
        raise NotImplementedError

    def check(self, images: Tensor, c: Tensor | None) -> None:
        """
        Raises:
            UserError: the pictures or labels have another shape.
        """
        expected = (self.img_channels, *self.img_resolution)
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise UserError(f"images: expected [N, {', '.join(map(str, expected))}], found {list(images.shape)}")
        if self.c_dim and (c is None or c.ndim != 2 or c.shape[1] != self.c_dim):
            raise UserError(
                f"c: this model is conditional and needs labels [N, {self.c_dim}], "
                f"found {None if c is None else list(c.shape)}"
            )
        if not self.c_dim and c is not None and c.shape[1] != 0:
            raise UserError(f"c: this model takes no labels, found {list(c.shape)}")

    def group(self, n: int) -> int:
        """The scores of a batch of ``n`` depend on one another within groups of so many samples.

        Sample i belongs to group i mod (n / group). 1: no score depends on another sample.
        """
        return 1

    def score_both(self, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of two batches ``[N, C, H, W]`` with the same labels, as two calls would give them.

        They go through together where their statistics can be kept apart: one pass over twice the samples takes
        less time than two.
        """
        n = a.shape[0]
        group = self.group(n)
        if group != self.group(2 * n):
            return self(a, c), self(b, c)
        return apart(self(side_by_side(a, b, group=group), side_by_side(c, c, group=group)), group=group)
