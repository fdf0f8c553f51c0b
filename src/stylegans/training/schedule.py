"""What changes while a training goes on, as functions of the pictures seen: growth, batch, learning rates, blur.

Progressive growing (Progressive GAN, section 2, in StyleGAN's schedule): the first stage is held for
``stable_kimg``; then the next level fades in during ``fade_kimg`` and is held, and so on to the full size.
"""

import math

from stylegans.config import Growth, Optimizer, Run, Training
from stylegans.config.sizes import levels, nominal_resolution


def lod(config: Run, images: int) -> float:
    """The stage of growth: 0 is the whole pyramid, k a picture 2^k times smaller, between them a fade."""
    growth = config.training.growth
    if growth is None:
        return 0.0
    stage = growth.stable_kimg + growth.fade_kimg
    if stage <= 0:
        return 0.0
    finished, into = divmod(images / 1000, stage)
    faded = max(into - growth.stable_kimg, 0) / growth.fade_kimg if growth.fade_kimg > 0 else 0.0
    return max(first_lod(config, growth) - finished - faded, 0.0)


def first_lod(config: Run, growth: Growth) -> int:
    """The lod of the first stage: the level whose resolution is ``growth.start``, or the nearest there is."""
    base, resolution = pyramid(config)
    top = levels(base, resolution) - 1
    return min(max(round(math.log2(nominal_resolution(base, top) / growth.start)), 0), top)


def pyramid(config: Run) -> tuple[tuple[int, int], tuple[int, int]]:
    """(base, resolution) of the networks; one level for those that are no pyramid."""
    generator = config.generator
    return getattr(generator, "base", generator.resolution), generator.resolution


def resolution(config: Run, images: int) -> int:
    """The nominal resolution of the stage: that of the finest level that is there or fading in."""
    base, size = pyramid(config)
    return nominal_resolution(base, levels(base, size) - 1 - math.floor(lod(config, images)))


def batch_size(config: Run, images: int) -> int:
    """Pictures in the batch that begins after ``images`` pictures."""
    growth = config.training.growth
    if growth is None or not growth.batch:
        return config.training.batch
    return dict(growth.batch).get(resolution(config, images), config.training.batch)


def largest_batch(training: Training) -> int:
    """The largest batch of any stage."""
    return max(training.batch, *(size for _, size in training.growth.batch), 0) if training.growth else training.batch


def learning_rate_factor(config: Run, optimizer: Optimizer, images: int) -> float:
    """What a player's learning rate is multiplied by: the stage's own, and the fall to 0 where annealing is asked."""
    training, factor = config.training, 1.0
    if training.growth is not None and training.growth.lr:
        factor = dict(training.growth.lr).get(resolution(config, images), optimizer.lr) / optimizer.lr
    start, end = training.anneal_from_kimg, training.anneal_to_kimg
    if start is None or end is None:
        return factor
    return factor * min(max((end - images / 1000) / (end - start), 0.0), 1.0)


def blur(training: Training, images: int) -> float:
    """σ in pixels of the blur through which the discriminator sees all pictures: falls linearly from the start to 0."""
    if training.blur_fade_kimg <= 0:
        return 0.0
    return training.blur_sigma * max(1 - images / (training.blur_fade_kimg * 1000), 0.0)


def grew(before: float, now: float) -> bool:
    """Whether a growth step lies between two lods: a fade began or ended (Adam then starts anew)."""
    return (math.floor(before), math.ceil(before)) != (math.floor(now), math.ceil(now))
