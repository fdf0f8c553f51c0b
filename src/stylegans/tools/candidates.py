"""What could be trained on these pictures: the sizes, the configuration at each, and what the time is enough for.

What no paper says is a rule of thumb of ours, named as a constant.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace

from stylegans.augment import pipeline
from stylegans.config import Pipe, Run
from stylegans.config.adjust import (
    validate,
    with_augment,
    with_batch,
    with_channels,
    with_labels,
    with_size,
    with_width,
)
from stylegans.config.sizes import Size, halvings, is_good
from stylegans.data.sizing import default_size
from stylegans.errors import UserError
from stylegans.presets import fitted
from stylegans.tools.survey import Facts, Machine
from stylegans.tools.trial import Trial, work

AUGMENT_UP_TO = 30_000
"""With more pictures augmentation gains little: a rule of thumb."""

USEFUL_SHARE = 0.2
"""Pictures are reasonable after this share of a preset's length: a rule of thumb."""

SMALLEST, LARGEST = 32, 1024
"""Shorter side of the smallest, longer side of the largest size that is recommended."""

USUAL = {True: 256, False: 64}
"""The side that is recommended untried, on a GPU and on a CPU."""

SHARED = 0.8
"""The share of pictures of one shape from which on a rectangle is trained."""

ALIKE = 0.03
"""Shapes whose aspects differ by less count as one."""

FEW_OF_A_CLASS = 50
"""A conditional model learns little more of a smaller class than its pictures by heart."""

UNBALANCED = 10
"""The largest class is at most so many times the smallest where a conditional model is recommended."""


# --- sizes ----------------------------------------------------------------------------------------------------------


def candidate_sizes(facts: Facts, *, largest: Size | None = None) -> list[Size]:
    """The sizes that could be trained at, the smallest first: the pictures' own shape, never enlarged.

    Args:
        largest: asked for; it is the last, whatever the pictures are.
    """
    if largest is not None:
        return sorted({largest, *halved(largest)}, key=pixels)
    if not facts.problems:
        own = facts.sizes[0][0]
        return sorted((s for s in (own, *halved(own)) if max(s) <= LARGEST), key=pixels) or [own]
    base = shape(facts)
    shorter = statistics.median(min(size) for size, count in facts.sizes for _ in range(count))
    sizes = [(base[0] << k, base[1] << k) for k in range(10)]
    fitting = [s for s in sizes if SMALLEST <= min(s) <= shorter and max(s) <= LARGEST]
    return fitting or [default_size([size for size, _ in facts.sizes])]


