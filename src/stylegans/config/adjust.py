"""A run fitted to a data set and to its options, and checked.

A preset is a starting point: the pictures decide size, channels and labels; the short options of the command line
change several fields that belong together.
"""

import math
from dataclasses import fields, replace
from typing import Any, TypeVar

from stylegans.config.networks import MAPPED, Discriminator, GrowingDiscriminator, ProGAN, StyleGAN, StyleGAN2
from stylegans.config.precision import why_not
from stylegans.config.run import Loss, Run, Training
from stylegans.config.sizes import Size, base_grid, group_size
from stylegans.errors import UserError

N = TypeVar("N")

WGAN_GP_WEIGHT, WGAN_GP_DRIFT = 10.0, 0.001
"""The gradient penalty and the drift term of Progressive GAN and StyleGAN's CelebA-HQ setting."""
WGAN_GP_LARGEST_RATE = 0.002
"""StyleGAN's learning rates are capped at this when it trains with WGAN-GP."""
WGAN_CLIP = 0.01
TRANSFER_ADA_KIMG = 100.0
R1_GAMMA = 10.0
"""StyleGAN's FFHQ setting."""


# --- the pictures decide --------------------------------------------------------------------------------------------


def with_size(run: Run, size: Size, *, option: str = "--size") -> Run:
    """Both networks at ``size`` (height, width), pyramids from the base grid that suits it.

    Raises:
        UserError: a pyramid cannot make pictures of this size.
    """

    def resized(network: N) -> N:
        base = {"base": base_grid(size, option=option)} if has(network, "base") else {}
        return replace(network, resolution=size, **base)  # type: ignore[type-var]

    return replace(run, generator=resized(run.generator), discriminator=resized(run.discriminator))


def with_base(run: Run, base: Size) -> Run:
    """Both pyramids from this grid instead of the smallest one."""
    return replace(
        run,
        generator=replace(run.generator, base=base),  # type: ignore[arg-type]
        discriminator=replace(run.discriminator, base=base),  # type: ignore[arg-type]
    )


def with_channels(run: Run, img_channels: int) -> Run:
    """Both networks for pictures of so many channels."""
    return replace(
        run,
        generator=replace(run.generator, img_channels=img_channels),
        discriminator=replace(run.discriminator, img_channels=img_channels),
    )


def with_labels(run: Run, c_dim: int) -> Run:
    """Both networks for labels of length ``c_dim``; 0: unconditional.

    Raises:
        UserError: these networks take no labels.
    """
    generator, discriminator = run.generator, run.discriminator
    if isinstance(generator, MAPPED):
        generator = replace(generator, mapping=replace(generator.mapping, c_dim=c_dim))
    elif isinstance(generator, ProGAN):
        generator = replace(generator, c_dim=c_dim)
    elif c_dim:
        raise UserError(f"--labels: the {generator.family} generator of preset {run.preset} takes no labels")
    if isinstance(discriminator, (Discriminator, GrowingDiscriminator)):
        discriminator = replace(discriminator, c_dim=c_dim)
    elif c_dim:
        raise UserError(f"--labels: the {discriminator.family} discriminator of preset {run.preset} takes no labels")
    return replace(run, generator=generator, discriminator=discriminator)


# --- the short options ----------------------------------------------------------------------------------------------


def with_width(run: Run, *, channel_base: int | None = None, channel_max: int | None = None) -> Run:
    """Both networks so wide; None leaves what the preset has."""
    given = (("channel_base", channel_base), ("channel_max", channel_max))
    width: dict[str, Any] = {name: value for name, value in given if value is not None}
    return replace(run, generator=replace(run.generator, **width), discriminator=replace(run.discriminator, **width))


def with_mapping_layers(run: Run, layers: int) -> Run:
    """A mapping network so deep.

    Raises:
        UserError: the generator has none.
    """
    generator = run.generator
    if not isinstance(generator, MAPPED):
        raise UserError(f"--mapping-layers: the generator of preset {run.preset} has no mapping network")
    return replace(run, generator=replace(generator, mapping=replace(generator.mapping, num_layers=layers)))


def with_batch(run: Run, batch: int) -> Run:
    """Every batch of so many pictures, at every stage of growth."""
    return _with_training(run, batch=batch, growth=run.training.growth and replace(run.training.growth, batch=()))


