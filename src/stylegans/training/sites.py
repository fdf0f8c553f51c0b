"""Where the layers of a pyramid stand, said so that counterparts in two networks are called the same.

Levels are matched by the size of their grid, not by their place in the list: the generator's begin at the base grid,
the discriminator's at the full size. Where grids have other shapes (4×4, 5×3) by the power of two that stands for them.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast

from torch import nn

from stylegans.config import Discriminator, GrowingDiscriminator, ProGAN, StyleGAN, StyleGAN2
from stylegans.config.sizes import format_size, levels, nominal_resolution
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork
from stylegans.networks.pyramid import NAME as LOD

Network = GeneratorNetwork | DiscriminatorNetwork
What = Literal["copied", "adapted", "fresh"]

PYRAMIDS = (StyleGAN2, StyleGAN, ProGAN, Discriminator, GrowingDiscriminator)
"""Configs of the networks whose levels are matched."""


class Fate(NamedTuple):
    """What became of a tensor, and in which way or why."""

    what: What
    how: str = ""


class Site(NamedTuple):
    """A module that holds tensors itself, and its name in the network."""

    name: str
    module: Any


class Match:
    """Two networks of one family, their layers by place, and what became of each tensor of the new one."""

    def __init__(self, old: Network, new: Network) -> None:
        self.old, self.new = old, new
        self.olds, self.news = sites(old), sites(new)
        self.old_levels, self.new_levels = level_places(old), level_places(new)
        self.fates: dict[str, Fate] = {}

    def say(self, place: str, fate: Fate, *tensors: str) -> None:
        """Note what became of the module at ``place`` in the new network, or of these of its tensors."""
        name, module = self.news[place]
        for tensor in tensors or own_tensors(module):
            self.fates[f"{name}.{tensor}"] = fate

    @property
    def common(self) -> list[int]:
        """The levels that both have, the coarsest first."""
        return sorted(set(self.old_levels) & set(self.new_levels))


def site(network: Network, name: str) -> str:
    """Where the module ``name`` stands: 'synthesis.blocks.2.conv0' of a generator from 4² up is '16.conv0'.

    The mapping's last layer is 'mapping.layers.last', however many there are before it.
    """
    if name.startswith("mapping"):
        depth = len(getattr(network.mapping, "layers", ()))
        return "mapping.layers.last" if name == f"mapping.layers.{depth - 1}" else name
    base = cast(Any, network.config).base
    level, rest = 0, name.removeprefix("synthesis.")
    block = re.fullmatch(r"blocks\.(\d+)\.(.*)", rest)
    if block:
        place, rest = int(block[1]), block[2]
        top = levels(base, network.img_resolution) - 1
        level = place if isinstance(network, GeneratorNetwork) else top - place
    elif rest == "epilogue.from_rgb":
        rest = "from_rgb"
    return f"{nominal_resolution(base, level)}.{rest}"


def sites(network: Network) -> dict[str, Site]:
    """Place → module, in the order of the network. The stage of growth is the training's and left out."""
    found: dict[str, Site] = {}
    for key in network.state_dict():
        name, _, tensor = key.rpartition(".")
        if tensor != LOD:
            found[site(network, name)] = Site(name, network.get_submodule(name))
    return found


def level_places(network: Network) -> list[int]:
    """The levels by which places are named, the coarsest first."""
    base = cast(Any, network.config).base
    return [nominal_resolution(base, level) for level in range(levels(base, network.img_resolution))]


def grid_of(network: Network, level: int) -> tuple[int, int]:
    """(height, width) of the level named ``level``."""
    (height, width), step = cast(Any, network.config).base, level_places(network).index(level)
    return height << step, width << step


def level_of(place: str) -> int | None:
    """The level of ``place``; None in the mapping network."""
    level = place.partition(".")[0]
    return int(level) if level.isdigit() else None


def wiring(network: Network) -> str:
    """'grow' where every level draws, or reads, a whole picture: all of the older families."""
    return getattr(network.config, "architecture", "grow")


def own_tensors(module: nn.Module) -> Iterator[str]:
    """Names of the tensors that ``module`` holds itself and a file keeps."""
    return (name for name in module.state_dict() if "." not in name)


def part_of(network: Network, name: str) -> str:
    """What a reader calls the part of the network that the tensor ``name`` belongs to."""
    label = "label " if isinstance(network, DiscriminatorNetwork) else ""
    if name.startswith("mapping."):
        return "label embedding" if name.startswith("mapping.embed") else f"{label}mapping"
    if not isinstance(network.config, PYRAMIDS):
        first = re.match(r"(?:synthesis\.)?((?:blocks|layers)\.\d+|\w+)", name)
        return first[1].replace("blocks.", "block ").replace("layers.", "layer ") if first else name
    place = site(network, name.rpartition(".")[0])
    rest = place.partition(".")[2]
    size = format_size(grid_of(network, level_of(place) or 0))
    for layer, called in (("to_rgb", "to-RGB"), ("from_rgb", "from-RGB"), ("input", "input")):
        if rest.partition(".")[0] == layer:
            return f"{called} {size}"
    if rest.startswith("epilogue"):
        return "score" if rest == "epilogue.out" else "epilogue"
    return size
