"""Starting a network from another one of its family, whatever overlap of shapes they have.

Levels are matched by the size of their grid (``training/sites.py``); what each layer computes is kept as far as it can
be, not its numbers (``training/adapt.py``); what is wired, labelled or mapped otherwise starts as near to the source as
it can (``training/rewire.py``); and new levels do not spoil the picture or the score (``training/readouts.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylegans.config import DiscriminatorConfig, GeneratorConfig
from stylegans.errors import UserError
from stylegans.networks.base import DiscriminatorNetwork
from stylegans.networks.families import DISCRIMINATORS, build_discriminator, build_generator
from stylegans.training.adapt import adapt
from stylegans.training.readouts import draw, read
from stylegans.training.rewire import deepen, relabel, rewire
from stylegans.training.sites import PYRAMIDS, Fate, Match, Network, What, level_of, part_of

FIRST = ("mapping", "label embedding")
"""A generator's parts that come before its levels."""


@dataclass(frozen=True)
class Row:
    """A line of the table: what became of a part of a network."""

    network: str
    part: str
    """'mapping', '16x16', 'to-RGB 16x16', 'epilogue', …"""
    what: What
    how: str
    """In which way adapted, or why fresh; empty where there is nothing to say."""
    tensors: int
    numbers: int


def transfer(
    source_config: GeneratorConfig | DiscriminatorConfig, source_tensors: Mapping[str, Tensor], network: Network
) -> list[Row]:
    """Start ``network`` from the source's weights, in place; say what was copied, adapted and left fresh.

    Pyramids are fitted to one another. Of the other families (GAN, DCGAN, the residual networks) the tensors of
    equal name and shape are copied.

    Args:
        source_config, source_tensors: of a generator if ``network`` is one, else of a discriminator.

    Raises:
        UserError: the source is of another family, or its tensors are not those of its config.
    """
    check_family(source_config, network.config)
    source = rebuild(source_config, source_tensors).to(next(network.parameters()).device)
    with torch.no_grad():
        fates = _fit(source, network) if isinstance(network.config, PYRAMIDS) else _copy_equal(source, network)
    return table(network, fates)


def check_family(source: GeneratorConfig | DiscriminatorConfig, target: GeneratorConfig | DiscriminatorConfig) -> None:
    """
    Raises:
        UserError: the families differ: their layers do not do the same work, whatever their shapes.
    """
    if type(source) is not type(target):
        raise UserError(
            f"--from: a model of the family '{source.family}' cannot start one of '{target.family}'; "
            f"choose a preset of its family"
        )


def rebuild(config: GeneratorConfig | DiscriminatorConfig, tensors: Mapping[str, Tensor]) -> Network:
    """The network of ``config`` with its ``tensors``, in evaluation mode.

    Raises:
        UserError: they do not belong together.
    """
    build: Any = build_discriminator if type(config) in DISCRIMINATORS else build_generator
    with torch.random.fork_rng(devices=[]):  # building draws random weights; the caller's numbers stay untouched
        network: Network = build(config)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(
            f"--from: a damaged model; its weights are not those of its config ({str(error).splitlines()[-1].strip()})"
        ) from error
    return network.eval().requires_grad_(False)


def table(network: Network, fates: dict[str, Fate]) -> list[Row]:
    """One row for each part of the network, from the latent to the picture or from the picture to the score."""
    who = "discriminator" if isinstance(network, DiscriminatorNetwork) else "generator"
    tensors = network.state_dict()
    parts: dict[str, list[str]] = {}
    for name in (name for name in tensors if name in fates):
        parts.setdefault(part_of(network, name), []).append(name)
    rows = []
    for part, names in parts.items():
        whats = {fates[name].what for name in names}
        what = whats.pop() if len(whats) == 1 else "adapted"
        hows = dict.fromkeys(how for name in names for how in fates[name].how.split("; ") if how)
        numbers = sum(tensors[name].numel() for name in names)
        rows.append(Row(who, part, what, "; ".join(hows), len(names), numbers))
    return sorted(rows, key=lambda row: row.part not in FIRST) if who == "generator" else rows


def _fit(source: Network, network: Network) -> dict[str, Fate]:
    match = Match(source, network)
    for place in match.news:
        if place in match.olds:
            adapt(match, place)
        else:
            match.say(place, Fate("fresh", _why(match, place)))
    deepen(match)
    rewire(match)
    if isinstance(network, DiscriminatorNetwork):
        read(match)
        relabel(match)
    else:
        draw(match)
    return match.fates


def _why(match: Match, place: str) -> str:
    """Why the module at ``place`` has no counterpart."""
    level = level_of(place)
    if level is not None and level not in match.old_levels:
        return "no such level in the source"
    if place.partition(".")[2].startswith(("input", "epilogue")):
        return "the source's base grid is another level"
    return "not in the source"


def _copy_equal(source: Network, network: Network) -> dict[str, Fate]:
    theirs, fates = source.state_dict(), {}
    for name, tensor in network.state_dict().items():
        fits = name in theirs and theirs[name].shape == tensor.shape
        if fits:
            tensor.copy_(theirs[name])
        reason = "another shape in the source" if name in theirs else "not in the source"
        fates[name] = Fate("copied") if fits else Fate("fresh", reason)
    return fates
