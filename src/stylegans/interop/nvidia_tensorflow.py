"""The published TensorFlow networks of Progressive GAN, and StyleGAN's discriminator: options and variables to ours.

A published network is described by the keyword arguments it was built with and by its variables, named
``8x8/Conv0_up/weight`` and so on. Both are plain data here; nothing of theirs is run. Whether the generator was fused
does not change what it computes; the names of its variables tell.
"""

from collections.abc import Mapping as Dictionary
from dataclasses import replace
from typing import Any, Literal

from torch import Tensor

from stylegans.config import GrowingDiscriminator, ProGAN
from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.interop import tensorflow_layout as layout

Tensors = dict[str, Tensor]

BASE: Size = (4, 4)

# --- Progressive GAN's generator: G_paper ---------------------------------------------------------------------------


def progan_config(kwargs: Dictionary[str, Any]) -> ProGAN:
    """Published options of ``G_paper`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    layout.only(options, "normalize_latents", True)
    layout.only(options, "use_pixelnorm", True)
    layout.only(options, "pixelnorm_epsilon", 1e-8)
    layout.only(options, "use_leakyrelu", True)
    pyramid = layout.pyramid_options(options)
    widest = min(pyramid["channel_base"] // 2, pyramid["channel_max"])
    config = ProGAN(z_dim=options.pop("latent_size", None) or widest, base=BASE, **pyramid)
    layout.nothing_left(options)
    return config


def progan_state(variables: Dictionary[str, Tensor]) -> Tensors:
    """Published variables of ``G_paper`` under our names.

    Raises:
        UserError: a variable we do not know.
    """
    coarsest = layout.coarsest_lod(variables)

    def renamed(name: str, value: Tensor) -> tuple[str, Tensor]:
        match name.split("/"):
            case ["lod"]:
                return "lod", value
            case ["4x4", "Dense", "weight"]:
                return "input.weight", value.unflatten(0, (-1, *BASE))
            case ["4x4", "Dense", kind]:
                return f"input.{kind}", value
            case ["4x4", "Conv", kind]:
                return f"blocks.0.conv1.{kind}", value
            case [scope, "Conv0_up" | "Conv0" | "Conv1" as layer, kind] if level := layout.level_of(scope):
                if layer == "Conv0" and kind == "weight":  # our up-convolution is the fused one
                    value = layout.flipped(value)
                return f"blocks.{level}.{layer.lower().removesuffix('_up')}.{kind}", value
            case [scope, kind] if (lod := layout.lod_of(scope)) is not None:
                return f"blocks.{coarsest - lod}.to_rgb.{kind}", value
        raise _unknown(name)

    state = (renamed(name, layout.to_torch(value)) for name, value in variables.items())
    return {f"synthesis.{name}": value for name, value in state}


def first_release(variables: Dictionary[str, Tensor]) -> Tensors:
    """Variables of the first release of Progressive GAN as later files keep them.

    Its files (version 2) keep the generator's up-convolutions as ``[kh, kw, out, in]``.
    """
    return {
        name: value.transpose(2, 3) if name.endswith("/Conv0_up/weight") else value for name, value in variables.items()
    }


# --- the growing discriminators: Progressive GAN's D_paper, StyleGAN's D_basic --------------------------------------


def progan_discriminator_config(kwargs: Dictionary[str, Any]) -> GrowingDiscriminator:
    """Published options of ``D_paper`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    average: Literal["before", "after"] = "before" if options.pop("fused_scale", True) else "after"
    return replace(_growing_config(options, blur_filter=None), average=average)


def without_classifier(variables: Dictionary[str, Tensor]) -> Tensors:
    """Variables of a ``D_paper`` with labels, of whose last layer only the score is kept.

    Beside it there is a logit for every class, which says what the picture seems to show (as in AC-GAN, section 3).
    The labels do not enter, and the score does not depend on them.
    """
    last = {"4x4/Dense1/weight", "4x4/Dense1/bias"}
    return {name: value[..., :1] if name in last else value for name, value in variables.items()}


def stylegan_discriminator_config(kwargs: Dictionary[str, Any]) -> GrowingDiscriminator:
    """Published options of ``D_basic`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    layout.only(options, "nonlinearity", "lrelu")
    blur = options.pop("blur_filter", (1, 2, 1))
    return _growing_config(options, blur_filter=None if blur is None else tuple(float(tap) for tap in blur))


def growing_discriminator_state(variables: Dictionary[str, Tensor]) -> Tensors:
    """Published variables of ``D_paper`` or ``D_basic`` under our names.

    Raises:
        UserError: a variable we do not know.
    """
    coarsest = layout.coarsest_lod(variables)
    epilogue = {"Conv": "conv", "Dense0": "fc", "Dense1": "out"}

    def renamed(name: str) -> str:
        match name.split("/"):
            case ["lod"]:
                return "lod"
            case ["4x4", layer, kind] if layer in epilogue:
                return f"epilogue.{epilogue[layer]}.{kind}"
            case [scope, "Conv0" | "Conv1" | "Conv1_down" as layer, kind] if level := layout.level_of(scope):
                return f"blocks.{coarsest - level}.{layer.lower().removesuffix('_down')}.{kind}"
            case [scope, kind] if (lod := layout.lod_of(scope)) is not None:
                return f"{'epilogue' if lod == coarsest else f'blocks.{lod}'}.from_rgb.{kind}"
        raise _unknown(name)

    return {renamed(name): layout.to_torch(value) for name, value in variables.items()}


def _growing_config(options: dict[str, Any], *, blur_filter: tuple[float, ...] | None) -> GrowingDiscriminator:
    group, count = options.pop("mbstd_group_size", 4), options.pop("mbstd_num_features", 1)
    statistic = {"mbstd_group": group, "mbstd_channels": count} if group > 1 else {"mbstd_channels": 0}
    config = GrowingDiscriminator(base=BASE, blur_filter=blur_filter, **statistic, **layout.pyramid_options(options))
    layout.nothing_left(options)
    return config


def _unknown(name: str) -> UserError:
    return UserError(f"'{name}': unknown variable for a published TensorFlow network")
