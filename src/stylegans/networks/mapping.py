"""The mapping network f: Z × C → W (StyleGAN, section 2 and figure 1b)."""

import torch
from torch import Tensor, nn

from stylegans.config import Mapping
from stylegans.errors import UserError
from stylegans.networks.styles import broadcast, truncate
from stylegans.nn.equalized import EqualizedLinear
from stylegans.nn.normalization import pixel_norm


class MappingNetwork(nn.Module):
    """Normalised z, beside a normalised embedding of the label, through leaky-ReLU layers to w.

    ``w_avg`` follows the mean of w during training (``track_average``); truncation pulls towards it.
    """

    w_avg: Tensor

    def __init__(self, config: Mapping, *, num_ws: int) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = config.z_dim, config.c_dim, config.w_dim, num_ws
        self.w_avg_beta = config.w_avg_beta
        embed_dim = (config.embed_dim or config.w_dim) if config.c_dim else 0
        self.embed = EqualizedLinear(config.c_dim, embed_dim) if config.c_dim else None
        hidden = config.hidden_dim or config.w_dim
        widths = [config.z_dim + embed_dim] + [hidden] * (config.num_layers - 1) + [config.w_dim]
        self.layers = nn.ModuleList(
            EqualizedLinear(widths[i], widths[i + 1], activation="lrelu", lr_multiplier=config.lr_multiplier)
            for i in range(config.num_layers)
        )
        if config.w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(config.w_dim))

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
            UserError: the labels are missing, superfluous or of another length.
        """
        ws = broadcast(self.map(z, c), self.num_ws)
        if truncation == 1:
            return ws
        if self.w_avg_beta is None:
            raise UserError("truncation: this model keeps no average of w to pull towards; use 1")
        return truncate(ws, self.w_avg, truncation=truncation, layers=truncation_layers)

    def map(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        """z, c → w ``[N, w_dim]``."""
        inputs = []
        if self.z_dim:
            if z is None or z.ndim != 2 or z.shape[1] != self.z_dim:
                raise UserError(f"z: expected [N, {self.z_dim}], found {None if z is None else list(z.shape)}")
            inputs.append(pixel_norm(z.float()))
        if self.embed is not None:
            if c is None or c.ndim != 2 or c.shape[1] != self.c_dim:
                raise UserError(
                    f"c: this model is conditional and needs labels [N, {self.c_dim}], "
                    f"found {None if c is None else list(c.shape)}"
                )
            inputs.append(pixel_norm(self.embed(c.float())))
        elif c is not None and c.shape[1] != 0:
            raise UserError(f"c: this model takes no labels, found {list(c.shape)}")
        w = torch.cat(inputs, dim=1)
        for layer in self.layers:
            w = layer(w)
        return w

    @torch.no_grad()
    def track_average(self, ws: Tensor) -> None:
        """Move ``w_avg`` towards the mean of this batch's ws ``[N, num_ws, w_dim]`` (before mixing)."""
        if self.w_avg_beta is not None:
            self.w_avg.copy_(ws[:, 0].float().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
