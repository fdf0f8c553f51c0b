"""Checkpoints of rosinality's stylegan2-pytorch: options read off the tensors, and their names to ours and back.

There are two kinds of file: what a training saves (``g``, ``d``, ``g_ema`` and more) and what was converted from
another program's (``g_ema``, ``latent_avg`` and perhaps ``g``, ``d``). Its networks compute what StyleGAN2's do: the
generator wired 'skip', the discriminator 'resnet'. Its convolutions carry a runtime gain that ours lack, which
demodulation absorbs.
"""

import math
import re
from collections.abc import Mapping as Dictionary
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegans.config import Discriminator, Mapping, StyleGAN2
from stylegans.config.sizes import Size, channels, levels
from stylegans.errors import UserError
from stylegans.files.torch_archive import Stored, read_archive
from stylegans.interop.foreign import NON_COMMERCIAL, Foreign, Part
from stylegans.networks.mapping import MappingNetwork

Tensors = dict[str, Tensor]

PARTS = {"g_ema": "generator_ema", "g": "generator", "d": "discriminator"}
"""Its names for a training's networks → ours."""

AVERAGES = {"generator_ema": ("latent_avg",), "generator": ("g_latent_avg", "latent_avg")}
"""A generator → what its average w may be called, the first that is there. The program knows one alone;
``g_latent_avg`` is our own, beside it, where g has another."""

CONVERTED = f"that of the checkpoint it was converted from; NVIDIA's are for {NON_COMMERCIAL} use only"

BASE: Size = (4, 4)

SAMPLES = 10_000
"""Latents whose mean w stands for the average that a training file lacks; drawn from seed 0."""

LARGEST_LATENT = 8192
LONGEST_NOTE = 1000
MOST_LEVELS = 12


def read(path: str | Path) -> Foreign:
    """The networks of a ``.pt``.

    Truncation pulls towards the file's ``latent_avg``; where it has none, towards the mean w of 10,000 latents of
    seed 0, each generator's own.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no such file, is damaged, or asks for something to be run.
    """
    tree = read_archive(path)
    states = {ours: _state(tree, theirs) for theirs, ours in PARTS.items()}
    if not any(states.values()):
        raise UserError(f"{path}: holds no g_ema, g or d, as rosinality's checkpoints do")
    try:
        parts = {
            name: _discriminator(state) if name == "discriminator" else _generator(state, _average(tree, name))
            for name, state in states.items()
            if state
        }
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # tensors that are not what they should be raise almost anything
        raise UserError(f"{path}: damaged ({type(error).__name__}: {' '.join(str(error)[:200].split())})") from None
    return Foreign(
        source="rosinality's stylegan2-pytorch",
        family=StyleGAN2.family,
        parts=parts,
        licence=_licence(tree),
    )


def _licence(tree: Dictionary[str, Any]) -> str:
    """The note that our own ``rosinality_export`` leaves, else what can be said of the kind of file."""
    note = tree.get("licence")
    if isinstance(note, str):
        return note[:LONGEST_NOTE]
    return CONVERTED if "latent_avg" in tree else ""


def _state(tree: object, part: str) -> Tensors:
    """A part's state dict; empty where there is none."""
    state = tree.get(part) if isinstance(tree, Dictionary) else None
    if not isinstance(state, Dictionary):
        return {}
    tensors = {name: value.tensor for name, value in state.items() if isinstance(value, Stored)}
    return tensors if {"input.input", "final_linear.0.weight"} & tensors.keys() else {}


def _average(tree: Dictionary[str, Any], part: str) -> Tensor | None:
    """A generator's average w, if the file has one."""
    found = (tree.get(name) for name in AVERAGES[part])
    return next((value.tensor.flatten() for value in found if isinstance(value, Stored)), None)


def _generator(tensors: Tensors, average: Tensor | None) -> Part:
    config = generator_config(tensors)
    state = generator_state(tensors)
    w_avg = mean_w(config.mapping, state) if average is None else average
    return Part(config, state | {"mapping.w_avg": w_avg})


def _discriminator(tensors: Tensors) -> Part:
    return Part(discriminator_config(tensors), discriminator_state(tensors))


@torch.no_grad()
def mean_w(config: Mapping, state: Dictionary[str, Tensor]) -> Tensor:
    """The mean w ``[w_dim]`` of 10,000 latents of seed 0."""
    if max(config.z_dim, config.w_dim) > LARGEST_LATENT:
        raise UserError(f"latents of {config.z_dim} and {config.w_dim} numbers; at most {LARGEST_LATENT} are read")
    with torch.device("meta"):  # the tensors' own memory is all that is needed
        mapping = MappingNetwork(config, num_ws=1)
    own = {name.removeprefix("mapping."): value for name, value in state.items() if name.startswith("mapping.")}
    mapping.load_state_dict(own | {"w_avg": torch.zeros(config.w_dim)}, assign=True)
    latents = torch.randn(SAMPLES, config.z_dim, generator=torch.Generator().manual_seed(0))
    return torch.cat([mapping.map(z) for z in latents.split(1000)]).mean(dim=0)


