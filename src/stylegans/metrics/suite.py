"""A generator, or a set of pictures, measured by any number of recipes at once against a data set.

    suite = Suite(RealFeatures(data))
    for step in suite.measure(G, recipes_of(["fd_mobilenet", "kd_mobilenet"])):
        print(step)    # Progress, and for each recipe a Measurement

The recipes over plain samples share one pass over the generated pictures, in which each network sees each picture
once. Path lengths, separability, mixing and equivariance draw pictures of their own.
"""

import time
from collections.abc import Callable, Sequence
from collections.abc import Generator as Steps
from dataclasses import dataclass, field, replace
from typing import Any

from stylegans.errors import UserError
from stylegans.files.pictures import PNG_CHANNELS
from stylegans.metrics import over_features, over_latents, over_pictures
from stylegans.metrics.attributes import AttributeClassifiers
from stylegans.metrics.collectors import Collector, Features, Patches
from stylegans.metrics.context import Context, Outcome
from stylegans.metrics.features.catalogue import Networks
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.processes import ALONE, Processes
from stylegans.metrics.reals import FEWEST, MOST_KEPT, Progress, RealFeatures
from stylegans.metrics.recipes import Kind, Recipe, recipe
from stylegans.networks.protocol import Generator, device_of

Step = Progress | Measurement

OVER_PLAIN_SAMPLES: dict[Kind, Callable[[Recipe, Any, Context], Outcome]] = {
    "frechet": over_features.compare,
    "kernel": over_features.compare,
    "precision-recall": over_features.compare,
    "density-coverage": over_features.compare,
    "inception-score": over_features.score,
    "neighbours": over_features.neighbours,
    "sliced-wasserstein": over_pictures.patches,
    "ms-ssim": over_pictures.diversity,
    "lpips": over_pictures.diversity,
}
"""(recipe, what was kept of the generated pictures, …) → the measurement."""

OVER_OWN_SAMPLES: dict[Kind, Callable[[Recipe, Context], Outcome]] = {
    "path-length": over_latents.path_length,
    "separability": over_latents.separable,
    "mixing": over_latents.mixing_table,
    "equivariance": over_latents.moving,
}

COMPARES: tuple[Kind, ...] = (
    "frechet",
    "kernel",
    "precision-recall",
    "density-coverage",
    "neighbours",
    "sliced-wasserstein",
    "mixing",
    "separability",
)
"""Kinds that cannot do without real pictures."""


FEWEST_OF: dict[Kind, int] = {"precision-recall": 8, "density-coverage": 12}
"""Pictures whose halves still have k-th nearest neighbours; other kinds need ``FEWEST``."""


@dataclass
class Suite:
    """What measures: the real pictures, the networks to see with, and how. One can measure much."""

    reals: RealFeatures | None
    """None: only what needs no real pictures can be measured."""
    networks: Networks = field(default_factory=Networks)
    seed: int = 0
    """Of the latents, the noise, the labels and the choices."""
    batch: int | None = None
    """Pictures at a time; None: what suits their size and the machine. The numbers do not depend on it."""
    resamples: int = 0
    """Of the bootstrap, for an interval beside each number that compares features; 0: none."""
    classifiers: AttributeClassifiers | None = None
    """Of the attributes that separability is about; None: learnt from the data set's labels."""
    processes: Processes = ALONE

    def check(self, subject: Generator | RealFeatures, recipes: Sequence[Recipe]) -> None:
        """Find whatever stands in the way, before any work is done.

        Raises:
            UserError: a recipe makes no sense for this generator or data set; names it and says what to do.
            MissingFile: a network's weights are not here and cannot be fetched.
        """
        context = self._context(subject)
        for one in recipes:
            check_pictures(one, context)
            if one.kind in OVER_OWN_SAMPLES:
                over_latents.check(one, context)
            self.networks.check(one)

    def measure(self, subject: Generator | RealFeatures, recipes: Sequence[Recipe]) -> Steps[Step, None, None]:
        """Measure: progress and, in the first process, a measurement per recipe.

        Args:
            subject: a generator, on the device it stands on; or pictures, on the networks' device, by what looks at
                plain samples.

        Raises:
            UserError, MissingFile: see ``check``.
        """
        self.check(subject, recipes)
        context = self._context(subject)
        plain = [fitted(one, context) for one in recipes if one.kind in OVER_PLAIN_SAMPLES]
        kept = yield from one_pass(plain, context)
        for one in sorted(plain, key=lambda one: -(one.reals or MOST_KEPT)):  # what is known of all serves some
            outcome = OVER_PLAIN_SAMPLES[one.kind](one, part_of(kept[collector_name(one)], one), context)
            yield from timed(outcome)
        for one in recipes:
            if one.kind in OVER_OWN_SAMPLES:
                yield from timed(OVER_OWN_SAMPLES[one.kind](one, context))

    def _context(self, subject: Generator | RealFeatures) -> Context:
        return Context(
            subject, self.reals, self.networks, self.seed, self.batch, self.resamples, self.classifiers, self.processes
        )


