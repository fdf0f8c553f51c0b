"""The StyleGAN family in one package.

    import stylegans
    G = stylegans.load("model.safetensors")
    images = G(z)                                      # [N, C, H, W], about [-1, 1]

This module is a table of the public names. It imports nothing until a name is used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylegans.errors import MissingFile, RunFailed, UserError
    from stylegans.models import load
    from stylegans.runs.machine import tune_allocator

    __version__: str

_HOMES = {
    "MissingFile": "stylegans.errors",
    "RunFailed": "stylegans.errors",
    "UserError": "stylegans.errors",
    "load": "stylegans.models",
    "tune_allocator": "stylegans.runs.machine",
}
"""Public name → the module it lives in."""

__all__ = ["MissingFile", "RunFailed", "UserError", "__version__", "load", "tune_allocator"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("stylegans")
    if name not in _HOMES:
        raise AttributeError(f"module 'stylegans' has no attribute '{name}'")
    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # looked up once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
