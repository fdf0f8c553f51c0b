"""``stylegans train PRESET --data PATH --out DIR``: the same command again continues exactly where it stopped."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from stylegans.cli.parse import nearest, parse, parse_known
from stylegans.config import (
    Discriminator,
    DiscriminatorConfig,
    GeneratorConfig,
    Guard,
    Loss,
    Outputs,
    Penalty,
    Pipe,
    Precision,
    Run,
    StyleGAN2,
    Training,
)
from stylegans.config.adjust import (
    for_transfer,
    validate,
    with_augment,
    with_batch,
    with_channels,
    with_gamma,
    with_growth,
    with_labels,
    with_loss,
    with_lr,
    with_mapping_layers,
    with_size,
    with_width,
)
from stylegans.config.networks import MAPPED
from stylegans.config.sizes import base_grid, format_size, parse_size
from stylegans.errors import UserError
from stylegans.presets import PRESETS, describe, fitted, get

if TYPE_CHECKING:
    from stylegans.data.images import ImageDataset


@dataclass(frozen=True)
class Options:
    """The short options, the same for every preset. Left out, the preset decides."""

    data: str
    """A folder or zip of pictures of one size, or an embedded set (see `stylegans data list`)."""
    out: Path
    """The run directory. If it holds this run already, the run continues."""
    size: str | None = None
    """Train at this size (256, or 640x384 for width x height); otherwise that of the pictures."""
    labels: bool = False
    """Train a conditional model on the data set's labels."""
    xflip: bool = False
    """Show every picture mirrored too."""
    subset: int | None = None
    """Only so many of the pictures, chosen by the seed."""
    kimg: float | None = None
    """Length of the training, in thousands of pictures shown."""
    batch: int | None = None
    """Pictures per step."""
    accumulate: int | None = None
    """Process a batch in so many parts, where the memory does not hold it whole. The result is the same."""
    seed: int | None = None
    """Of the weights, the latents and the order of the pictures."""
    gamma: float | None = None
    """Weight of R1 (and of R2, with the relativistic loss)."""
    penalty: Penalty | None = None
    """R1 and R2: exact, on every batch; lazy, on every 16th or so; approx, without second derivatives."""
    lr: float | None = None
    """Adam's learning rate, of both players (the preset's value shown is the generator's)."""
    loss: Loss | None = None
    """The adversarial loss."""
    aug: Literal["none", "ada", "fixed", "diffaugment"] | None = None
    """Augmentation of what the discriminator sees: adaptive (StyleGAN2-ADA), of fixed strength, or DiffAugment."""
    aug_p: float | None = None
    """Its probability: constant (fixed), or at the start (ada)."""
    aug_pipe: Pipe | None = None
    """What is done to the pictures (ada, fixed)."""
    channel_base: int | None = None
    """Width: feature maps at resolution r are channel_base / r, at most channel_max."""
    channel_max: int | None = None
    """Most feature maps at any resolution."""
    mapping_layers: int | None = None
    """Depth of the mapping network."""
    grow_kimg: float | None = None
    """Thousands of pictures per growth step, for presets that grow progressively."""
    device: str | None = None
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Precision | None = None
    """Of the convolutions: float32, bfloat16, float16 (on a GPU), or auto (bfloat16 where the machine is fast)."""
    compile: bool = False
    """Compile the networks first, which takes a minute or more: for long runs. Rounding differs."""
    workers: int | None = None
    """Processes that decode pictures ahead. Left out: none on a CPU; beside a GPU one a core but one, at most 8."""
    tick_kimg: float | None = None
    """Report on every so many thousand pictures."""
    snapshot_kimg: float | None = None
    """Keep the averaged generator on every so many thousand pictures."""
    checkpoint_kimg: float | None = None
    """Save everything needed to continue on every so many thousand pictures."""
    metrics: str | None = None
    """Measured at every snapshot, separated by commas, like fd_mobilenet,pr_mobilenet; the first chooses the best."""
    metric_ticks: int | None = None
    """Measure, and keep a snapshot, at every so many ticks instead."""
    features: str | None = None
    """Files with weights that metrics need, separated by commas: FID's Inception, for one."""
    from_: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Start from the weights of this model."""
    freeze_d: int | None = None
    """Keep the discriminator's first so many layers as they are, with --from."""
    on_collapse: Literal["off", "warn", "rollback", "stop"] | None = None
    """What to do when the training collapses, diverges or overfits."""
    dry_run: bool = False
    """Print the complete configuration and stop."""


