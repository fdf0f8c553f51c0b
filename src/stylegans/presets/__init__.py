"""The papers' tables: one function per row, returning a complete run, whose docstring's first line says what it is."""

from collections.abc import Callable

from stylegans.config import Run
from stylegans.errors import UserError
from stylegans.presets import small, stylegan2

PRESETS: dict[str, Callable[[], Run]] = {
    "stylegan2": stylegan2.config_f,
    "stylegan2-f": stylegan2.config_f,
    "small-64": small.small_64,
    "small-32": small.small_32,
    "tiny": small.tiny,
}


def get(name: str) -> Run:
    """The run called ``name``.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if name not in PRESETS:
        raise UserError(f"'{name}' is not a preset; there are {', '.join(PRESETS)}")
    return PRESETS[name]()


def describe(name: str) -> str:
    """What a preset is, in one line."""
    return (PRESETS[name].__doc__ or "").strip().splitlines()[0]
