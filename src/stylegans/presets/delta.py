"""A row of a table from the row above it: the same run with a few fields changed."""

from dataclasses import replace
from typing import Any

from stylegans.config import Run


def named(run: Run, preset: str) -> Run:
    return replace(run, preset=preset)


def generator(run: Run, **changes: Any) -> Run:
    return replace(run, generator=replace(run.generator, **changes))


def mapping(run: Run, **changes: Any) -> Run:
    """The run with another mapping network; only for generators that have one."""
    return generator(run, mapping=replace(run.generator.mapping, **changes))  # type: ignore[union-attr]


def discriminator(run: Run, **changes: Any) -> Run:
    return replace(run, discriminator=replace(run.discriminator, **changes))


def training(run: Run, **changes: Any) -> Run:
    return replace(run, training=replace(run.training, **changes))