# --- options ----------------------------------------------------------------------------------------------------------


def generator_config(tensors: Dictionary[str, Tensor]) -> StyleGAN2:
    """Our config of the generator with these tensors.

    Raises:
        UserError: it is another network, or its widths follow no rule of ours.
    """
    widths = [len(tensors["conv1.activate.bias"])]
    while f"convs.{2 * len(widths) - 1}.activate.bias" in tensors:
        widths.append(len(tensors[f"convs.{2 * len(widths) - 1}.activate.bias"]))
    depth = sum(re.fullmatch(r"style\.\d+\.weight", name) is not None for name in tensors)
    w_dim = tensors["conv1.conv.modulation.weight"].shape[1]
    return StyleGAN2(
        mapping=Mapping(z_dim=tensors["style.1.weight"].shape[1], w_dim=w_dim, num_layers=depth),
        base=BASE,
        img_channels=tensors["to_rgb1.conv.weight"].shape[1],
        architecture="skip",
        resample_filter=_taps(tensors, "to_rgbs.0.upsample.kernel"),
        **_pyramid(widths),
    )


def discriminator_config(tensors: Dictionary[str, Tensor]) -> Discriminator:
    """Our config of the discriminator with these tensors.

    Raises:
        UserError: it is another network, or its widths follow no rule of ours.
    """
    finest, img_channels = tensors["convs.0.0.weight"].shape[:2]
    widths = [finest]
    while f"convs.{len(widths)}.conv2.2.bias" in tensors:
        widths.append(len(tensors[f"convs.{len(widths)}.conv2.2.bias"]))
    return Discriminator(
        base=BASE,
        img_channels=img_channels,
        architecture="resnet",
        resample_filter=_taps(tensors, "convs.1.conv2.0.kernel"),
        **_pyramid(widths[::-1]),
    )


def _pyramid(widths: list[int]) -> dict[str, Any]:
    """Options of a pyramid that is so wide, the coarsest level first."""
    if len(widths) > MOST_LEVELS:
        raise UserError(f"{len(widths)} levels; at most {MOST_LEVELS} are read")
    side = BASE[0] << (len(widths) - 1)
    widest = max(widths)
    for channel_base in (32768, 16384, side * widths[-1]):  # the published widths, where they are not the widest
        options = {"channel_base": channel_base, "channel_max": widest}
        if widths == [channels(BASE, level, **options) for level in range(len(widths))]:
            return {"resolution": (side, side)} | options
    raise UserError(f"feature maps {', '.join(map(str, widths))} from 4x4 on: not as StyleGAN2's halve")


def _taps(tensors: Dictionary[str, Tensor], name: str) -> tuple[float, ...]:
    """The resampling filter of which a stored kernel is the outer square, scaled so that its smallest tap is 1."""
    if name not in tensors:  # a pyramid of one level
        return (1, 3, 3, 1)
    kernel = tensors[name].double()
    rows = kernel.sum(dim=1)
    if kernel.ndim != 2 or not 0 < kernel.shape[0] <= 32 or not rows.abs().min() > 0:
        raise UserError(f"'{name}': not the kernel of a resampling filter")
    rows = rows / rows.abs().min()
    if not torch.allclose(torch.outer(rows, rows) * kernel.sum() / rows.sum() ** 2, kernel, atol=1e-6):
        raise UserError(f"'{name}': a kernel that does not separate into rows and columns")
    return tuple(round(tap) if math.isclose(tap, round(tap), abs_tol=1e-4) else tap for tap in rows.tolist())


# --- names ------------------------------------------------------------------------------------------------------------
#
# One table for either network: ours → theirs, with the shape that theirs has beyond ours.


