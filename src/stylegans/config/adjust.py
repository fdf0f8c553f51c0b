"""A run fitted to a data set, and checked: a preset is a starting point, the pictures decide size, channels, labels."""

from dataclasses import replace

from stylegans.config.run import Run
from stylegans.config.sizes import Size, base_grid
from stylegans.errors import UserError


def with_size(run: Run, size: Size, *, option: str = "--size") -> Run:
    """Both networks at ``size`` (height, width), from the base grid that suits it."""
    base = base_grid(size, option=option)
    return replace(
        run,
        generator=replace(run.generator, resolution=size, base=base),
        discriminator=replace(run.discriminator, resolution=size, base=base),
    )


def with_channels(run: Run, img_channels: int) -> Run:
    """Both networks for pictures of so many channels."""
    return replace(
        run,
        generator=replace(run.generator, img_channels=img_channels),
        discriminator=replace(run.discriminator, img_channels=img_channels),
    )


def with_labels(run: Run, c_dim: int) -> Run:
    """Both networks for labels of length ``c_dim``; 0: unconditional."""
    mapping = replace(run.generator.mapping, c_dim=c_dim)
    return replace(
        run,
        generator=replace(run.generator, mapping=mapping),
        discriminator=replace(run.discriminator, c_dim=c_dim),
    )


def validate(run: Run) -> Run:
    """Return ``run`` if its numbers make sense together.

    Raises:
        UserError: naming the option.
    """
    training, outputs, mapping = run.training, run.outputs, run.generator.mapping
    at_least: list[tuple[str, float, float]] = [
        ("--batch", training.batch, 1),
        ("--kimg", training.kimg, 0),
        ("--gamma", training.r1_gamma, 0),
        ("--training.r1-interval", training.r1_interval, 0),
        ("--training.pl-weight", training.pl_weight, 0),
        ("--training.pl-interval", training.pl_interval, 0),
        ("--training.pl-batch-shrink", training.pl_batch_shrink, 1),
        ("--training.ema-kimg", training.ema_kimg, 0),
        ("--training.accumulate", training.accumulate, 1),
        ("--outputs.keep-checkpoints", outputs.keep_checkpoints, 1),
        ("--workers", outputs.workers, 0),
        ("--mapping-layers", mapping.num_layers, 1),
        ("--generator.mapping.z-dim", mapping.z_dim, 1),
        ("--generator.mapping.w-dim", mapping.w_dim, 1),
        ("--channel-base", min(run.generator.channel_base, run.discriminator.channel_base), 1),
        ("--channel-max", min(run.generator.channel_max, run.discriminator.channel_max), 1),
        ("--seed", training.seed, 0),
    ]
    for option, value, least in at_least:
        if not value >= least:
            raise UserError(f"{option}: {value} should be at least {least:g}")
    above_zero: list[tuple[str, float]] = [
        ("--lr", min(training.g_optimizer.lr, training.d_optimizer.lr)),
        ("--tick-kimg", outputs.tick_kimg),
        ("--snapshot-kimg", outputs.snapshot_kimg),
        ("--checkpoint-kimg", outputs.checkpoint_kimg),
    ]
    for option, value in above_zero:
        if not value > 0:
            raise UserError(f"{option}: {value} should be above 0")
    if not 0 <= training.style_mixing <= 1:
        raise UserError(f"--training.style-mixing: {training.style_mixing} should be between 0 and 1")
    start, end = training.anneal_from_kimg, training.anneal_to_kimg
    if (start is None) != (end is None) or (start is not None and end is not None and not 0 <= start < end):
        raise UserError(f"--training.anneal-from-kimg: {start} to {end}: give both, the first smaller than the second")
    if training.batch % training.accumulate:
        raise UserError(f"--training.accumulate: {training.accumulate} does not divide the batch of {training.batch}")
    if run.generator.resolution != run.discriminator.resolution or run.generator.base != run.discriminator.base:
        raise UserError("--generator.resolution: differs from --discriminator.resolution; use --size to set both")
    groups = run.discriminator.mbstd_group
    if groups is not None and groups < 1:
        raise UserError(f"--discriminator.mbstd-group: {groups} should be at least 1")
    return run
