"""The published PyTorch StyleGAN2-ADA networks: their options to our configs, their tensor names to ours.

A published network is described by the keyword arguments it was built with and by its tensors, named
``synthesis.b8.conv0.affine.weight`` and so on. Both are plain data here; nothing of theirs is run.
"""

import math
import re
from collections.abc import Mapping as Dictionary
from typing import Any

from torch import Tensor

from stylegans.config import Discriminator, Mapping, StyleGAN2
from stylegans.config.sizes import Size
from stylegans.errors import UserError

Tensors = dict[str, Tensor]

BASE: Size = (4, 4)


def generator_config(kwargs: Dictionary[str, Any]) -> StyleGAN2:
    """Published generator options → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    synthesis = dict(options.pop("synthesis_kwargs", {}))
    _only(synthesis, "activation", "lrelu")
    synthesis.pop("num_fp16_res", None)
    resolution = options.pop("img_resolution")
    mapping: dict[str, Any] = {name: options.pop(name) for name in ("z_dim", "c_dim", "w_dim") if name in options}
    mapping |= options.pop("mapping_kwargs", {})
    config = StyleGAN2(
        mapping=mapping_config(mapping),
        resolution=(resolution, resolution),
        base=BASE,
        img_channels=options.pop("img_channels"),
        architecture=synthesis.pop("architecture", "skip"),
        channel_base=synthesis.pop("channel_base", 32768),
        channel_max=synthesis.pop("channel_max", 512),
        resample_filter=_taps(synthesis.pop("resample_filter", (1, 3, 3, 1))),
        use_noise=synthesis.pop("use_noise", True),
        conv_clamp=synthesis.pop("conv_clamp", None),
    )
    _nothing_left(options | synthesis)
    return config


def mapping_config(kwargs: Dictionary[str, Any]) -> Mapping:
    """Published mapping-network options → our config. ``num_ws`` is the synthesis network's business."""
    options = dict(kwargs)
    options.pop("num_ws", None)
    _only(options, "activation", "lrelu")
    config = Mapping(
        z_dim=options.pop("z_dim"),
        c_dim=options.pop("c_dim", 0),
        w_dim=options.pop("w_dim"),
        num_layers=options.pop("num_layers", 8),
        hidden_dim=options.pop("layer_features", None),
        embed_dim=options.pop("embed_features", None),
        lr_multiplier=options.pop("lr_multiplier", 0.01),
        w_avg_beta=options.pop("w_avg_beta", 0.995),
    )
    _nothing_left(options)
    return config


def discriminator_config(kwargs: Dictionary[str, Any]) -> Discriminator:
    """Published discriminator options → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    block, mapping, epilogue = (
        dict(options.pop(name, {})) for name in ("block_kwargs", "mapping_kwargs", "epilogue_kwargs")
    )
    for group in (block, mapping, epilogue):
        _only(group, "activation", "lrelu")
    options.pop("num_fp16_res", None)
    resolution = options.pop("img_resolution")
    config = Discriminator(
        resolution=(resolution, resolution),
        base=BASE,
        img_channels=options.pop("img_channels"),
        c_dim=options.pop("c_dim", 0),
        architecture=options.pop("architecture", "resnet"),
        channel_base=options.pop("channel_base", 32768),
        channel_max=options.pop("channel_max", 512),
        resample_filter=_taps(block.pop("resample_filter", (1, 3, 3, 1))),
        conv_clamp=options.pop("conv_clamp", None),
        mbstd_group=epilogue.pop("mbstd_group_size", 4),
        mbstd_channels=epilogue.pop("mbstd_num_channels", 1),
        cmap_dim=options.pop("cmap_dim", None),
        mapping_layers=mapping.pop("num_layers", 8),
        mapping_lr_multiplier=mapping.pop("lr_multiplier", 0.01),
        mapping_hidden_dim=mapping.pop("layer_features", None),
        mapping_embed_dim=mapping.pop("embed_features", None),
    )
    block.pop("freeze_layers", None)  # says which layers were trained, not what they compute
    _nothing_left(options | block | mapping | epilogue)
    return config


def generator_state(tensors: Dictionary[str, Tensor]) -> Tensors:
    """Published generator tensors under our names. Stored FIR filters are dropped: the config holds the taps."""
    return _rename(tensors, _generator_name)


def mapping_state(tensors: Dictionary[str, Tensor]) -> Tensors:
    """A published mapping network's tensors under our names."""
    return _rename(tensors, _mapping_name)


def discriminator_state(tensors: Dictionary[str, Tensor]) -> Tensors:
    """Published discriminator tensors under our names."""
    sizes = sorted({int(size) for size in re.findall(r"\bb(\d+)\.", " ".join(tensors))}, reverse=True)

    def name(theirs: str) -> str:
        if theirs.startswith("mapping."):
            return "mapping." + _mapping_name(theirs.removeprefix("mapping."))
        size, rest = _split(theirs)
        level = "epilogue" if size == BASE[0] else f"blocks.{sizes.index(size)}"
        return f"{level}.{rest.replace('fromrgb.', 'from_rgb.')}"

    return _rename(tensors, name)


def _generator_name(theirs: str) -> str:
    part, _, rest = theirs.partition(".")
    if part == "mapping":
        return "mapping." + _mapping_name(rest)
    size, rest = _split(rest)
    if rest == "const":
        return "synthesis.input.const"
    rest = rest.replace("torgb.", "to_rgb.").replace(".noise_", ".noise.noise_")
    return f"synthesis.blocks.{int(math.log2(size / BASE[0]))}.{rest}"


def _mapping_name(theirs: str) -> str:
    return re.sub(r"^fc(\d+)\.", r"layers.\1.", theirs)


def _split(theirs: str) -> tuple[int, str]:
    """'b8.conv0.weight' → 8, 'conv0.weight'."""
    match = re.fullmatch(r"b(\d+)\.(.+)", theirs)
    if match is None:
        raise UserError(f"'{theirs}': unknown tensor for a published StyleGAN2-ADA network")
    return int(match[1]), match[2]


def _rename(tensors: Dictionary[str, Tensor], name: Any) -> Tensors:
    return {name(theirs): tensor for theirs, tensor in tensors.items() if not theirs.endswith("resample_filter")}


def _taps(taps: Any) -> tuple[float, ...]:
    return tuple(float(tap) for tap in taps)


def _only(options: dict[str, Any], name: str, value: Any) -> None:
    if options.pop(name, value) != value:
        raise UserError(f"{name}: only '{value}' is supported in published StyleGAN2-ADA networks")


def _nothing_left(options: dict[str, Any]) -> None:
    if options:
        raise UserError(f"{min(options)}: unknown option of a published StyleGAN2-ADA network")