def with_lr(run: Run, lr: float) -> Run:
    """Both players at this learning rate, at every stage of growth."""
    training = run.training
    return _with_training(
        run,
        g_optimizer=replace(training.g_optimizer, lr=lr),
        d_optimizer=replace(training.d_optimizer, lr=lr),
        growth=training.growth and replace(training.growth, lr=()),
    )


def with_growth(run: Run, kimg: float) -> Run:
    """Every stage of growth held, and every fade lasting, so many thousand pictures.

    Raises:
        UserError: the preset does not grow.
    """
    growth = run.training.growth
    if growth is None:
        raise UserError(f"--grow-kimg: preset {run.preset} does not grow")
    return _with_training(run, growth=replace(growth, stable_kimg=kimg, fade_kimg=kimg))


def with_loss(run: Run, loss: Loss) -> Run:
    """Another game, with what belongs to it: WGAN-GP its penalties instead of R1, WGAN its clipping."""
    training = run.training
    if loss == training.loss:
        return run
    if loss == "wgan-gp":
        return _capped(
            _with_training(
                run,
                loss=loss,
                gp_weight=WGAN_GP_WEIGHT,
                drift=WGAN_GP_DRIFT,
                weight_clip=None,
                r1_gamma=0.0,
                r2_gamma=0.0,
            )
        )
    if loss == "wgan":
        return _with_training(
            run, loss=loss, gp_weight=0.0, drift=0.0, weight_clip=WGAN_CLIP, r1_gamma=0.0, r2_gamma=0.0
        )
    constrained = training.loss in ("wgan", "wgan-gp")
    r1_gamma = R1_GAMMA if constrained else training.r1_gamma  # a game without any constraint diverges
    r2_gamma = r1_gamma if loss == "relativistic" else 0.0  # R3GAN: alone, neither penalty makes the pairing converge
    return _with_training(
        run, loss=loss, gp_weight=0.0, drift=0.0, weight_clip=None, r1_gamma=r1_gamma, r2_gamma=r2_gamma
    )


def with_gamma(run: Run, gamma: float) -> Run:
    """R1 of this weight, and R2 where the training has it."""
    return _with_training(run, r1_gamma=gamma, r2_gamma=gamma if run.training.r2_gamma > 0 else 0.0)


def with_augment(run: Run, **changes: Any) -> Run:
    """Other augmentation: some fields of ``Augment``."""
    return _with_training(run, augment=replace(run.training.augment, **changes))


def for_transfer(run: Run) -> Run:
    """What changes when a training starts from another model: ADA adapts faster, the average forgets nothing.

    As published: 100 thousand pictures instead of 500, no ramp-up, which is there to forget a random start, no blur.
    """
    augment = run.training.augment
    speed = min(augment.speed_kimg, TRANSFER_ADA_KIMG)
    return _with_training(run, augment=replace(augment, speed_kimg=speed), ema_rampup=None, blur_sigma=0.0)


SIGNED = ("non-saturating", "saturating", "hinge", "relativistic")
"""Losses under which a sign says whether the discriminator is certain: of a score, or of a pair's difference."""

SEPARABLE = (ProGAN, *MAPPED, Discriminator, GrowingDiscriminator)
"""Networks without batch normalisation or dropout: a sample's way through them depends on no other, but for groups."""

LONGEST_POWER = 0.28
"""Power-function averages reach no further: σ_rel of the flattest, γ = 0, is 1/√12 = 0.289."""


def _capped(run: Run) -> Run:
    training, most = run.training, WGAN_GP_LARGEST_RATE
    growth = training.growth
    return _with_training(
        run,
        g_optimizer=replace(training.g_optimizer, lr=min(training.g_optimizer.lr, most)),
        d_optimizer=replace(training.d_optimizer, lr=min(training.d_optimizer.lr, most)),
        growth=growth and replace(growth, lr=tuple((size, min(lr, most)) for size, lr in growth.lr)),
    )


def _with_training(run: Run, **changes: object) -> Run:
    return replace(run, training=replace(run.training, **changes))  # type: ignore[arg-type]


# --- checks ---------------------------------------------------------------------------------------------------------


def has(config: object, name: str) -> bool:
    """Whether a config has a field of this name."""
    return any(f.name == name for f in fields(config))  # type: ignore[arg-type]


