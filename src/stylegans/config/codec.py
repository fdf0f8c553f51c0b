"""Configs to JSON and back. Reading is strict: an unknown key or a wrong type is an error that names it."""

import dataclasses
import json
import types
import typing
from typing import Any, Literal, TypeVar

from stylegans.errors import UserError

C = TypeVar("C")

FAMILY = "family"
"""The key that says which of the networks a config is of."""


def to_dict(config: Any) -> Any:
    """A config as plain dictionaries, lists, strings and numbers. A network's says its family."""
    if dataclasses.is_dataclass(config):
        family = getattr(config, FAMILY, None)
        return ({FAMILY: family} if family else {}) | {
            f.name: to_dict(getattr(config, f.name)) for f in dataclasses.fields(config)
        }
    if isinstance(config, tuple):
        return [to_dict(item) for item in config]
    return config


def from_dict(kind: type[C], values: Any, *, where: str = "config") -> C:
    """Rebuild a config of type ``kind``. Fields that are absent take their defaults.

    Raises:
        UserError: a key is unknown or a value has another type; the message gives its path.
    """
    return typing.cast(C, _read(kind, values, where))


def to_json(config: Any) -> str:
    return json.dumps(to_dict(config), indent=2) + "\n"


def from_json(kind: type[C], text: str, *, where: str = "config") -> C:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON ({error})") from error
    return from_dict(kind, values, where=where)


def flatten(config: Any, *, prefix: str = "") -> dict[str, Any]:
    """A config as one level of 'training.batch' → value, to compare two of them field by field."""
    flat: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        name = f"{prefix}{f.name}"
        flat |= flatten(value, prefix=f"{name}.") if dataclasses.is_dataclass(value) else {name: value}
    return flat


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        options = typing.get_args(kind)
        if value is None and type(None) in options:
            return None
        kinds = [option for option in options if option is not type(None)]
        return _read(kinds[0] if len(kinds) == 1 else _of_family(kinds, value, where), value, where)
    if origin is Literal:
        if value in typing.get_args(kind):
            return value
        raise UserError(f"{where}: {value!r} is none of {', '.join(map(repr, typing.get_args(kind)))}")
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise UserError(f"{where}: {value!r} is not of type {kind.__name__}")


def _of_family(kinds: list[Any], value: Any, where: str) -> Any:
    """The one of several network configs that ``value`` is of."""
    families = {kind.family: kind for kind in kinds}
    family = value.get(FAMILY) if isinstance(value, dict) else None
    if family not in families:
        raise UserError(f"{where}.{FAMILY}: {family!r} is none of {', '.join(map(repr, families))}")
    return families[family]


def _read_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected the fields of {kind.__name__}, found {value!r}")
    if hasattr(kind, FAMILY):
        value = dict(value)
        if value.pop(FAMILY, kind.family) != kind.family:
            raise UserError(f"{where}: not the config of a {kind.family} network")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(value) - {f.name for f in dataclasses.fields(kind)})
    if unknown:
        raise UserError(f"{where}: unknown field {unknown[0]!r} for {kind.__name__} (from a newer version?)")
    return kind(**{name: _read(hints[name], item, f"{where}.{name}") for name, item in value.items()})


def _read_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise UserError(f"{where}: expected a list, found {value!r}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_read(items[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(items) != len(value):
        raise UserError(f"{where}: expected {len(items)} values, found {len(value)}")
    return tuple(_read(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(items, value, strict=True)))