@dataclass(frozen=True)
class Fields:
    """Every field of the configuration."""

    generator: GeneratorConfig = field(default_factory=StyleGAN2)
    discriminator: DiscriminatorConfig = field(default_factory=Discriminator)
    training: Training = field(default_factory=Training)
    guard: Guard = field(default_factory=Guard)
    outputs: Outputs = field(default_factory=Outputs)


@dataclass(frozen=True)
class _Help:
    """The short options, then every field of the configuration."""

    options: Annotated[Options, tyro.conf.arg(name="")]
    fields: Annotated[Fields, tyro.conf.arg(name="")] = field(default_factory=Fields)


PROG = "stylegans train"


def main(argv: Sequence[str]) -> int:
    preset, words = split_preset(argv)
    if preset is None:
        print(overview())
        return 0
    prog = f"{PROG} {preset}"
    if "-h" in words or "--help" in words:
        print_help(preset, prog)
        return 0
    options, rest = parse_known(Options, words, prog=prog)
    config, data = resolve(preset, options, rest, prog=prog)
    if options.dry_run:
        return dry_run(config)
    return train(config, data, options.out)


def split_preset(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """The preset's name, wherever it stands, and the other words. None: only help was asked for."""
    words = list(argv)
    if words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in PRESETS:
            meant = nearest(name, PRESETS)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(PRESETS)}"
            raise UserError(f"PRESET: '{name}' is not a preset; {hint}")
        return name, words
    found = next((word for word in words if word in PRESETS), None)
    if found is not None:
        words.remove(found)
        return found, words
    if not words or {"-h", "--help"} & set(words):
        return None, words
    raise UserError(f"PRESET: missing; name one first, as in `{PROG} small-32 --data PATH --out DIR`")


def overview() -> str:
    width = max(map(len, PRESETS))
    presets = "\n".join(f"  {name:<{width}}  {describe(name)}" for name in PRESETS)
    return (
        f"usage: {PROG} PRESET --data PATH --out DIR [options]\n\n"
        "Train a generator. The same command again continues exactly where it stopped.\n\n"
        f"presets:\n{presets}\n\n"
        f"{PROG} PRESET --help lists every option with the preset's values."
    )


def print_help(preset: str, prog: str) -> None:
    run = get(preset)
    fields = fields_of(run)
    about = f"{describe(preset)} The same command again continues exactly where it stopped."
    parse(_Help, ["--help"], prog=prog, default=_Help(values_of(run), fields), description=about)


def fields_of(run: Run) -> Fields:
    return Fields(run.generator, run.discriminator, run.training, run.guard, run.outputs)


def values_of(run: Run) -> Options:
    """What the preset decides where a short option is left out; data and out it leaves to the user."""
    training, outputs = run.training, run.outputs
    return Options(
        data=tyro.MISSING,
        out=tyro.MISSING,
        kimg=training.kimg,
        batch=training.batch,
        accumulate=training.accumulate,
        seed=training.seed,
        gamma=training.r1_gamma,
        penalty=training.penalty,
        lr=training.g_optimizer.lr,
        loss=training.loss,
        aug=training.augment.mode,
        aug_p=training.augment.p,
        aug_pipe=training.augment.pipe,
        channel_base=run.generator.channel_base,
        channel_max=run.generator.channel_max,
        mapping_layers=run.generator.mapping.num_layers if isinstance(run.generator, MAPPED) else None,
        grow_kimg=training.growth.fade_kimg if training.growth else None,
        device=outputs.device,
        precision=training.precision,
        workers=outputs.workers,
        tick_kimg=outputs.tick_kimg,
        snapshot_kimg=outputs.snapshot_kimg,
        checkpoint_kimg=outputs.checkpoint_kimg,
        freeze_d=training.freeze_d,
        on_collapse=run.guard.on_collapse,
    )