def can_grow(network: object) -> bool:
    """Whether a network is of those that grow."""
    if isinstance(network, (StyleGAN2, Discriminator)):
        return network.architecture == "grow"
    return isinstance(network, (ProGAN, StyleGAN, GrowingDiscriminator))


def validate(run: Run) -> Run:
    """Return ``run`` if its numbers make sense together.

    Raises:
        UserError: naming the option.
    """
    _check_numbers(run)
    _check_networks(run)
    if run.training.freeze_d and not run.start_from:
        raise UserError("--freeze-d: keeps layers that --from has brought; give --from, or leave it out")
    _check_training(run.training)
    _check_augment(run.training)
    _check_parts(run)
    _check_growth(run)
    precision = run.training.precision
    if precision in ("bfloat16", "float16") and (reason := why_not(run, precision)):
        raise UserError(f"--precision: {reason}; use float32 or auto")
    return run


def _check_numbers(run: Run) -> None:
    training, outputs = run.training, run.outputs
    at_least: list[tuple[str, float, float]] = [
        ("--batch", training.batch, 1),
        ("--kimg", training.kimg, 0),
        ("--gamma", training.r1_gamma, 0),
        ("--training.r1-interval", training.r1_interval, 1),
        ("--training.penalty-sigma", training.penalty_sigma, 0),
        ("--freeze-d", training.freeze_d, 0),
        ("--training.augment.interval", training.augment.interval, 1),
        ("--guard.images", run.guard.images, 4),
        ("--guard.rollbacks", run.guard.rollbacks, 0),
        ("--training.r2-gamma", training.r2_gamma, 0),
        ("--training.gp-weight", training.gp_weight, 0),
        ("--training.drift", training.drift, 0),
        ("--training.d-steps", training.d_steps, 1),
        ("--training.pl-weight", training.pl_weight, 0),
        ("--training.pl-interval", training.pl_interval, 0),
        ("--training.pl-batch-shrink", training.pl_batch_shrink, 1),
        ("--training.ema-kimg", training.ema_kimg, 0),
        ("--training.blur-sigma", training.blur_sigma, 0),
        ("--training.blur-fade-kimg", training.blur_fade_kimg, 0),
        ("--accumulate", training.accumulate, 1),
        ("--outputs.keep-checkpoints", outputs.keep_checkpoints, 1),
        ("--workers", outputs.workers or 0, 0),
        ("--channel-base", min(run.generator.channel_base, run.discriminator.channel_base), 1),
        ("--channel-max", min(run.generator.channel_max, run.discriminator.channel_max), 1),
        ("--seed", training.seed, 0),
    ]
    for option, value, least in at_least:
        if not (value >= least and math.isfinite(value)):
            raise UserError(f"{option}: {value} should be at least {least:g}, and finite")
    above_zero: list[tuple[str, float | None]] = [
        ("--lr", min(training.g_optimizer.lr, training.d_optimizer.lr)),
        ("--training.weight-clip", training.weight_clip),
        ("--training.augment.speed-kimg", training.augment.speed_kimg),
        ("--guard.every-kimg", run.guard.every_kimg),
        ("--tick-kimg", outputs.tick_kimg),
        ("--snapshot-kimg", outputs.snapshot_kimg),
        ("--checkpoint-kimg", outputs.checkpoint_kimg),
        ("--metric-ticks", outputs.metric_ticks),
        ("--outputs.metric-num", outputs.metric_num),
    ]
    for option, number in above_zero:
        if number is not None and not (number > 0 and math.isfinite(number)):
            raise UserError(f"{option}: {number} should be above 0, and finite")


def _check_networks(run: Run) -> None:
    generator, discriminator = run.generator, run.discriminator
    if isinstance(generator, MAPPED):
        mapping, least = generator.mapping, 0 if isinstance(generator, StyleGAN) else 1
        for option, value, smallest in (
            ("--mapping-layers", mapping.num_layers, least),
            ("--generator.mapping.z-dim", mapping.z_dim, 1),
            ("--generator.mapping.w-dim", mapping.w_dim, 1),
        ):
            if not value >= smallest:
                raise UserError(f"{option}: {value} should be at least {smallest}")
    elif generator.z_dim < 1:
        raise UserError(f"--generator.z-dim: {generator.z_dim} should be at least 1")
    if isinstance(generator, StyleGAN) and generator.const_input and not generator.use_styles:
        raise UserError("--generator.const-input: without styles the latent enters at the input; give a dense one")
    bases = [getattr(network, "base", None) for network in (generator, discriminator)]
    if generator.resolution != discriminator.resolution or (None not in bases and bases[0] != bases[1]):
        raise UserError("--generator.resolution: differs from --discriminator.resolution; use --size to set both")
    groups = getattr(discriminator, "mbstd_group", None)
    if groups is not None and groups < 1:
        raise UserError(f"--discriminator.mbstd-group: {groups} should be at least 1")


