"""The papers' tables: one function per row, returning a complete run, whose docstring's first line says what it is."""

from collections.abc import Callable

from stylegans.config import Run
from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.presets import (
    dcgan,
    gan,
    progan,
    small,
    sngan,
    stylegan,
    stylegan2,
    stylegan2_ada,
    stylegan3,
    wgan,
    wgan_gp,
)

FITTED: dict[str, Callable[..., Run]] = {
    "stylegan2-ada": stylegan2_ada.fitted,
    "stylegan3-t": stylegan3.config_t,
    "stylegan3-r": stylegan3.config_r,
}
"""Presets with rules of their own for the size of the pictures and the batch."""

PRESETS: dict[str, Callable[[], Run]] = {
    "stylegan3-t": stylegan3.config_t,
    "stylegan3-r": stylegan3.config_r,
    "stylegan2-ada": stylegan2_ada.fitted,
    "stylegan2-ada-256": stylegan2_ada.ada_256,
    "stylegan2-ada-512": stylegan2_ada.ada_512,
    "stylegan2-ada-1024": stylegan2_ada.ada_1024,
    "stylegan2-ada-cifar": stylegan2_ada.cifar,
    "stylegan2": stylegan2.config_f,
    "stylegan2-a": stylegan2.config_a,
    "stylegan2-b": stylegan2.config_b,
    "stylegan2-c": stylegan2.config_c,
    "stylegan2-d": stylegan2.config_d,
    "stylegan2-e": stylegan2.config_e,
    "stylegan2-f": stylegan2.config_f,
    **{f"stylegan2-e-g{g}-d{d}": stylegan2.config_e_wired(g, d) for g in stylegan2.WIRINGS for d in stylegan2.WIRINGS},
    "stylegan": stylegan.config_f,
    "stylegan-a": stylegan.config_a,
    "stylegan-b": stylegan.config_b,
    "stylegan-c": stylegan.config_c,
    "stylegan-d": stylegan.config_d,
    "stylegan-e": stylegan.config_e,
    "stylegan-f": stylegan.config_f,
    "stylegan-mixing-0": stylegan.mixing_0,
    "stylegan-mixing-50": stylegan.mixing_50,
    "stylegan-mixing-90": stylegan.mixing_90,
    "stylegan-mixing-100": stylegan.mixing_100,
    "stylegan-traditional-0": stylegan.traditional_0,
    "stylegan-traditional-8": stylegan.traditional_8,
    "stylegan-depth-0": stylegan.depth_0,
    "stylegan-depth-1": stylegan.depth_1,
    "stylegan-depth-2": stylegan.depth_2,
    "stylegan-depth-8": stylegan.depth_8,
    "progan": progan.progan,
    "sngan": sngan.sngan,
    "wgan-gp": wgan_gp.wgan_gp,
    "wgan": wgan.wgan,
    "dcgan": dcgan.dcgan,
    "gan": gan.gan,
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


def fitted(name: str, size: Size, *, batch: int | None = None) -> Run:
    """The run called ``name`` for pictures of ``size``, by the preset's own rules where it has any.

    Args:
        size: (height, width).
        batch: that the rules should go by; None: their own.
    """
    return FITTED[name](size, batch) if name in FITTED else get(name)


def describe(name: str) -> str:
    """What a preset is, in one line."""
    return (PRESETS[name].__doc__ or "").strip().splitlines()[0]
