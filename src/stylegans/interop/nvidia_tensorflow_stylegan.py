"""The published TensorFlow StyleGAN generators (G_style): their options to our configs, their variables to ours.

A published network is described by the keyword arguments it was built with and by its variables, named
``G_synthesis/8x8/Conv0_up/weight`` and so on. Both are plain data here; nothing of theirs is run.
"""

from collections.abc import Mapping as Dictionary
from typing import Any

from torch import Tensor

from stylegans.config import StyleGAN
from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.interop import tensorflow_layout as layout

Tensors = dict[str, Tensor]

BASE: Size = (4, 4)

FUSED_FROM = 128
"""The smallest output whose upsampling is fused where the options leave it to the network ('auto')."""

NOT_THE_NETWORK = (
    "truncation_psi",
    "truncation_cutoff",
    "truncation_psi_val",
    "truncation_cutoff_val",
    "style_mixing_prob",
    "randomize_noise",
    "dlatent_broadcast",
    "is_training",
    "is_validation",
    "force_clean_graph",
)
"""Options that say how it was trained or is run. Truncation is ours to choose at each call."""

LAYERS = {"Const": "layer0", "Dense": "layer0", "Conv": "layer1", "Conv0_up": "layer0", "Conv1": "layer1"}

PARTS = {
    "weight": "conv.weight",
    "bias": "bias",
    "Noise/weight": "noise.noise_strength",
    "StyleMod/weight": "style.affine.weight",
    "StyleMod/bias": "style.affine.bias",
}


def generator_config(kwargs: Dictionary[str, Any]) -> StyleGAN:
    """Published options of ``G_style`` → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = {name: value for name, value in kwargs.items() if name not in NOT_THE_NETWORK}
    activation = options.pop("nonlinearity", "lrelu")
    layout.only(options, "mapping_nonlinearity", activation)
    pyramid = layout.pyramid_options(options)
    blur = options.pop("blur_filter", (1, 2, 1))
    config = StyleGAN(
        mapping=layout.mapping_config(options, c_dim=pyramid.pop("c_dim")),
        base=BASE,
        **pyramid,
        use_styles=options.pop("use_styles", True),
        const_input=options.pop("const_input_layer", True),
        use_noise=options.pop("use_noise", True),
        pixel_norm=options.pop("use_pixel_norm", False),
        instance_norm=options.pop("use_instance_norm", True),
        activation=activation,
        normalize_latents=options.pop("normalize_latents", True),
        blur_filter=None if blur is None else tuple(float(tap) for tap in blur),
    )
    layout.nothing_left(options)
    return config


def generator_state(variables: Dictionary[str, Tensor], kwargs: Dictionary[str, Any]) -> Tensors:
    """Published variables of ``G_style`` under our names. The published options say which levels are fused.

    Raises:
        UserError: a variable we do not know.
    """
    fused_scale = kwargs.get("fused_scale", "auto")
    coarsest = layout.coarsest_lod(variables)

    def is_fused(size: int) -> bool:
        return size >= FUSED_FROM if fused_scale == "auto" else bool(fused_scale)

    def renamed(name: str, value: Tensor) -> tuple[str, Tensor]:
        match name.split("/"):
            case ["lod"] | ["G_synthesis", "lod"]:  # the same number twice
                return "synthesis.lod", value
            case ["dlatent_avg"]:
                return "mapping.w_avg", value
            case ["G_mapping", "LabelConcat", "weight"]:
                return "mapping.embed.weight", value
            case ["G_mapping", layer, kind] if layer.startswith("Dense"):
                return f"mapping.layers.{layer.removeprefix('Dense')}.{kind}", layout.to_torch(value)
            case ["G_synthesis", noise] if noise.startswith("noise") and noise[5:].isdigit():
                number = int(noise[5:])
                return f"synthesis.blocks.{number // 2}.layer{number % 2}.noise.noise_const", value[0, 0]
            case ["G_synthesis", "4x4", "Const", "const"]:
                return "synthesis.input.const", value[0]
            case ["G_synthesis", "4x4", "Dense", "weight"]:
                return "synthesis.input.weight", layout.dense(value).unflatten(0, (-1, *BASE))
            case ["G_synthesis", scope, kind] if (lod := layout.lod_of(scope)) is not None:
                return f"synthesis.blocks.{coarsest - lod}.to_rgb.{kind}", layout.to_torch(value)
            case ["G_synthesis", scope, layer, *rest] if (
                (level := layout.level_of(scope)) is not None and layer in LAYERS and (part := "/".join(rest)) in PARTS
            ):
                value = layout.to_torch(value)
                if (layer, part) == ("Conv0_up", "weight") and not is_fused(BASE[0] << level):
                    value = layout.flipped(value)  # our up-convolution is the fused one
                return f"synthesis.blocks.{level}.{LAYERS[layer]}.{PARTS[part]}", value
        raise UserError(f"'{name}': unknown variable for a published StyleGAN generator")

    return dict(renamed(name, value) for name, value in variables.items())
