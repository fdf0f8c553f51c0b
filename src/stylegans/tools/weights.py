"""Generators as weights, to be summed or put together: read from files of any format, compared, written again.

What files say of themselves is joined: a mean of two models was trained on both data sets, and is under both licences.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegans import models
from stylegans.config import GeneratorConfig
from stylegans.config.codec import FAMILY, flatten, from_dict
from stylegans.errors import UserError
from stylegans.files.model_file import ModelInfo, read_model_info, write_model
from stylegans.files.tensors import read_tensors
from stylegans.interop.foreign import Part

BETWEEN_LICENCES, BETWEEN_DATA = "; ", ", "


@dataclass(frozen=True)
class Notes:
    """What a model file says of itself, to be passed on to what is made of it."""

    data: str = ""
    """What it was trained on."""
    licence: str = ""
    labels: str = ""
    """'classes', 'vectors', or empty where there are none or it is not known."""


@dataclass(frozen=True)
class Weights:
    """A generator as numbers."""

    config: GeneratorConfig
    state: dict[str, Tensor]
    notes: Notes = Notes()

    @property
    def outline(self) -> "Outline":
        return Outline(self.config, {name: tuple(tensor.shape) for name, tensor in self.state.items()})


@dataclass(frozen=True)
class Outline:
    """What two generators must have in common to be summed or put together."""

    config: GeneratorConfig
    shapes: Mapping[str, tuple[int, ...]]
    """Name → shape, of every tensor."""


def read_generator(file: Path, part: str | None = None) -> Weights:
    """The generator in a file that ``models.find`` found.

    Args:
        part: None: the first of 'generator_ema' and 'generator' that it holds.

    Raises:
        UserError: it is no model, or holds no such generator.
    """
    if models.is_ours(file):
        info = read_model_info(file)
        part = part or models.default_part(info, file)
        notes = Notes(info.data, info.licence, info.labels)
        return Weights(_config(file, info, part), read_tensors(file, prefix=f"{part}."), notes)
    foreign = models.read_foreign(file)
    found = foreign.parts[part or models.default_part(foreign, file)]
    return Weights(found.config, dict(found.state), Notes(foreign.data, foreign.licence))  # type: ignore[arg-type]


def write_generator(path: str | Path, weights: Weights) -> None:
    """Write a model file of the one part 'generator_ema'.

    Raises:
        OSError: it cannot be written.
    """
    config, notes = weights.config, weights.notes
    write_model(
        path,
        {"generator_ema": (config, weights.state)},
        family=config.family,
        data=notes.data,
        licence=notes.licence,
        labels=notes.labels,
    )


def quick_outline(file: Path, part: str | None = None) -> Outline | None:
    """The outline of a generator in a file of ours, without its weights; None for another program's file.

    Raises:
        UserError: it is no model, or holds no generator.
    """
    if not models.is_ours(file):
        return None
    info = read_model_info(file)
    prefix = f"{part or models.default_part(info, file)}."
    shapes = {name.removeprefix(prefix): s for name, s in info.header.shapes.items() if name.startswith(prefix)}
    return Outline(_config(file, info, prefix[:-1]), shapes)


def refuse_difference(
    first: Outline, other: Outline, *, names: tuple[object, object], why: str, but: tuple[str, ...] = ()
) -> None:
    """
    Args:
        names: of the two files.
        why: the two should be alike; the end of the message.
        but: beginnings of the names of what may differ: fields of the config, like 'mapping.', or tensors.

    Raises:
        UserError: they differ in config or shape; names the first thing that does.
    """
    for mine, theirs in ((_flat(first.config), _flat(other.config)), (first.shapes, other.shapes)):
        for name in dict.fromkeys([*mine, *theirs]):
            if mine.get(name) != theirs.get(name) and not name.startswith(but):
                raise UserError(
                    f"{names[1]}: its {name} is {theirs.get(name)}, that of {names[0]} {mine.get(name)}; {why}"
                )


def joined(several: Iterable[Notes]) -> Notes:
    """The notes of what is made of all of these: every data set and every licence, once each.

    What labels are is said where all that say it agree.
    """
    every = list(several)
    labels = {notes.labels for notes in every if notes.labels}
    return Notes(
        data=_join((notes.data for notes in every), BETWEEN_DATA),
        licence=_join((notes.licence for notes in every), BETWEEN_LICENCES),
        labels=labels.pop() if len(labels) == 1 else "",
    )


def as_part(weights: Weights) -> Part:
    """For ``models.build``."""
    return Part(weights.config, weights.state)


def _join(texts: Iterable[str], between: str) -> str:
    """Each part of the texts once, in their order; a text may be of several parts already."""
    return between.join(dict.fromkeys(part for text in texts if text for part in text.split(between)))


def _config(file: Path, info: ModelInfo, part: str) -> GeneratorConfig:
    values = {FAMILY: info.family} | info.configs[part]
    kind: Any = GeneratorConfig
    return from_dict(kind, values, where=f"{file}: config of {part}")


def _flat(config: GeneratorConfig) -> dict[str, object]:
    return {FAMILY: config.family} | flatten(config)