def halved(size: Size) -> list[Size]:
    """``size`` halved while it stays good and no smaller than ``SMALLEST``."""
    found = []
    while size[0] % 2 == size[1] % 2 == 0 and min(size) // 2 >= SMALLEST and is_good((size[0] // 2, size[1] // 2)):
        size = (size[0] // 2, size[1] // 2)
        found.append(size)
    return found


def shape(facts: Facts) -> Size:
    """The base grid of the shape that most pictures share; 4×4 where they share none."""
    total = sum(count for _, count in facts.sizes)
    for size, _ in facts.sizes[:100]:
        alike = sum(count for other, count in facts.sizes if fits(other, size))
        if alike >= SHARED * total and not fits(size, (1, 1)) and max(size) / min(size) <= 16 / 3:
            return nearest_base(size)
    return (4, 4)


def fits(size: Size, other: Size) -> bool:
    """Whether two shapes are nearly one."""
    return abs(math.log(size[1] * other[0] / (size[0] * other[1]))) <= ALIKE


def nearest_base(size: Size) -> Size:
    """The smallest base grid of nearly this shape, or the one whose shape is nearest."""
    grids = [(h, w) for h in range(3, 17) for w in range(3, 17) if halvings((h, w)) == (h, w)]
    near = [grid for grid in grids if fits(grid, size)]
    return min(near, key=pixels) if near else min(grids, key=lambda g: abs(math.log(g[0] * size[1] / (g[1] * size[0]))))


def pixels(size: Size) -> int:
    return size[0] * size[1]


# --- the training ---------------------------------------------------------------------------------------------------


def candidate(facts: Facts, machine: Machine, size: Size, *, batch: int | None = None) -> Run:
    """The training of ``facts`` at ``size``: StyleGAN2-ADA by its rules on a GPU, the small presets on a CPU."""
    side = math.sqrt(pixels(size))
    most = 1 << (facts.pictures.bit_length() - 1)
    if machine.is_gpu:
        rule = batch or fitted("stylegan2-ada", size).training.batch
        run = fitted("stylegan2-ada", size, batch=min(rule, most))
        run = replace(run, training=replace(run.training, precision="auto"))
    else:
        run = with_size(fitted("small-32" if side <= 48 else "small-64", size), size)
        run = with_batch(run, min(batch or run.training.batch, most))
        if side > 64:  # keep 32 feature maps at the full size
            run = with_width(run, channel_base=2048 * 2 ** math.ceil(math.log2(side / 64)))
    run = with_channels(run, facts.channels)
    run = with_labels(run, facts.label_length if uses_labels(facts) else 0)
    if facts.pictures > AUGMENT_UP_TO:
        return validate(with_augment(run, mode="none"))
    return validate(with_augment(run, mode="ada", pipe=augmentations(facts.channels)))


def augmentations(channels: int) -> Pipe:
    """The published set as far as pictures of so many channels have what it changes."""
    try:
        pipeline.check("bgc", channels=channels)
    except UserError:  # no colours
        return "bg"
    return "bgc"


def uses_labels(facts: Facts) -> bool:
    """Whether a conditional model is worth it: vectors, or two or more classes, balanced and none of them tiny."""
    if not facts.classes:
        return facts.label_length > 0
    counts = [count for _, count in facts.classes]
    return len(counts) > 1 and min(counts) >= FEW_OF_A_CLASS and max(counts) <= UNBALANCED * min(counts)


def with_parts(run: Run, accumulate: int) -> Run:
    return replace(run, training=replace(run.training, accumulate=accumulate))


def with_length(run: Run, kimg: float) -> Run:
    """So long; ADA fast enough to reach full strength in a fifth of it."""
    augment = run.training.augment
    speed = max(min(augment.speed_kimg, float(math.ceil(kimg / 5))), 5.0)
    return replace(run, training=replace(run.training, kimg=kimg, augment=replace(augment, speed_kimg=speed)))


# --- time -----------------------------------------------------------------------------------------------------------


def pace(size: Size, configs: Mapping[Size, Run], trials: Mapping[Size, Trial]) -> tuple[float, Size]:
    """Seconds per 1,000 pictures of ``size``, and the size that this was measured at: its own, or the nearest that was
    timed, from which it is computed by counting operations."""
    at = size if size in trials else min(trials, key=lambda other: abs(math.log(pixels(other) / pixels(size))))
    return trials[at].seconds_per_kimg * work(configs[size]) / work(configs[at]), at


def choose(configs: Mapping[Size, Run], trials: Mapping[Size, Trial], *, hours: float, size: Size | None) -> Size:
    """The size asked for, else the largest whose pictures are reasonable in the time; untried, one that is usual."""
    if size is not None:
        return size
    if trials:
        enough = [s for s, run in configs.items() if useful(run) * pace(s, configs, trials)[0] <= hours * 3600]
    else:
        enough = [s for s, run in configs.items() if math.sqrt(pixels(s)) <= USUAL[run.preset == "stylegan2-ada"] * 1.3]
    return max(enough, key=pixels, default=min(configs, key=pixels))


def useful(config: Run) -> float:
    """kimg after which pictures are reasonable."""
    return full(config) * USEFUL_SHARE


def full(config: Run) -> float:
    """The preset's length in kimg."""
    return fitted(config.preset, config.generator.resolution).training.kimg


def rounded(kimg: float) -> float:
    """Two digits, rounded down; at least 1."""
    digit = 10 ** max(math.floor(math.log10(max(kimg, 1))) - 1, 0)
    return float(max(math.floor(kimg / digit) * digit, 1))
