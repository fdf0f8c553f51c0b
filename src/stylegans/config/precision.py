"""Which networks compute in reduced precision, and from which resolution up.

bfloat16 has float32's range and 8 bits; float16 has 11, and infinity comes after 65504: it needs activations that are
clamped, as in the published mixed-precision networks (StyleGAN2-ADA, StyleGAN3).
"""

from dataclasses import fields, replace
from typing import Any, Literal

from stylegans.config.networks import Discriminator, GrowingDiscriminator, ProGAN, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.config.run import Run

Reduced = Literal["bfloat16", "float16"]

BFLOAT16_FROM = 32
"""The smallest resolution in bfloat16: below, the convolutions are too small to gain from it."""

FLOAT16_LEVELS, FLOAT16_FROM = 4, 8
"""Published: the four finest resolutions in float16, none below 8."""

FLOAT16_CLAMP = 256.0
"""Published: the bound on activations."""

CLAMPED = (StyleGAN2, StyleGAN3, Discriminator)
"""Networks whose activations can be clamped."""

REDUCIBLE = (ProGAN, StyleGAN, *CLAMPED, GrowingDiscriminator)
"""Networks with levels that can compute in bfloat16."""


def reduced_from(precision: Reduced, resolution: int) -> int:
    """The smallest resolution that computes in ``precision``, of a network whose largest is ``resolution``.

    Of StyleGAN3 these are the sampling rates of its layers.
    """
    if precision == "bfloat16":
        return BFLOAT16_FROM
    return max(resolution >> (FLOAT16_LEVELS - 1), FLOAT16_FROM)


def why_not(run: Run, precision: Reduced) -> str | None:
    """Why the run's networks and losses cannot be in ``precision``; None: they can."""
    capable = REDUCIBLE if precision == "bfloat16" else CLAMPED
    for network in (run.generator, run.discriminator):
        if not isinstance(network, capable):
            what = "in float32 only" if precision == "bfloat16" else "not in float16, their activations being unbounded"
            return f"the networks of family {network.family} compute {what}"
    if run.training.penalty == "approx":
        return f"--penalty approx needs more digits than {precision} has"
    return None


def with_clamp(run: Run) -> Run:
    """A run in float16 with clamped activations; other runs as they are."""
    if run.training.precision != "float16":
        return run
    return replace(run, generator=_clamped(run.generator), discriminator=_clamped(run.discriminator))


def _clamped(network: Any) -> Any:
    has_clamp = any(field.name == "conv_clamp" for field in fields(network))
    return replace(network, conv_clamp=FLOAT16_CLAMP) if has_clamp and network.conv_clamp is None else network
