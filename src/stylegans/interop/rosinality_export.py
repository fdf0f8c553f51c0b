"""Checkpoints for rosinality's stylegan2-pytorch: a converted ``.pt`` of our networks, and what it cannot hold.

Beside the tensors its networks are told only a size, a width of styles, a depth of the mapping network and a channel
multiplier; everything else is as it is there. Its own constructors know the published feature maps alone (multiplier
2: ``channel_base`` 32768, 1: 16384); others are written as they are.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from stylegans.config import Discriminator, StyleGAN2
from stylegans.config.networks import DiscriminatorConfig, GeneratorConfig, Taps
from stylegans.config.sizes import levels
from stylegans.errors import UserError
from stylegans.files.atomic import atomic_file
from stylegans.interop.foreign import Part
from stylegans.interop.rosinality import BASE, discriminator_names, generator_names, to_their_shape
from stylegans.ops.resample import fir_filter

Tensors = dict[str, Tensor]

TAPS = 4
"""Of its resampling filter: it pads for so many."""


def write(path: str | Path, parts: Mapping[str, Part], *, licence: str = "") -> None:
    """Write ``parts`` as a converted ``.pt``: g_ema and latent_avg, and g and d where they are there.

    The average w, which it has one of, is that of g_ema; that of g, where it is another, stands beside it for our
    reader. Where there is only a 'generator' it is g_ema too.

    Args:
        parts: 'generator_ema', 'generator', 'discriminator': those that there are.
        licence: kept beside the tensors; '' where there is none to tell of.

    Raises:
        UserError: there is no generator, or a network has what such a file cannot hold; nothing is written.
    """
    average = parts.get("generator_ema") or parts.get("generator")
    if average is None:
        raise UserError("rosinality's .pt holds a generator, and there is none; it cannot be written")
    networks = {"g_ema": average} | {theirs: parts[ours] for theirs, ours in OTHERS.items() if ours in parts}
    states = {name: discriminator(part) if name == "d" else generator(part) for name, part in networks.items()}
    averages = {name: _own(networks[name].state["mapping.w_avg"]) for name in ("g_ema", "g") if name in networks}
    content = states | {"latent_avg": averages["g_ema"], "licence": licence}
    if "g" in averages and not torch.equal(averages["g"], averages["g_ema"]):
        content["g_latent_avg"] = averages["g"]
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)  # not the path, whose temporary name would be in it


OTHERS = {"g": "generator", "d": "discriminator"}
"""Its names for what stands beside g_ema → ours."""


def generator(part: Part) -> Tensors:
    """A generator's tensors under its names, its kernels among them.

    Raises:
        UserError: the generator has what its file cannot hold.
    """
    config = part.config
    refuse_generator(config)
    assert isinstance(config, StyleGAN2)
    count = levels(config.base, config.resolution)
    names = generator_names(config.mapping.num_layers, count)
    tensors = {theirs: _own(to_their_shape(ours, part.state[ours])) for ours, theirs in names.items()}
    up = fir_filter(config.resample_filter, gain=4)  # a picture of zeros between pixels keeps its brightness
    places = (
        name for level in range(count - 1) for name in (f"convs.{2 * level}.conv.blur", f"to_rgbs.{level}.upsample")
    )
    return tensors | {f"{place}.kernel": up.clone() for place in places}


def discriminator(part: Part) -> Tensors:
    """A discriminator's tensors under its names, its kernels among them.

    Raises:
        UserError: the discriminator has what its file cannot hold.
    """
    config = part.config
    refuse_discriminator(config)
    assert isinstance(config, Discriminator)
    count = levels(config.base, config.resolution)
    tensors = {theirs: _own(part.state[ours]) for ours, theirs in discriminator_names(count).items()}
    down = fir_filter(config.resample_filter)
    places = (f"convs.{block}.{branch}.0" for block in range(1, count) for branch in ("conv2", "skip"))
    return tensors | {f"{place}.kernel": down.clone() for place in places}


def refuse_generator(config: GeneratorConfig | DiscriminatorConfig) -> None:
    """
    Raises:
        UserError: the generator has what its file cannot hold.
    """
    if not isinstance(config, StyleGAN2):
        raise _cannot("generator", f"a {config.family} generator", "StyleGAN2's")
    mapping = config.mapping
    _refuse_pyramid("generator", config)
    _demand("generator", "architecture", config.architecture, "skip")
    _demand("generator", "use_noise", config.use_noise, True)
    _demand("generator", "mapping.c_dim", mapping.c_dim, 0)
    _demand("generator", "mapping.z_dim", mapping.z_dim, mapping.w_dim, why="latents as wide as styles")
    _demand("generator", "mapping.hidden_dim", mapping.hidden_dim or mapping.w_dim, mapping.w_dim)
    _demand("generator", "mapping.lr_multiplier", mapping.lr_multiplier, 0.01)
    if mapping.w_avg_beta is None:
        raise _cannot("generator", "mapping.w_avg_beta None", "an average w")


def refuse_discriminator(config: GeneratorConfig | DiscriminatorConfig) -> None:
    """
    Raises:
        UserError: the discriminator has what its file cannot hold.
    """
    if not isinstance(config, Discriminator):
        raise _cannot("discriminator", f"a {config.family} discriminator", "StyleGAN2's")
    _refuse_pyramid("discriminator", config)
    _demand("discriminator", "architecture", config.architecture, "resnet")
    _demand("discriminator", "c_dim", config.c_dim, 0)
    _demand("discriminator", "mbstd_group", config.mbstd_group, 4)
    _demand("discriminator", "mbstd_channels", config.mbstd_channels, 1)


def _refuse_pyramid(part: str, config: StyleGAN2 | Discriminator) -> None:
    _demand(part, "base", config.base, BASE)
    _demand(part, "resolution", config.resolution, (config.resolution[1], config.resolution[1]), why="squares")
    _demand(part, "img_channels", config.img_channels, 3)
    _demand(part, "conv_clamp", config.conv_clamp, None)
    taps: Taps = tuple(config.resample_filter)
    if len(taps) != TAPS or taps != taps[::-1]:
        raise _cannot(part, f"resample_filter {taps}", f"{TAPS} taps that are the same from either side")


def _demand(part: str, name: str, value: object, only: object, *, why: str = "") -> None:
    if value != only:
        raise _cannot(part, f"{name} {value}", why or f"{only}")


def _cannot(part: str, what: str, only: str) -> UserError:
    return UserError(f"{part}: rosinality's .pt cannot hold {what}, only {only}; convert to another format")


def _own(value: Tensor) -> Tensor:
    """The numbers alone, in memory of their own: what is saved is the whole memory."""
    return value.detach().cpu().float().contiguous().clone()
