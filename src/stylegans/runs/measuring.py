"""The metrics of a run: which, of how many pictures, seen by what. Their seed is 0 whatever the run's is."""

from collections.abc import Sequence

import torch

from stylegans.config import Run
from stylegans.data.images import ImageDataset
from stylegans.metrics.features.catalogue import Networks
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.recipes import Recipe, recipes_of
from stylegans.metrics.suite import Suite
from stylegans.networks.base import GeneratorNetwork
from stylegans.networks.families import build_generator
from stylegans.networks.protocol import device_of
from stylegans.runs.report import Comparison

NUM = 1000
"""Pictures of a metric that runs offline, unless the run says otherwise: some seconds' worth. A published name keeps
its own number."""


def recipes(config: Run) -> tuple[Recipe, ...]:
    """What the run measures.

    Raises:
        UserError: an unknown metric.
    """
    num = config.outputs.metric_num
    return tuple(
        one.with_num(num) if num is not None else one.with_num(min(NUM, one.num)) if one.is_offline else one
        for one in recipes_of(config.outputs.metrics)
    )


def check(config: Run, data: ImageDataset) -> None:
    """Find before anything is trained whether the run can be measured.

    Raises:
        UserError: a metric makes no sense for these networks or this set.
        MissingFile: a metric's network is not here and cannot be fetched.
    """
    if config.outputs.metrics:
        with torch.device("meta"):  # shapes alone
            G = build_generator(config.generator)
        Suite(RealFeatures(data), Networks(config.outputs.features)).check(G, recipes(config))


def measure(G: GeneratorNetwork, reals: RealFeatures, config: Run) -> list[Measurement]:
    """The run's metrics of ``G``, in their order.

    Raises:
        UserError, MissingFile: as ``check``.
    """
    wanted = recipes(config)
    suite = Suite(reals, Networks(config.outputs.features, device=device_of(G)))
    found = {step.name: step for step in suite.measure(G, wanted) if isinstance(step, Measurement)}
    return [found[one.name] for one in wanted]


def compared_by(measured: Sequence[Measurement]) -> Comparison | None:
    """The first number that is the better the lower, or the higher, it is; None: there is none."""
    for one in measured:
        if one.better:
            return Comparison(next(iter(one.values)), one.better)
    return None
