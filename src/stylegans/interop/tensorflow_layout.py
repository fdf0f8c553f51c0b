"""What the published TensorFlow networks share: how their tensors lie, how levels are named, what options mean.

TensorFlow's convolutions and dense layers keep the input before the output; PyTorch's the other way round.
"""

import math
import re
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from stylegans.config import Mapping
from stylegans.errors import UserError

# --- tensors --------------------------------------------------------------------------------------------------------


def conv(t: Tensor) -> Tensor:
    """``[kh, kw, in, out]`` → ``[out, in, kh, kw]``."""
    return t.permute(3, 2, 0, 1)


def flipped(t: Tensor) -> Tensor:
    """A kernel ``[out, in, kh, kw]`` turned half round.

    A fused up-convolution is a transposed one, which convolves where the others correlate.
    """
    return t.flip([2, 3])


def dense(t: Tensor) -> Tensor:
    """``[in, out]`` → ``[out, in]``."""
    return t.t()


def to_torch(t: Tensor) -> Tensor:
    """A kernel, a matrix, or a vector or number, which stay as they are."""
    return conv(t) if t.ndim == 4 else dense(t) if t.ndim == 2 else t


# --- names ----------------------------------------------------------------------------------------------------------


def level_of(scope: str, *, base: int = 4) -> int | None:
    """'16x16' → 2: how often the base grid was doubled; None for another name."""
    match = re.fullmatch(r"(\d+)x\1", scope)
    level = math.log2(int(match[1]) / base) if match is not None and int(match[1]) >= base else 0.5
    return int(level) if level.is_integer() else None


def lod_of(scope: str) -> int | None:
    """'ToRGB_lod2' → 2: how often the full picture is halved at this level; None for another name."""
    match = re.fullmatch(r"(?:To|From)RGB_lod(\d+)", scope)
    return None if match is None else int(match[1])


def coarsest_lod(names: Iterable[str]) -> int:
    """How often the picture is halved down to the base grid, of a network that grows, from its variables' names."""
    return max((lod_of(scope) or 0 for name in names for scope in name.split("/")), default=0)


# --- options --------------------------------------------------------------------------------------------------------


def pyramid_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take out what every network has: the fields of our configs that say how large, how wide, of how many classes.

    Where and how fast it ran is dropped: it does not change what a network computes.
    """
    only(options, "fmap_decay", 1.0)
    only(options, "use_wscale", True)
    for name in ("dtype", "structure", "is_template_graph", "fused_scale"):
        options.pop(name, None)
    resolution = options.pop("resolution", 32)
    return {
        "resolution": (resolution, resolution),
        "img_channels": options.pop("num_channels", 1),
        "c_dim": options.pop("label_size", 0),
        "channel_base": 2 * options.pop("fmap_base", 8192),
        "channel_max": options.pop("fmap_max", 512),
    }


def mapping_config(options: dict[str, Any], *, c_dim: int) -> Mapping:
    """The mapping network of StyleGAN and StyleGAN2, whose options are taken out."""
    z_dim = options.pop("latent_size", 512)
    return Mapping(
        z_dim=z_dim,
        c_dim=c_dim,
        w_dim=options.pop("dlatent_size", 512),
        num_layers=options.pop("mapping_layers", 8),
        hidden_dim=options.pop("mapping_fmaps", 512),
        embed_dim=z_dim,
        label_norm="together",
        lr_multiplier=options.pop("mapping_lrmul", 0.01),
        w_avg_beta=options.pop("dlatent_avg_beta", 0.995),
    )


def only(options: dict[str, Any], name: str, value: Any) -> None:
    """
    Raises:
        UserError: the option is there and has another value.
    """
    if options.pop(name, value) != value:
        raise UserError(f"{name}: only {value!r} is supported in published TensorFlow networks")


def nothing_left(options: dict[str, Any]) -> None:
    """
    Raises:
        UserError: an option was not taken out.
    """
    if options:
        raise UserError(f"{min(options)}: unknown option of a published TensorFlow network")
