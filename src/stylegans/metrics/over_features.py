"""Metrics of two sets of features: Fréchet and kernel distances, precision and recall, density and coverage, the
inception score, and the nearest training pictures."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch

from stylegans.metrics import memorisation
from stylegans.metrics.bootstrap import interval
from stylegans.metrics.context import Context, Outcome
from stylegans.metrics.density_coverage import density_coverage
from stylegans.metrics.features.network import Classifier
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.inception_score import inception_score, softmax
from stylegans.metrics.kernel import kernel_distance
from stylegans.metrics.neighbours import nearest, nearest_others
from stylegans.metrics.precision_recall import precision_recall
from stylegans.metrics.reals import RealSet, real_set
from stylegans.metrics.recipes import Kind, Recipe

Comparison = Callable[[np.ndarray, RealSet, Context], dict[str, float]]
"""(features [N, dim] of generated pictures, the real ones, …) → values by what is added to the recipe's name."""


def frechet(generated: np.ndarray, real: RealSet, context: Context) -> dict[str, float]:
    """The Fréchet distance."""
    return {"": frechet_distance(statistics(generated), real.gaussian)}


def kernel(generated: np.ndarray, real: RealSet, context: Context) -> dict[str, float]:
    """The kernel distance, over a hundred subsets of at most a thousand pictures."""
    return {"": kernel_distance(generated, real.features, random=np.random.RandomState(context.seed)).mean}


def manifolds(generated: np.ndarray, real: RealSet, context: Context) -> dict[str, float]:
    """Precision and recall."""
    return asdict(precision_recall(generated, real.features, device=context.device))


def balls(generated: np.ndarray, real: RealSet, context: Context) -> dict[str, float]:
    """Density and coverage."""
    return asdict(density_coverage(generated, real.features, device=context.device))


COMPARISONS: dict[Kind, Comparison] = {
    "frechet": frechet,
    "kernel": kernel,
    "precision-recall": manifolds,
    "density-coverage": balls,
}


def compare(one: Recipe, features: np.ndarray | None, context: Context) -> Outcome:
    """A comparison with the real pictures, of those with each other, and an interval if one is asked for."""
    real = yield from context.real_set(one)
    if features is None or real is None:
        return None
    comparison = COMPARISONS[one.kind]
    values = comparison(features, real, context)

    def one_value(name: str) -> Callable[[np.ndarray, np.ndarray], float]:
        return lambda a, b: comparison(a, real_set(b), context)[name]

    bounds = {
        name: interval(one_value(name), features, real.features, resamples=context.resamples, seed=context.seed)
        for name in (values if context.resamples else ())
    }
    return context.measurement(
        one,
        values,
        num=len(features),
        num_real=real.gaussian.count,
        real=halves_apart(one.kind, real, context),
        intervals=bounds,
    )


def halves_apart(kind: Kind, real: RealSet, context: Context) -> dict[str, float]:
    """The comparison of two random halves of the real pictures."""

    def work_out() -> dict[str, float]:
        first, second = real.halves(context.seed)
        return COMPARISONS[kind](first.features, second, context)

    return real.once((kind, context.seed), work_out)


SHOWN, NEIGHBOURS_SHOWN = 8, 5
"""Rows of each kind, and training pictures in a row, of the figure."""


def neighbours(one: Recipe, features: np.ndarray | None, context: Context) -> Outcome:
    """How near generated pictures are to their nearest training pictures, and a figure: the ones nearest to any, then
    the first of the seed, each beside its nearest."""
    real = yield from context.real_set(one)
    if features is None or real is None:
        return None
    found = nearest(features, real.features, 1, device=context.device).distances[:, 0]
    others = real.once(
        "nearest others", lambda: nearest_others(real.features, 1, device=context.device).distances[:, 0]
    )
    summary = memorisation.compare(found, others)
    rows = np.concatenate([np.argsort(found, kind="stable")[:SHOWN], np.arange(min(SHOWN, len(features)))])
    beside = nearest(features[rows], real.features, min(NEIGHBOURS_SHOWN, len(real.features)), device=context.device)
    reals = context.real_pictures(one.name)
    training = reals.some(reals.chosen(context.choice(one))[beside.indices])
    return context.measurement(
        one,
        {"ratio": summary.ratio, "copies": summary.copies},
        num=len(features),
        num_real=real.gaussian.count,
        details=asdict(summary),
        figures={one.name: memorisation.figure(context.these(rows, num=one.num), training)},
        note="; distance to the nearest training picture over that of training pictures among themselves, and the "
        "share nearer than 1 % of those",
    )


def score(one: Recipe, features: np.ndarray | None, context: Context) -> Outcome:
    """The inception score, by the classifier that the recipe's network ends in."""
    yield from ()
    if features is None:
        return None
    found = inception_score(softmax(logits(features, context.networks(one)[0], context)), splits=min(10, len(features)))
    return context.measurement(one, asdict(found), num=len(features))


@torch.no_grad()
def logits(features: np.ndarray, network: Classifier, context: Context) -> np.ndarray:
    """Features [N, dim] → logits [N, classes]."""
    parts = torch.from_numpy(features).split(1000)
    return torch.cat([network.logits(part.to(context.device)).cpu() for part in parts]).numpy()
