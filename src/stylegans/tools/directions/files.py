"""Directions in the latent space as files: small safetensors, a tensor for each by its name.

The metadata say ``format`` (stylegans-direction), ``version``, ``family``, ``model`` (the fingerprint of its weights),
``space``, ``w_dim``, ``num_ws``, and ``directions``: JSON, in order, with every direction's method, unit, layers and
facts.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.tensors import read_header, read_tensors, write_tensors
from stylegans.networks.protocol import Generator
from stylegans.tools.directions.spread import Space, space_of
from stylegans.tools.latents import fingerprint

Method = Literal["sefa", "pca", "boundary", "difference"]

FORMAT, VERSION = "stylegans-direction", "1"
RESERVED = ",:=/\\"
"""What a name cannot hold: on the command line it stands beside these."""


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction in a model's latent space."""

    name: str
    vector: Tensor
    """[w_dim], the same for every layer, or [num_ws, w_dim]."""
    unit: float = 1.0
    """What a strength of 1 multiplies ``vector`` by: such that strengths count standard deviations of the model's own
    latents along it."""
    method: str = ""
    layers: tuple[int, ...] | None = None
    """The ws it belongs to; None: all."""
    space: Space = "w"
    family: str = ""
    """Of the model it was found in; '' where it is not known."""
    model: str = ""
    """The fingerprint of that model's weights; '' where it is not known."""
    num_ws: int = 0
    """Of that model; 0 where it is not known."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What its method says of it: eigenvalue, share of the variance, accuracy …"""

    @property
    def step(self) -> Tensor:
        """What a strength of 1 adds: ``vector`` · ``unit``."""
        return self.vector * self.unit

    @property
    def deviation(self) -> float:
        """The standard deviation of the model's latents along it: the length of ``step``."""
        return float(self.vector.double().norm()) * self.unit


@dataclass(frozen=True, eq=False)
class Found:
    """What a method says of one direction."""

    name: str
    vector: Tensor
    """[w_dim]."""
    deviation: float
    """The standard deviation of the model's latents along it."""
    facts: Mapping[str, float] = field(default_factory=dict)


def directions_of(
    G: Generator, found: Iterable[Found], *, method: Method, layers: Sequence[int] | None = None
) -> tuple[Direction, ...]:
    """What was ``found`` in ``G``, as its directions."""
    model, space = fingerprint(G), space_of(G)
    family = str(getattr(getattr(G, "config", None), "family", ""))
    return tuple(
        Direction(
            name=one.name,
            vector=one.vector.detach().float().cpu(),
            unit=one.deviation / float(one.vector.double().norm()),
            method=method,
            layers=None if layers is None else tuple(layers),
            space=space,
            family=family,
            model=model,
            num_ws=G.num_ws,
            facts=one.facts,
        )
        for one in found
    )


def write_directions(path: str | Path, directions: Sequence[Direction]) -> None:
    """Write directions of one model as one file, whole or not at all. Equal directions give equal bytes.

    Raises:
        UserError: two have one name, or a name holds a character of ``RESERVED``.
        ValueError: there are none, or they are of several models.
    """
    models = {(each.family, each.model, each.space, each.vector.shape[-1], each.num_ws) for each in directions}
    if len(models) != 1:
        raise ValueError("one file holds the directions of one model")
    for name in (names := [each.name for each in directions]):
        check_name(name)
        if names.count(name) > 1:
            raise UserError(f"{Path(path).name}: two directions are called '{name}'; give each its own name")
    ((family, model, space, w_dim, num_ws),) = models
    about = {
        each.name: {
            "method": each.method,
            "unit": each.unit,
            "layers": None if each.layers is None else list(each.layers),
            "facts": dict(each.facts),
        }
        for each in directions
    }
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "family": family,
        "model": model,
        "space": space,
        "w_dim": str(w_dim),
        "num_ws": str(num_ws),
        "directions": json.dumps(about),
    }
    write_tensors(path, {each.name: each.vector.float() for each in directions}, metadata=metadata)


def read_directions(path: str | Path) -> tuple[Direction, ...]:
    """The directions of a file, in the order in which they were found.

    Raises:
        MissingFile: there is no such file.
        UserError: it holds something else, or is damaged; names the file.
    """
    header = read_header(path)
    metadata = header.metadata
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path}: no directions; stylegans edit find writes such files")
    if metadata.get("version") != VERSION:
        raise UserError(f"{path}: directions of another version of stylegans; upgrade it")
    tensors = read_tensors(path)
    try:
        about: dict[str, Any] = json.loads(metadata["directions"])
        found = tuple(
            Direction(
                name=name,
                vector=tensors[name].float(),
                unit=float(one["unit"]),
                method=str(one["method"]),
                layers=None if one["layers"] is None else tuple(int(layer) for layer in one["layers"]),
                space="z" if metadata["space"] == "z" else "w",
                family=metadata["family"],
                model=metadata["model"],
                num_ws=int(metadata["num_ws"]),
                facts={key: float(value) for key, value in one["facts"].items()},
            )
            for name, one in about.items()
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged directions ({error})") from error
    for each in found:
        if each.vector.ndim not in (1, 2) or not each.vector.numel() or not torch.isfinite(each.step).all():
            raise UserError(f"{path}: damaged: {each.name} should be finite numbers, [w_dim] or [num_ws, w_dim]")
    if not found:
        raise UserError(f"{path}: holds no direction")
    return found


def check_fits(direction: Direction, G: Generator, *, where: str) -> None:
    """
    Raises:
        UserError: the direction is of another space than the model's; begins with ``where``, its file or option.
    """
    width = direction.vector.shape[-1]
    if width != G.w_dim:
        raise UserError(
            f"{where}: {direction.name} has {width} numbers, but this model's latents have {G.w_dim}; "
            "is it another model's?"
        )
    if direction.space != space_of(G):
        raise UserError(f"{where}: {direction.name} is a direction in {direction.space}; this model has {space_of(G)}")
    if direction.vector.ndim == 2 and direction.vector.shape[0] != G.num_ws:
        raise UserError(
            f"{where}: {direction.name} has a vector for each of {direction.vector.shape[0]} layers, but this model "
            f"has {G.num_ws}; is it another model's?"
        )
    if direction.layers is not None and max(direction.layers, default=0) >= G.num_ws:
        raise UserError(
            f"{where}: {direction.name} belongs to layers up to {max(direction.layers)}, but this model has "
            f"{G.num_ws}; choose others with --layers, or is it another model's?"
        )


def check_name(name: str, *, option: str = "--name") -> None:
    """
    Raises:
        UserError: it is empty, or holds a character of ``RESERVED``.
    """
    if not name.strip() or any(character in RESERVED for character in name) or name.startswith("__"):
        raise UserError(f"{option}: '{name}' is no name for a direction; use letters and digits, without , : = or /")
