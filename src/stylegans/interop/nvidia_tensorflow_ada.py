"""The TensorFlow networks of StyleGAN2-ADA: their options and variables to ours.

They are StyleGAN2's, but that the label's embedding is normalised on its own, that a discriminator projects its score
on one, and that activations may be clamped. Options and variables are plain data here; nothing of theirs is run.
"""

import re
from collections.abc import Mapping as Dictionary
from dataclasses import replace
from typing import Any

from torch import Tensor

from stylegans.config import Discriminator, StyleGAN2
from stylegans.interop import nvidia_tensorflow_stylegan2 as stylegan2
from stylegans.interop import tensorflow_layout as layout

Tensors = dict[str, Tensor]

NOT_THE_NETWORK = ("num_fp16_res", "mapping_func", "synthesis_func", "conditioning", "freeze_layers")
"""Options that say in which precision it ran, what its parts were called, or which layers were trained."""

LEFT_OUT = {
    "fmap_const": None, "augment_strength": 0, "adaptive_dropout": 0, "use_spectral_norm": False,
    "use_pagan": False, "pagan_num": 16, "pagan_fade": 0.5, "score_size": 1, "score_max": 1,
}  # fmt: skip
"""Options that our networks have only as they are by default: those of the methods that its paper compares with."""


def generator_config(kwargs: Dictionary[str, Any]) -> StyleGAN2:
    """Published options of ``G_main`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = _network_options(kwargs)
    clamp, embed_dim = options.pop("conv_clamp", None), options.pop("label_fmaps", None)
    if "w_avg_beta" in options:
        options["dlatent_avg_beta"] = options.pop("w_avg_beta")
    config = stylegan2.generator_config({"mapping_fmaps": None, **options})
    return replace(config, conv_clamp=clamp, mapping=replace(config.mapping, label_norm="apart", embed_dim=embed_dim))


def discriminator_config(kwargs: Dictionary[str, Any]) -> Discriminator:
    """Published options of the discriminator → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = _network_options(kwargs)
    layout.only(options, "mapping_nonlinearity", "lrelu")
    clamp, group = options.pop("conv_clamp", None), options.pop("mbstd_group_size", None)
    statistics, width = options.pop("mbstd_num_features", 1), options.pop("mapping_fmaps", None)
    depth, lr_multiplier = options.pop("mapping_layers", 0), options.pop("mapping_lrmul", 0.1)
    return replace(
        stylegan2.discriminator_config(options),
        conv_clamp=clamp,
        label_head="projection",
        mbstd_group=group or None,
        mbstd_channels=0 if group == 0 else statistics,
        mapping_layers=depth,
        mapping_lr_multiplier=lr_multiplier,
        cmap_dim=width,
        mapping_hidden_dim=width,
        mapping_embed_dim=width,
    )


def generator_state(variables: Dictionary[str, Tensor]) -> Tensors:
    """Published variables of ``G_main`` under our names.

    Raises:
        UserError: a variable we do not know.
    """
    embedding, others = _apart(variables, r"G_mapping/LabelEmbed/(weight|bias)")
    state = {f"mapping.embed.{name.rpartition('/')[2]}": layout.to_torch(value) for name, value in embedding.items()}
    return stylegan2.generator_state(others) | state


def discriminator_state(variables: Dictionary[str, Tensor]) -> Tensors:
    """Published variables of the discriminator under our names.

    Raises:
        UserError: a variable we do not know.
    """
    labels, others = _apart(variables, r"(LabelEmbed|Mapping\d+)/(weight|bias)")

    def renamed(name: str) -> str:
        layer, _, kind = name.partition("/")
        return f"mapping.embed.{kind}" if layer == "LabelEmbed" else f"mapping.layers.{layer[7:]}.{kind}"

    state = {renamed(name): layout.to_torch(value) for name, value in labels.items()}
    return stylegan2.discriminator_state(others) | state


def _network_options(kwargs: Dictionary[str, Any]) -> dict[str, Any]:
    options = {
        name: value
        for name, value in kwargs.items()
        if name not in NOT_THE_NETWORK and name not in stylegan2.WHEN_CALLED
    }
    for name, value in LEFT_OUT.items():
        layout.only(options, name, value)
    return options


def _apart(variables: Dictionary[str, Tensor], pattern: str) -> tuple[Tensors, Tensors]:
    """The variables whose names match, and the others."""
    chosen = {name: value for name, value in variables.items() if re.fullmatch(pattern, name)}
    return chosen, {name: value for name, value in variables.items() if name not in chosen}
