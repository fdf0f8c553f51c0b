"""The published TensorFlow StyleGAN2 networks: their options and variables to ours.

A published network is described by the keyword arguments it was built with and by its variables, those of a
generator's components behind the component's name: ``G_synthesis/8x8/Conv0_up/weight``. Both are plain data here;
nothing of theirs is run.
"""

import re
from collections.abc import Mapping as Dictionary
from typing import Any

from torch import Tensor

from stylegans.config import Discriminator, StyleGAN2
from stylegans.config.networks import Taps, Wiring
from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.interop import tensorflow_layout as layout

Tensors = dict[str, Tensor]

BASE: Size = (4, 4)

DEFAULTS = {"resolution": 1024, "num_channels": 3, "fmap_base": 16384}
"""Of every StyleGAN2 network, where they differ from those of the networks before it."""

WHEN_CALLED = (
    "truncation_psi",
    "truncation_cutoff",
    "truncation_psi_val",
    "truncation_cutoff_val",
    "style_mixing_prob",
    "randomize_noise",
    "fused_modconv",
    "is_training",
    "is_validation",
    "return_dlatents",
    "force_clean_graph",
)
"""Options of a generator that say how it is called or trained, not what it is."""


# --- options --------------------------------------------------------------------------------------------------------


def generator_config(kwargs: Dictionary[str, Any]) -> StyleGAN2:
    """Published options of ``G_main`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = DEFAULTS | dict(kwargs)
    for name in WHEN_CALLED:
        options.pop(name, None)
    layout.only(options, "mapping_func", "G_mapping")
    layout.only(options, "mapping_nonlinearity", "lrelu")
    layout.only(options, "normalize_latents", True)
    pyramid = _pyramid_options(options)
    config = StyleGAN2(
        mapping=layout.mapping_config(options, c_dim=pyramid.pop("c_dim")),
        architecture=_generator_wiring(options),
        use_noise=options.pop("use_noise", True),
        **pyramid,
    )
    layout.nothing_left(options)
    return config


def discriminator_config(kwargs: Dictionary[str, Any]) -> Discriminator:
    """Published options of ``D_stylegan2`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    return _discriminator_config(options, options.pop("architecture", "resnet"))


def growing_discriminator_config(kwargs: Dictionary[str, Any]) -> Discriminator:
    """Published options of ``D_stylegan``, the discriminator of configs B to D, → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    return _discriminator_config(dict(kwargs), "grow")


def _discriminator_config(options: dict[str, Any], architecture: Wiring) -> Discriminator:
    options = DEFAULTS | options
    group, statistics = options.pop("mbstd_group_size", 4), options.pop("mbstd_num_features", 1)
    config = Discriminator(
        architecture=architecture,
        label_head="select",
        mbstd_group=group if group > 1 else 4,
        mbstd_channels=statistics if group > 1 else 0,  # theirs has none where a group is one sample
        **_pyramid_options(options),
    )
    layout.nothing_left(options)
    return config


def _pyramid_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take out what every StyleGAN2 network has."""
    layout.only(options, "nonlinearity", "lrelu")
    layout.only(options, "fmap_min", 1)
    taps: Taps = tuple(float(tap) for tap in options.pop("resample_kernel", None) or (1, 3, 3, 1))
    return {"base": BASE, "resample_filter": taps, **layout.pyramid_options(options)}


def _generator_wiring(options: dict[str, Any]) -> Wiring:
    """Take out the synthesis network's function and wiring."""
    function = options.pop("synthesis_func", "G_synthesis_stylegan2")
    if function == "G_synthesis_stylegan_revised":
        return "grow"
    if function != "G_synthesis_stylegan2":
        raise UserError(f"synthesis_func: '{function}' is unknown for a published StyleGAN2 network")
    wiring: Wiring = options.pop("architecture", "skip")
    return wiring


# --- variables ------------------------------------------------------------------------------------------------------


def generator_state(variables: Dictionary[str, Tensor]) -> Tensors:
    """Published variables of ``G_main`` under our names.

    Raises:
        UserError: a variable we do not know.
    """
    coarsest = _coarsest(variables)
    block = {"Conv0_up": "conv0", "Conv1": "conv1", "Skip": "skip"}

    def renamed(name: str, value: Tensor) -> tuple[str, Tensor]:
        match name.split("/"):
            case ["lod"]:
                return "synthesis.lod", value
            case ["dlatent_avg"]:
                return "mapping.w_avg", value
            case ["G_mapping", "LabelConcat", "weight"]:
                return "mapping.embed.weight", value
            case ["G_mapping", dense, kind] if number := re.fullmatch(r"Dense(\d+)", dense):
                return f"mapping.layers.{number[1]}.{kind}", layout.to_torch(value)
            case ["G_synthesis", "4x4", "Const", "const"]:
                return "synthesis.input.const", value[0]
            case ["G_synthesis", noise] if number := re.fullmatch(r"noise(\d+)", noise):
                index = int(number[1]) + 1  # the base grid has one layer, the others two
                return f"synthesis.blocks.{index // 2}.conv{index % 2}.noise.noise_const", value[0, 0]
            case ["G_synthesis", "4x4", "Conv", kind]:
                return _styled("synthesis.blocks.0.conv1", kind, value)
            case ["G_synthesis", scope, "ToRGB", kind] if (level := layout.level_of(scope)) is not None:
                return _styled(f"synthesis.blocks.{level}.to_rgb", kind, value)
            case ["G_synthesis", scope, kind] if (lod := layout.lod_of(scope)) is not None:
                return _styled(f"synthesis.blocks.{coarsest - lod}.to_rgb", kind, value)
            case ["G_synthesis", scope, "Conv0_up" | "Skip" as layer, "weight"] if level := layout.level_of(scope):
                return f"synthesis.blocks.{level}.{block[layer]}.weight", layout.flipped(layout.conv(value))
            case ["G_synthesis", scope, "Conv0_up" | "Conv1" as layer, kind] if level := layout.level_of(scope):
                return _styled(f"synthesis.blocks.{level}.{block[layer]}", kind, value)
        raise _unknown(name)

    return dict(renamed(name, value) for name, value in _without_idle_lod(variables).items())


def discriminator_state(variables: Dictionary[str, Tensor]) -> Tensors:
    """Published variables of ``D_stylegan2`` or ``D_stylegan`` under our names.

    Raises:
        UserError: a variable we do not know.
    """
    coarsest = _coarsest(variables)
    epilogue = {"FromRGB": "from_rgb", "Conv": "conv", "Dense0": "fc"}
    block = {"FromRGB": "from_rgb", "Conv0": "conv0", "Conv1_down": "conv1", "Skip": "skip"}

    def renamed(name: str) -> str:
        match name.split("/"):
            case ["lod"]:
                return "lod"
            case ["Output", kind]:
                return f"epilogue.out.{kind}"
            case ["4x4", layer, kind] if layer in epilogue:
                return f"epilogue.{epilogue[layer]}.{kind}"
            case [scope, layer, kind] if layer in block and (level := layout.level_of(scope)):
                return f"blocks.{coarsest - level}.{block[layer]}.{kind}"
            case [scope, kind] if (lod := layout.lod_of(scope)) is not None:
                return f"{'epilogue' if lod == coarsest else f'blocks.{lod}'}.from_rgb.{kind}"
        raise _unknown(name)

    return {renamed(name): layout.to_torch(value) for name, value in _without_idle_lod(variables).items()}


def _styled(layer: str, kind: str, value: Tensor) -> tuple[str, Tensor]:
    """A variable of a modulated convolution. Its style starts at 1 by an addition; ours by the bias."""
    names = {"mod_weight": "affine.weight", "mod_bias": "affine.bias", "noise_strength": "noise.noise_strength"}
    value = value + 1 if kind == "mod_bias" else layout.to_torch(value)
    return f"{layer}.{names.get(kind, kind)}", value


def _without_idle_lod(variables: Dictionary[str, Tensor]) -> Tensors:
    """Every published network has a stage of growth, also those that do not grow."""
    grows = any("RGB_lod" in name for name in variables)
    return {name: value for name, value in variables.items() if grows or name != "lod"}


def _coarsest(variables: Dictionary[str, Tensor]) -> int:
    """How often the picture is halved down to the base grid."""
    return max((layout.level_of(part) or 0 for name in variables for part in name.split("/")), default=0)


def _unknown(name: str) -> UserError:
    return UserError(f"'{name}': unknown variable for a published TensorFlow StyleGAN2 network")