def resolve(preset: str, options: Options, rest: Sequence[str], *, prog: str) -> tuple[Run, "ImageDataset"]:
    """The complete configuration, from preset, data and options, and the data set.

    The pictures decide size, channels and labels; short options change the preset; single fields come last.
    """
    from stylegans.data.images import open_dataset

    size = None if options.size is None else parse_size(options.size)
    seed = 0 if options.seed is None else options.seed
    data = open_dataset(
        options.data,
        size=size,
        xflip=options.xflip,
        labels=options.labels,
        subset=options.subset,
        subset_seed=seed,
    )
    base_grid(data.resolution, option="--size" if size else "--data")
    run = with_size(fitted(preset, data.resolution, batch=options.batch), data.resolution)
    run = with_labels(with_channels(run, data.channels), data.c_dim)
    path = options.data if options.data == data.name else str(Path(options.data).resolve())
    run = replace(
        run,
        data=replace(run.data, path=path, xflip=options.xflip, labels=options.labels, subset=options.subset),
        start_from=options.from_ or "",
    )
    run = apply(run, options)
    fields = parse(Fields, rest, prog=prog, default=fields_of(run))
    run = replace(
        run,
        generator=fields.generator,
        discriminator=fields.discriminator,
        training=fields.training,
        guard=fields.guard,
        outputs=fields.outputs,
    )
    if run.generator.resolution != data.resolution:
        raise UserError(f"--generator.resolution: the pictures are {format_size(data.resolution)}; use --size")
    return validate(run), data


def apply(run: Run, options: Options) -> Run:
    """The short options that were given, in their places."""
    run = with_width(run, channel_base=options.channel_base, channel_max=options.channel_max)
    if options.loss is not None:
        run = with_loss(run, options.loss)
    if options.mapping_layers is not None:
        run = with_mapping_layers(run, options.mapping_layers)
    if options.batch is not None:
        run = with_batch(run, options.batch)
    if options.lr is not None:
        run = with_lr(run, options.lr)
    if options.gamma is not None:
        run = with_gamma(run, options.gamma)
    if options.from_ is not None:
        run = for_transfer(run)
    run = with_augment(run, **_given(mode=options.aug, p=options.aug_p, pipe=options.aug_pipe))
    if options.grow_kimg is not None:
        run = with_growth(run, options.grow_kimg)
    metrics, features = (
        None if words is None else tuple(word.strip() for word in words.split(",") if word.strip())
        for words in (options.metrics, options.features)
    )
    return replace(
        run,
        training=replace(
            run.training,
            **_given(
                kimg=options.kimg,
                seed=options.seed,
                accumulate=options.accumulate,
                penalty=options.penalty,
                precision=options.precision,
                freeze_d=options.freeze_d,
            ),
        ),
        guard=replace(run.guard, **_given(on_collapse=options.on_collapse)),
        outputs=replace(
            run.outputs,
            **_given(
                device=options.device,
                workers=options.workers,
                compile=options.compile or None,
                tick_kimg=options.tick_kimg,
                snapshot_kimg=options.snapshot_kimg,
                checkpoint_kimg=options.checkpoint_kimg,
                metrics=metrics,
                metric_ticks=options.metric_ticks,
                features=features,
            ),
        ),
    )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def dry_run(config: Run) -> int:
    import torch

    from stylegans.config.codec import to_json
    from stylegans.networks.families import build_discriminator, build_generator

    print(to_json(config), end="")
    with torch.device("meta"):  # shapes alone
        generator, discriminator = build_generator(config.generator), build_discriminator(config.discriminator)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        print(f"{name}: {sum(p.numel() for p in network.parameters()):,} parameters", file=sys.stderr)
    return 0


def train(config: Run, data: "ImageDataset", out: Path) -> int:
    from rich.console import Console

    from stylegans.cli.live import Goal, duration, watch
    from stylegans.runs.machine import tune_allocator
    from stylegans.runs.run import run
    from stylegans.runs.signals import stop_requests

    tune_allocator()
    console = Console()
    with stop_requests() as stop:
        finished = watch(run(config, data, out, stop=stop), console=console, goal=Goal(kimg=config.training.kimg))
    assert finished is not None  # a run says how it ended
    how = "done" if finished.reason == "done" else "stopped; the same command continues"
    console.print(
        f"{how}: {finished.images / 1000:g} kimg in {duration(finished.seconds)}, in {out}",
        highlight=False,
        soft_wrap=True,
    )
    return 0
