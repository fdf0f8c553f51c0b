"""Pictures of several latents, the stress test of style mixing (StyleGAN, section 3.1 and table 2).

Each picture takes its styles from k latents: the first for the coarsest layers, up to a random layer, from there the
second, and so on. The Fréchet distance of such pictures tells how far the model takes its layers for independent.
"""

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError


def crossovers(num: int, k: int, *, num_ws: int, random: np.random.Generator) -> Tensor:
    """Where each of ``num`` pictures passes from one latent to the next: int64 [num, k - 1], rising.

    k - 1 different layers of 1…num_ws - 1, every choice as likely. Pictures are drawn one after the other: the next
    call goes on where this one ends, so that batches of any size draw the same series.

    Raises:
        UserError: ``k`` is below 1, or above ``num_ws``: some latent would be of no layer.
    """
    if not 1 <= k <= num_ws:
        raise UserError(f"mixing: {k} latents cannot share the {num_ws} styles of this model; use 1 to {num_ws}")
    order = random.random((num, num_ws - 1)).argsort(axis=1)  # of each picture, the layers shuffled
    return torch.from_numpy(np.sort(order[:, : k - 1] + 1, axis=1))


def mix(ws: Tensor, crossovers: Tensor) -> Tensor:
    """ws [k, N, num_ws, w_dim] of k latents for each picture → [N, num_ws, w_dim].

    Args:
        crossovers: int64 [N, k - 1], rising; a picture's layers from number ``crossovers[n, j]`` on come from latent
            j + 1 (or a later one).
    """
    _, n, num_ws, _ = ws.shape
    layers = torch.arange(num_ws, device=ws.device)
    latent = (layers[:, None] >= crossovers[:, None, :].to(ws.device)).sum(dim=2)  # [N, num_ws]
    return ws[latent, torch.arange(n, device=ws.device)[:, None], layers]