def timed(outcome: Outcome) -> Steps[Step, None, None]:
    """The steps of one metric, the measurement among them."""
    began = time.monotonic()
    found = yield from outcome
    if found is not None:
        yield replace(found, seconds=time.monotonic() - began)


def one_pass(recipes: Sequence[Recipe], context: Context) -> Steps[Progress, None, dict[str, Any]]:
    """Draw the pictures once; by ``collector_name``, what the recipes need kept of them (None in all processes but the
    first)."""
    collectors: dict[str, Collector] = {}
    for name in dict.fromkeys(map(collector_name, recipes)):
        sharing = [one for one in recipes if collector_name(one) == name]
        collectors[name] = collector(sharing[0], max(one.num for one in sharing), context)
    num, done = max((one.num for one in recipes), default=0), 0
    for numbers, images in context.pictures(num) if num else ():
        for each in collectors.values():
            each.update(numbers, images)
        done = min(num, done + len(numbers) * context.processes.count)
        yield Progress("pictures", done, num)
    kept = {}
    for name, each in collectors.items():
        shares = context.processes.gather(each.share())
        kept[name] = each.join(shares) if shares else None
    return kept


def collector_name(one: Recipe) -> str:
    """Recipes of one name share what is kept: of features each takes as many as it wants."""
    if one.kind in ("sliced-wasserstein", "ms-ssim", "lpips"):
        return one.name
    return one.network


def part_of(kept: Any, one: Recipe) -> Any:
    """Of features that recipes share, as many pictures' as this one asks for."""
    return kept[: one.num] if collector_name(one) == one.network and kept is not None else kept


def collector(one: Recipe, num: int, context: Context) -> Collector:
    """What keeps what the recipe needs, of ``num`` pictures."""
    if one.kind == "sliced-wasserstein":
        return Patches(num, seed=context.seed)
    if one.kind in ("ms-ssim", "lpips"):
        return over_pictures.pairs_of(one, num, context)
    return Features(context.networks.features(one)[0], num)


def fitted(one: Recipe, context: Context) -> Recipe:
    """The recipe for as many pictures as there are; equal, even numbers where a metric compares only those."""
    num = context.available(one.num)
    if one.kind == "sliced-wasserstein":
        num = min(num, context.real_pictures(one.name).count) // 2 * 2
    return replace(one, num=num) if num < one.num else one


def check_pictures(one: Recipe, context: Context) -> None:
    """
    Raises:
        UserError: the recipe needs real pictures and there are none, or its network cannot see such pictures, or too
            few are asked for.
    """
    channels, *_ = context.shape
    if one.network != "pixels" and channels not in PNG_CHANNELS:
        raise UserError(
            f"{one.name}: pictures of {channels} channels cannot be measured: feature networks see 1 (grey), 3 or 4 "
            f"(RGBA); swd16k and msssim10k look at any"
        )
    fewest, num = FEWEST_OF.get(one.kind, FEWEST), context.available(one.num)
    if num < fewest:
        raise UserError(f"{one.name}: --num: needs at least {fewest} pictures, not {num}")
    if one.kind in COMPARES:
        reals = context.real_pictures(one.name)
        if reals.count < fewest:
            raise UserError(f"{one.name}: --data: needs at least {fewest} real pictures, not {reals.count}")
        if reals.shape != context.shape:
            raise UserError(
                f"--data: pictures of {described(reals.shape)} do not compare with {described(context.shape)}; give "
                f"the set the model was trained on"
            )


def described(shape: tuple[int, int, int]) -> str:
    """'32x32 in 3 channels'."""
    channels, height, width = shape
    return f"{width}x{height} in {channels} channel{'s' * (channels > 1)}"


def fd_mobilenet(
    G: Generator, reals: RealFeatures, *, num: int, seed: int = 0, batch: int | None = None
) -> Measurement:
    """The Fréchet distance in MobileNetV2's features, between ``num`` generated and at most ``num`` real pictures.

    It orders models and degradations well but is no FID: its values lie elsewhere, and are biased upwards by small
    counts (strongly below 5,000), so compare only at equal ``num`` and read the value beside its floor.

    Raises:
        UserError: too few pictures, or labels that do not fit the generator.
    """
    suite = Suite(reals, Networks(device=device_of(G)), seed=seed, batch=batch)
    return last(suite.measure(G, [recipe("fd_mobilenet").with_num(num)]))


def last(steps: Steps[Step, None, None]) -> Measurement:
    """The measurement that ``steps`` end with."""
    measurements = [step for step in steps if isinstance(step, Measurement)]
    return measurements[-1]