def _check_training(training: Training) -> None:
    if not 0 <= training.style_mixing <= 1:
        raise UserError(f"--training.style-mixing: {training.style_mixing} should be between 0 and 1")
    start, end = training.anneal_from_kimg, training.anneal_to_kimg
    if (start is None) != (end is None) or (start is not None and end is not None and not 0 <= start < end):
        raise UserError(f"--training.anneal-from-kimg: {start} to {end}: give both, the first smaller than the second")
    for length in training.ema_power:
        if not 0 < length < LONGEST_POWER:
            raise UserError(f"--training.ema-power: {length} should be above 0 and below {LONGEST_POWER}")


def _check_augment(training: Training) -> None:
    augment = training.augment
    if augment.mode == "ada" and training.loss not in SIGNED:
        raise UserError(
            f"--aug: ada follows the sign of the discriminator's scores, which says nothing with --loss "
            f"{training.loss}; use fixed or diffaugment"
        )
    if not 0 <= augment.p <= 1:
        raise UserError(f"--aug-p: {augment.p} should be between 0 and 1")
    if augment.mode == "fixed" and augment.p == 0:
        raise UserError("--aug-p: 0 with --aug fixed augments nothing; give a probability, or --aug none")
    if augment.p and augment.mode in ("none", "diffaugment"):
        raise UserError(f"--aug-p: has no meaning with --aug {augment.mode}; use --aug ada or fixed")
    if not -1 <= augment.target <= 1:
        raise UserError(f"--training.augment.target: {augment.target} should be between -1 and 1, a mean of signs")
    if augment.mode == "diffaugment" and not augment.policy:
        raise UserError("--training.augment.policy: names no augmentation; use --aug none")


def batch_sizes(training: Training) -> list[int]:
    """The batch sizes of all stages."""
    return [training.batch, *(size for _, size in training.growth.batch)] if training.growth else [training.batch]


def most_parts(run: Run, batch: int) -> int:
    """In how many parts a batch can be processed with the result of the whole: one per group of samples that the
    discriminator sees together."""
    discriminator = run.discriminator
    if not isinstance(run.generator, SEPARABLE) or not isinstance(discriminator, SEPARABLE):
        return 1
    if not discriminator.mbstd_channels:
        return batch
    return batch // group_size(batch, discriminator.mbstd_group)


def _check_parts(run: Run) -> None:
    parts = run.training.accumulate
    for batch in batch_sizes(run.training):
        if batch < 1:
            raise UserError(f"--training.growth.batch: {batch} should be at least 1")
        most = most_parts(run, batch)
        if parts > 1 and most == 1:
            raise UserError(
                f"--accumulate: the networks of preset {run.preset} see a batch of {batch} as one; it cannot be divided"
            )
        if batch % parts or most % parts:
            fit = ", ".join(str(k) for k in range(1, most + 1) if most % k == 0)
            raise UserError(f"--accumulate: {parts} does not divide a batch of {batch} into whole groups; {fit} do")


def _check_growth(run: Run) -> None:
    growth = run.training.growth
    if growth is None:
        return
    for name, network in (("generator", run.generator), ("discriminator", run.discriminator)):
        if not can_grow(network):
            raise UserError(f"--training.growth: the {name} does not grow; train it without, or choose one that grows")
    if growth.stable_kimg < 0 or growth.fade_kimg < 0:
        raise UserError("--grow-kimg: should be at least 0")
    if growth.start < 1:
        raise UserError(f"--training.growth.start: {growth.start} should be at least 1")
    for _, lr in growth.lr:
        if not lr > 0:
            raise UserError(f"--training.growth.lr: {lr} should be above 0")
