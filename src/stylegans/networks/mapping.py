"""From the latent to W: the mapping network f: Z × C → W (StyleGAN, section 2 and figure 1b), or none."""

import torch
from torch import Tensor, nn

from stylegans.config import Mapping
from stylegans.errors import UserError
from stylegans.networks.styles import broadcast, truncate
from stylegans.nn.equalized import EqualizedLinear
from stylegans.nn.normalization import pixel_norm


class LatentMapping(nn.Module):
    """What every mapping does beside ``map``: one w for all layers, and truncation towards the average w.

    ``w_avg`` follows the mean of w during training (``track_average``); truncation pulls towards it.
    """

    w_avg: Tensor

    def __init__(self, *, z_dim: int, c_dim: int, w_dim: int, num_ws: int, w_avg_beta: float | None = None) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = z_dim, c_dim, w_dim, num_ws
        self.w_avg_beta = w_avg_beta
        if w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def map(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        """z ``[N, z_dim]``, c ``[N, c_dim]`` → w ``[N, w_dim]``."""
        raise NotImplementedError

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        *,
        truncation: float = 1.0,
        truncation_layers: int | None = None,
    ) -> Tensor:
        """z ``[N, z_dim]`` (None when z_dim is 0), c ``[N, c_dim]`` → ws ``[N, num_ws, w_dim]``.

        Raises:
            UserError: z or the labels are missing, superfluous or of another length; truncation without an average.
        """
        self.check(z, c)
        ws = broadcast(self.map(z, c), self.num_ws)
        if truncation == 1:
            return ws
        if self.w_avg_beta is None:
            raise UserError("truncation: this model keeps no average of w to pull towards; use 1")
        return truncate(ws, self.w_avg, truncation=truncation, layers=truncation_layers)

    def check(self, z: Tensor | None, c: Tensor | None) -> None:
        """
        Raises:
            UserError: z or the labels are missing, superfluous or of another length.
        """
        if self.z_dim and (z is None or z.ndim != 2 or z.shape[1] != self.z_dim):
            raise UserError(f"z: expected [N, {self.z_dim}], found {None if z is None else list(z.shape)}")
        if self.c_dim and (c is None or c.ndim != 2 or c.shape[1] != self.c_dim):
            raise UserError(
                f"c: this model is conditional and needs labels [N, {self.c_dim}], "
                f"found {None if c is None else list(c.shape)}"
            )
        if not self.c_dim and c is not None and c.shape[1] != 0:
            raise UserError(f"c: this model takes no labels, found {list(c.shape)}")

    @torch.no_grad()
    def track_average(self, ws: Tensor) -> None:
        """Move ``w_avg`` towards the mean of this batch's ws ``[N, num_ws, w_dim]`` (before mixing)."""
        if self.w_avg_beta is not None:
            self.w_avg.copy_(ws[:, 0].float().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))


class NormalizedLatents(LatentMapping):
    """No mapping network: w is the latent, with the label behind it, on the sphere of radius √dim.

    Progressive GAN's input (section 4.2), and that of every generator before it here.
    """

    def __init__(self, *, z_dim: int, c_dim: int = 0, num_ws: int = 1) -> None:
        super().__init__(z_dim=z_dim, c_dim=c_dim, w_dim=z_dim + c_dim, num_ws=num_ws)

    def map(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        return pixel_norm(torch.cat([part.float() for part in (z, c) if part is not None], dim=1))


class MappingNetwork(LatentMapping):
    """StyleGAN2's: normalised z, beside an embedding of the label, through leaky-ReLU layers to w."""

    def __init__(self, config: Mapping, *, num_ws: int) -> None:
        super().__init__(
            z_dim=config.z_dim,
            c_dim=config.c_dim,
            w_dim=config.w_dim,
            num_ws=num_ws,
            w_avg_beta=config.w_avg_beta,
        )
        self.label_norm = config.label_norm
        embed_dim = (config.embed_dim or config.w_dim) if config.c_dim else 0
        self.embed = label_embedding(config, embed_dim) if config.c_dim else None
        hidden = config.hidden_dim or config.w_dim
        widths = [config.z_dim + embed_dim] + [hidden] * (config.num_layers - 1) + [config.w_dim]
        self.layers = nn.ModuleList(
            EqualizedLinear(widths[i], widths[i + 1], activation="lrelu", lr_multiplier=config.lr_multiplier)
            for i in range(config.num_layers)
        )

    def map(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        parts = [] if z is None else [z.float()]
        if self.embed is not None and c is not None:
            parts.append(self.embed(c.float()))
        if self.label_norm == "apart":
            parts = [pixel_norm(part) for part in parts]
        w = torch.cat(parts, dim=1)
        if self.label_norm == "together":
            w = pixel_norm(w)
        for layer in self.layers:
            w = layer(w)
        return w


class LabelEmbedding(nn.Module):
    """StyleGAN's and StyleGAN2's: a row per class, ``[N, c_dim]`` → ``[N, embed_dim]``, without scale or bias."""

    def __init__(self, c_dim: int, embed_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_dim, embed_dim))

    def forward(self, c: Tensor) -> Tensor:
        return c @ self.weight


def label_embedding(config: Mapping, embed_dim: int) -> nn.Module:
    """The embedding that goes with ``label_norm``."""
    if config.label_norm == "together":
        return LabelEmbedding(config.c_dim, embed_dim)
    return EqualizedLinear(config.c_dim, embed_dim)
