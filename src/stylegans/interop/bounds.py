"""What a foreign file's options may ask for: types as our configs state them, and sizes that its tensors can have.

Options are read before tensors are compared with them; without bounds a few bytes could ask for a billion layers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from stylegans.config.codec import from_dict, to_dict
from stylegans.errors import UserError

C = TypeVar("C")

LARGEST = {"resolution": 1 << 13, "channel_base": 1 << 22, "channel_max": 1 << 16, "z_dim": 1 << 16, "w_dim": 1 << 16,
           "c_dim": 1 << 20, "hidden_dim": 1 << 16, "embed_dim": 1 << 16, "cmap_dim": 1 << 16,
           "mapping_hidden_dim": 1 << 16, "mapping_embed_dim": 1 << 16, "mbstd_group": 1 << 20}  # fmt: skip
"""Option → its largest value."""

OTHERWISE = 128
"""The largest whole number of any other option, and the longest list."""

LONGEST_WORD = 200

DEEPEST = 3
"""Groups of options within groups."""


def plain(value: Any, *, depth: int = DEEPEST) -> Any:
    """An option as a file states it: a number, a word, None, a list of these, or a group of options by name.

    Raises:
        UserError: it is something else, or too much of it.
    """
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    if isinstance(value, str) and len(value) <= LONGEST_WORD:
        return value
    if isinstance(value, list | tuple) and depth and len(value) <= OTHERWISE:
        return [plain(part, depth=0) for part in value]
    if isinstance(value, Mapping) and depth and len(value) <= OTHERWISE:
        return {plain(name, depth=0): plain(part, depth=depth - 1) for name, part in value.items()}
    raise UserError("options of another kind than numbers, words and short lists of them")


def checked(config: C, *, tensors: int) -> C:
    """``config``, its values of the types that its fields have, if no option asks for more than ``tensors`` can hold.

    Raises:
        UserError: one has another type or is out of bounds.
    """
    config = from_dict(type(config), to_dict(config), where="options")
    for name, value in _numbers(config):
        largest = min(tensors, OTHERWISE) if name.endswith("layers") else LARGEST.get(name, OTHERWISE)
        if not -1 <= value <= largest:
            raise UserError(f"options that its tensors do not bear out: {name} {value}")
    return config


def _numbers(config: Any) -> Iterator[tuple[str, int]]:
    """Whole numbers and lengths of lists: name → value."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from _numbers(value)
        elif isinstance(value, tuple) and field.name not in ("resolution", "base"):
            yield field.name, len(value)
        elif isinstance(value, tuple):
            yield from ((field.name, side) for side in value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield field.name, value
