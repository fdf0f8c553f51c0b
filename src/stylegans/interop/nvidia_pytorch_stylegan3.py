"""The published StyleGAN3 generator: its options to our config and its tensor names to ours.

Plain data, as in ``nvidia_pytorch.py``, whose discriminator it shares; nothing of theirs is run.
"""

import re
from collections.abc import Mapping as Dictionary
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from stylegans.config import StyleGAN3
from stylegans.config.codec import from_dict, to_dict
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch
from stylegans.networks.stylegan3 import StyleGAN3Generator, signals

Tensors = dict[str, Tensor]

BASE = (4, 4)

SAME = tuple(f.name for f in fields(StyleGAN3) if f.name not in ("mapping", "resolution", "base", "img_channels"))
"""Options called alike in both."""

MAPPING = {"num_layers": 2, "w_avg_beta": 0.998}
"""Published defaults of its mapping network that differ from those of StyleGAN2-ADA's."""

FILTERS = ("up_filter", "down_filter")
"""Published with the layers; the config determines them."""


def generator_config(kwargs: Dictionary[str, Any]) -> StyleGAN3:
    """Published generator options → our config.

    Raises:
        UserError: an option we have no equivalent for.
    """
    options = dict(kwargs)
    for name in ("num_fp16_res", "init_kwargs"):
        options.pop(name, None)
    resolution = int(options.pop("img_resolution"))
    mapping = MAPPING | {name: options.pop(name) for name in ("z_dim", "c_dim", "w_dim") if name in options}
    mapping |= options.pop("mapping_kwargs", {})
    same: dict[str, Any] = {name: options.pop(name) for name in SAME if name in options}
    made = StyleGAN3(
        mapping=nvidia_pytorch.mapping_config(mapping),
        resolution=(resolution, resolution),
        base=BASE,
        img_channels=options.pop("img_channels"),
        **same,
    )
    if options:
        raise UserError(f"{min(options)}: unknown option of a published StyleGAN3 network")
    return from_dict(StyleGAN3, to_dict(made), where="generator")


def generator_state(tensors: Dictionary[str, Tensor], config: StyleGAN3) -> Tensors:
    """Published generator tensors under our names. The filters are dropped: the config determines them.

    Raises:
        UserError: the layers or the filters are not those of ``config``, or a tensor is unknown.
    """
    layers = {match[1] for name in tensors if (match := re.match(r"synthesis\.(L\d+_\d+_\d+)\.", name))}
    if len(layers) != config.num_layers + 1:
        raise UserError(f"num_layers: {config.num_layers}, but there are {len(layers)} layers in the file")
    names = layer_names(config)
    _check_filters(tensors, config, names)
    ours: Tensors = {}
    mapping = {name.removeprefix("mapping."): value for name, value in tensors.items() if name.startswith("mapping.")}
    for name, tensor in nvidia_pytorch.mapping_state(mapping).items():
        ours[f"mapping.{name}"] = tensor
    for name, tensor in tensors.items():
        match name.split(".", 2):
            case ["mapping", *_]:
                pass
            case ["synthesis", "input", rest]:
                ours[f"synthesis.input.{rest}"] = tensor
            case ["synthesis", layer, rest] if layer in names:
                if rest not in FILTERS:
                    ours[f"synthesis.layers.{names.index(layer)}.{rest}"] = tensor
            case _:
                raise UserError(f"'{name}': unknown tensor for a published StyleGAN3 network of this shape")
    return ours


def layer_names(config: StyleGAN3) -> list[str]:
    """What the published network calls its layers: number, side of the grid, channels ('L2_52_512')."""
    return [f"L{i}_{signal.size[0]}_{signal.channels}" for i, signal in enumerate(signals(config))]


def _check_filters(tensors: Dictionary[str, Tensor], config: StyleGAN3, names: list[str]) -> None:
    """Their sizes: a file that asks for larger filters than it holds is refused before they are made."""
    with torch.device("meta"):
        expected = layer_filters(StyleGAN3Generator(config), names)
    for name, f in expected.items():
        if name not in tensors or tensors[name].shape != f.shape:
            raise UserError(f"'{name}': its options make it a filter of {list(f.shape)}, and it is not")


def layer_filters(network: StyleGAN3Generator, names: list[str]) -> Tensors:
    """The filters of the network's layers under the published names."""
    found: Tensors = {}
    for layer, called in zip(network.synthesis.get_submodule("layers").children(), names, strict=True):
        buffers = dict(layer.named_buffers(recurse=False))
        found |= {f"synthesis.{called}.{name}": buffers[name] for name in FILTERS if name in buffers}
    return found