def generator_names(num_layers: int, count: int) -> dict[str, str]:
    """Our names → theirs, of a generator of ``count`` levels and a mapping network of ``num_layers``."""
    names = {"synthesis.input.const": "input.input"}
    for i in range(num_layers):
        names |= {f"mapping.layers.{i}.{kind}": f"style.{i + 1}.{kind}" for kind in ("weight", "bias")}
    for level in range(count):
        ours, first = f"synthesis.blocks.{level}", 2 * level - 2
        convs = {"conv0": f"convs.{first}", "conv1": f"convs.{first + 1}"} if level else {"conv1": "conv1"}
        for number, (conv, theirs) in enumerate(convs.items(), start=2 * level - len(convs) + 1):
            names |= {
                f"{ours}.{conv}.weight": f"{theirs}.conv.weight",
                f"{ours}.{conv}.bias": f"{theirs}.activate.bias",
                f"{ours}.{conv}.affine.weight": f"{theirs}.conv.modulation.weight",
                f"{ours}.{conv}.affine.bias": f"{theirs}.conv.modulation.bias",
                f"{ours}.{conv}.noise.noise_strength": f"{theirs}.noise.weight",
                f"{ours}.{conv}.noise.noise_const": f"noises.noise_{number}",
            }
        theirs = f"to_rgbs.{level - 1}" if level else "to_rgb1"
        names |= {
            f"{ours}.to_rgb.weight": f"{theirs}.conv.weight",
            f"{ours}.to_rgb.bias": f"{theirs}.bias",
            f"{ours}.to_rgb.affine.weight": f"{theirs}.conv.modulation.weight",
            f"{ours}.to_rgb.affine.bias": f"{theirs}.conv.modulation.bias",
        }
    return names


def discriminator_names(count: int) -> dict[str, str]:
    """Our names → theirs, of a discriminator of ``count`` levels."""
    reader = "blocks.0" if count > 1 else "epilogue"
    names = {f"{reader}.from_rgb.weight": "convs.0.0.weight", f"{reader}.from_rgb.bias": "convs.0.1.bias"}
    for block in range(count - 1):
        ours, theirs = f"blocks.{block}", f"convs.{block + 1}"
        names |= {
            f"{ours}.conv0.weight": f"{theirs}.conv1.0.weight",
            f"{ours}.conv0.bias": f"{theirs}.conv1.1.bias",
            f"{ours}.conv1.weight": f"{theirs}.conv2.1.weight",
            f"{ours}.conv1.bias": f"{theirs}.conv2.2.bias",
            f"{ours}.skip.weight": f"{theirs}.skip.1.weight",
        }
    return names | {
        "epilogue.conv.weight": "final_conv.0.weight",
        "epilogue.conv.bias": "final_conv.1.bias",
        "epilogue.fc.weight": "final_linear.0.weight",
        "epilogue.fc.bias": "final_linear.0.bias",
        "epilogue.out.weight": "final_linear.1.weight",
        "epilogue.out.bias": "final_linear.1.bias",
    }


def generator_state(tensors: Dictionary[str, Tensor]) -> Tensors:
    """The generator's tensors under our names, without ``mapping.w_avg``, which is not among them."""
    config = generator_config(tensors)
    names = generator_names(config.mapping.num_layers, levels(config.base, config.resolution))
    return {ours: _to_our_shape(ours, value) for ours, value in _renamed(tensors, names).items()}


def discriminator_state(tensors: Dictionary[str, Tensor]) -> Tensors:
    """The discriminator's tensors under our names."""
    config = discriminator_config(tensors)
    return _renamed(tensors, discriminator_names(levels(config.base, config.resolution)))


def _renamed(tensors: Dictionary[str, Tensor], names: Dictionary[str, str]) -> Tensors:
    """Kernels are left out: the config holds the taps."""
    ours = {theirs: name for name, theirs in names.items()}
    found = {name: value for name, value in tensors.items() if not name.endswith(".kernel")}
    strange, missing = sorted(found.keys() - ours.keys()), sorted(ours.keys() - found.keys())
    if strange or missing:
        what = f"unknown tensor {strange[0][:100]!r}" if strange else f"no tensor {missing[0]!r}"
        raise UserError(f"{what} for a network of rosinality's")
    return {ours[name]: value for name, value in found.items()}


def _to_our_shape(name: str, value: Tensor) -> Tensor:
    """The other way round: ``to_their_shape``."""
    if name.endswith("noise_strength"):
        return value.reshape(())
    if name.endswith("noise_const"):
        return value[0, 0]
    if name.endswith("to_rgb.bias"):
        return value.flatten()
    if name == "synthesis.input.const" or (value.ndim == 5 and name.endswith(".weight")):
        return value[0]
    return value


def to_their_shape(name: str, value: Tensor) -> Tensor:
    """A generator's tensor of our ``name`` in the shape that theirs has."""
    if name.endswith("noise_strength"):
        return value.reshape(1)
    if name.endswith("noise_const"):
        return value[None, None]
    if name.endswith("to_rgb.bias"):
        return value.reshape(1, -1, 1, 1)
    if name == "synthesis.input.const" or (value.ndim == 4 and name.endswith(".weight")):
        return value[None]
    return value
