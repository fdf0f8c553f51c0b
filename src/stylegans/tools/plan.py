"""What to train on these pictures with this machine, how long it takes, and the commands.

``plan`` looks at the pictures (``survey.py``), tries out a few batches (``trial.py``) of what could be trained
(``candidates.py``), and recommends.
"""

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from stylegans.config import Run
from stylegans.config.sizes import Size, base_grid, format_size
from stylegans.data.images import CACHE_BYTES
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.tools.candidates import (
    AUGMENT_UP_TO,
    FEW_OF_A_CLASS,
    UNBALANCED,
    candidate,
    candidate_sizes,
    choose,
    full,
    pace,
    pixels,
    rounded,
    useful,
    uses_labels,
    with_length,
    with_parts,
)
from stylegans.tools.survey import Facts, Machine, look, look_at
from stylegans.tools.trial import DoesNotFit, Trial, trial

TRANSFER_BELOW = 2_000
"""With fewer pictures a trained model is the better start: a rule of thumb."""

FEW = 200
"""With fewer pictures little that is new can be expected."""

NIGHT, WEEKEND = 12.0, 48.0
"""Hours that a training may take if nobody says: on a CPU, on a GPU."""

FREEZE_D = (4, 10)
"""Layers of the discriminator to try freezing in a transfer: Freeze-D's number, and the published programs'."""

PATIENCE = 12.0
"""Seconds that a trial may take; what would take longer with the fewest pictures is computed from a smaller size."""

PASSES = 6
"""Batches that a trial goes through at least."""


@dataclass(frozen=True)
class Row:
    """What one size would cost."""

    size: Size
    preset: str
    batch: int
    seconds_per_kimg: float | None
    """None: not known."""
    measured_at: Size | None
    """The size whose training was timed: its own, or another, from which the seconds are computed."""
    useful_kimg: float
    """Until pictures are reasonable."""
    full_kimg: float
    """The preset's length."""

    def hours(self, kimg: float) -> float | None:
        """Of so many thousand pictures; None: not known."""
        return None if self.seconds_per_kimg is None else self.seconds_per_kimg * kimg / 3600


@dataclass(frozen=True)
class Plan:
    """What to do."""

    facts: Facts
    machine: Machine
    config: Run
    gamma_rule: float
    """0.0002 · pixels / batch (StyleGAN2-ADA)."""
    gammas_to_try: tuple[float, ...]
    transfer: bool
    """Start from a trained model rather than from scratch."""
    freeze_d: tuple[int, ...]
    trial: Trial | None
    """At the recommended size; None: not measured there."""
    hours: float
    """What was there to spend."""
    sizes: tuple[Row, ...]
    snapshot_bytes: int
    disk_bytes: int
    """Of the whole run."""
    build: tuple[str, ...]
    """The command that makes the training set; empty: it is one."""
    train: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def row(self) -> Row:
        """The recommended size's."""
        return next(row for row in self.sizes if row.size == self.config.generator.resolution)


def plan(
    path: str | Path,
    *,
    device: torch.device,
    size: Size | None = None,
    hours: float | None = None,
    measure: bool = True,
    tell: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Plan:
    """Look at the pictures and the machine, try out a few batches, and recommend.

    Args:
        size: (height, width) to train at. None: the largest that the time is enough for.
        hours: to spend. None: a night on a CPU, two days on a GPU.
        measure: False: time nothing.

    Raises:
        MissingFile: there is no ``path``.
        UserError: it holds no pictures, or ``size`` is none to train at.
        DoesNotFit: the memory is too small for any training.
    """
    if size is not None:
        base_grid(size)
    facts, machine = look(path, tell=tell), look_at(device)
    configs = {each: candidate(facts, machine, each) for each in candidate_sizes(facts, largest=size)}
    hours = hours or (WEEKEND if machine.is_gpu else NIGHT)
    trials: dict[Size, Trial] = {}
    if measure:
        configs, trials = try_out(configs, facts, machine, hours=hours, size=size, tell=tell)
    return recommend(facts, machine, configs, trials, hours=hours, size=size)


def try_out(
    configs: Mapping[Size, Run],
    facts: Facts,
    machine: Machine,
    *,
    hours: float,
    size: Size | None,
    tell: Callable[[str, int, int], None],
) -> tuple[dict[Size, Run], dict[Size, Trial]]:
    """Time the size that will be recommended, and others on the way there.

    On a GPU from the largest down, since small pictures leave it idle and say little of larger ones; on a CPU from the
    smallest up. Returned are the configurations that fit in memory, in as many parts as they need.

    Raises:
        DoesNotFit: none does, or not the one asked for.
    """
    configs, trials = dict(configs), dict[Size, Trial]()
    at = (size or max(configs, key=pixels)) if machine.is_gpu else min(configs, key=pixels)
    while at not in trials:
        tell(f"training a few batches at {format_size(at)}", len(trials), len(configs))
        config = configs[at]
        try:
            trials[at] = trial(config, device=torch.device(machine.device), pictures=affordable(at, configs, trials))
        except DoesNotFit:
            if config.training.batch > 1:
                configs[at] = candidate(facts, machine, at, batch=config.training.batch // 2)
                continue
            configs = {each: run for each, run in configs.items() if pixels(each) < pixels(at)}
            if not configs or size is not None:
                raise
            at = max(configs, key=pixels)
            continue
        configs[at] = with_parts(config, trials[at].accumulate)
        wanted = choose(configs, trials, hours=hours, size=size)
        if size is None and wanted in trials:  # what was computed of the next larger one may be wrong
            wanted = min((s for s in configs if pixels(s) > pixels(wanted)), key=pixels, default=wanted)
        reachable = [s for s in configs if pixels(s) <= pixels(wanted) and affordable(s, configs, trials)]
        at = max(reachable, key=pixels, default=at)
    return configs, trials


def affordable(size: Size, configs: Mapping[Size, Run], trials: Mapping[Size, Trial]) -> int:
    """How many pictures a trial's batches may have to end in time: all, or one group's. 0: not even so many."""
    batch = configs[size].training.batch
    if not trials or size in trials:
        return batch
    group = min(getattr(configs[size].discriminator, "mbstd_group", None) or 1, batch)
    each = pace(size, configs, trials)[0] / 1000 * PASSES
    return next((count for count in (batch, group) if each * count <= PATIENCE), 0)


# --- the recommendation ---------------------------------------------------------------------------------------------


def recommend(
    facts: Facts,
    machine: Machine,
    configs: Mapping[Size, Run],
    trials: Mapping[Size, Trial],
    *,
    hours: float,
    size: Size | None = None,
) -> Plan:
    """The plan, from what is known: nothing is tried here, and nothing looked up but which file names are free.

    Args:
        configs: what could be trained, by size.
        trials: what was timed, by size; may be empty.
    """
    at = choose(configs, trials, hours=hours, size=size)
    config, full_kimg, useful_kimg = configs[at], full(configs[at]), useful(configs[at])
    rows = tuple(row(each, configs, trials) for each in sorted(configs, key=pixels))
    seconds = pace(at, configs, trials)[0] if trials else None
    kimg = full_kimg if seconds is None else min(full_kimg, rounded(hours * 3600 / seconds))
    config = with_length(config, kimg)
    batch, gamma = config.training.batch, config.training.r1_gamma
    rule = 0.0002 * pixels(at) / batch
    near = {gamma / 4, gamma * 4, rule} if abs(math.log(rule / gamma)) > math.log(2) else {gamma / 4, gamma * 4}
    snapshot, disk = disk_use(config)
    build = build_command(facts, config)
    return Plan(
        facts=facts,
        machine=machine,
        config=config,
        gamma_rule=digits(rule),
        gammas_to_try=tuple(sorted(map(digits, near))),
        transfer=facts.pictures < TRANSFER_BELOW,
        freeze_d=FREEZE_D,
        trial=trials.get(at),
        hours=hours,
        sizes=rows,
        snapshot_bytes=snapshot,
        disk_bytes=disk,
        build=build,
        train=train_command(facts, machine, config, build),
        notes=notes(facts, machine, config, useful_kimg=useful_kimg, disk=disk),
    )


def row(size: Size, configs: Mapping[Size, Run], trials: Mapping[Size, Trial]) -> Row:
    config = configs[size]
    seconds, at = pace(size, configs, trials) if trials else (None, None)
    return Row(
        size=size,
        preset=config.preset,
        batch=config.training.batch,
        seconds_per_kimg=seconds,
        measured_at=at,
        useful_kimg=useful(config),
        full_kimg=full(config),
    )


def digits(value: float) -> float:
    """Three of them: as a command line should show it."""
    return float(f"{value:.3g}")


def disk_use(config: Run) -> tuple[int, int]:
    """Bytes of a snapshot, and of the whole run: its snapshots and the checkpoints that are kept."""
    with torch.device("meta"):  # shapes alone
        players = build_generator(config.generator), build_discriminator(config.discriminator)
    generator, discriminator = (
        4 * sum(tensor.numel() for tensor in player.state_dict().values()) for player in players
    )
    checkpoint = 4 * generator + 3 * discriminator  # the average; each player with Adam's two moments
    snapshots = math.ceil(config.training.kimg / config.outputs.snapshot_kimg) + 1  # and the best one
    return generator, snapshots * generator + config.outputs.keep_checkpoints * checkpoint


# --- the commands ---------------------------------------------------------------------------------------------------


def build_command(facts: Facts, config: Run) -> tuple[str, ...]:
    """The words of ``data build``, where a training cannot take the pictures as they are or would read them slowly."""
    size = config.generator.resolution
    needs_labels = uses_labels(facts) and (facts.are_folders or facts.unlabelled > 0)
    own = facts.sizes[0][0]
    slow = own != size and facts.pictures * facts.channels * pixels(size) * facts.depth // 8 > CACHE_BYTES
    other_shape = own[0] * size[1] != own[1] * size[0]
    if not (facts.problems or needs_labels or other_shape or slow) or (facts.is_embedded and not other_shape):
        return ()
    words = ["stylegans", "data", "build", facts.path, target(facts, size), "--size", spelled(size)]
    if facts.channels == 4:
        words += ["--channels", "4"]
    if facts.depth == 16:
        words += ["--depth", "16"]
    if needs_labels and facts.are_folders:
        words += ["--labels", "folders"]
    return tuple(words)


def target(facts: Facts, size: Size) -> str:
    """A zip beside the pictures that is not there yet."""
    folder = Path(facts.path).parent
    return str(free(folder / f"{facts.name}-{spelled(size)}.zip"))


def free(path: Path) -> Path:
    """The path, or the next numbered one that nothing has."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 10_000))
    return path if not path.exists() else next(other for other in numbered if not other.exists())


def spelled(size: Size) -> str:
    """As --size takes it: '64', or '96x64'."""
    return str(size[0]) if size[0] == size[1] else format_size(size)


def train_command(facts: Facts, machine: Machine, config: Run, build: tuple[str, ...]) -> tuple[str, ...]:
    """The words of ``train``, on what ``build`` makes if it is needed. They resolve to ``config``."""
    size, training = config.generator.resolution, config.training
    data = build[4] if build else facts.path
    out = free(Path("runs") / f"{facts.name}-{spelled(size)}")
    words = ["stylegans", "train", config.preset, "--data", data, "--out", str(out)]
    if not build and facts.sizes[0][0] != size:
        words += ["--size", spelled(size)]
    if uses_labels(facts):
        words += ["--labels"]
    words += ["--kimg", number(training.kimg), "--batch", str(training.batch)]
    if training.accumulate > 1:
        words += ["--accumulate", str(training.accumulate)]
    words += ["--gamma", number(training.r1_gamma), "--aug", training.augment.mode]
    if training.augment.mode == "ada":
        words += ["--aug-pipe", training.augment.pipe] if training.augment.pipe != "bgc" else []
        words += ["--training.augment.speed-kimg", number(training.augment.speed_kimg)]
    if config.preset == "small-64" and math.sqrt(pixels(size)) > 64:
        words += ["--channel-base", str(config.generator.channel_base)]
    if machine.is_gpu:
        words += ["--precision", "auto"]
    return tuple(words)


def number(value: float) -> str:
    return f"{value:.6g}"


# --- what else the user should know ---------------------------------------------------------------------------------


def notes(facts: Facts, machine: Machine, config: Run, *, useful_kimg: float, disk: int) -> tuple[str, ...]:
    """Warnings and questions, one line each."""
    found = list(facts.warnings)
    if config.training.kimg < useful_kimg:
        found.append(
            f"{config.training.kimg:g} kimg are what the hours allow; pictures are usually reasonable from about "
            f"{useful_kimg:g} kimg on: allow more with --hours, choose a smaller --size, or start from a trained model"
        )
    smaller = sum(count for own, count in facts.sizes if min(own) < min(config.generator.resolution))
    if 2 * smaller > facts.looked_at:
        found.append(f"most pictures are smaller than {format_size(config.generator.resolution)} and will be enlarged")
    if facts.pictures < FEW:
        found.append(f"{facts.pictures} pictures are learned by heart sooner or later: expect variations of them")
    if machine.load is not None and machine.load > 1.5 * machine.cores:
        found.append(
            f"other programs are at work (load {machine.load:.1f} on {machine.cores} cores): a training would be "
            f"faster alone; plan again when they are done"
        )
    if facts.pictures > AUGMENT_UP_TO:
        found.append("with so many pictures augmentation gains little; should the guard warn of overfitting: --aug ada")
    tiny = [name for name, count in facts.classes if count < FEW_OF_A_CLASS]
    if tiny and len(facts.classes) > 1:
        shown = ", ".join(tiny[:5]) + (", …" if len(tiny) > 5 else "")
        found.append(
            f"{len(tiny)} of {len(facts.classes)} classes have fewer than {FEW_OF_A_CLASS} pictures ({shown}): a "
            f"conditional model would learn them by heart, so the plan is without --labels; merge or fill them first"
        )
    counts = [count for _, count in facts.classes]
    if not tiny and counts and max(counts) > UNBALANCED * min(counts):
        found.append(
            f"the classes are of {min(counts)} to {max(counts)} pictures: too uneven for a conditional model to learn "
            f"all well, so the plan is without --labels"
        )
    if facts.unlabelled:
        found.append(f"{facts.unlabelled} pictures have no label")
    found.append(
        "is a mirrored picture as good as the original (no writing, no fixed left and right)? Then add --xflip: "
        "twice the pictures"
    )
    if machine.disk is not None and disk > machine.disk:
        found.append(
            f"the run writes some {disk / 2**30:.1f} GB and {machine.disk / 2**30:.1f} GB are free; "
            f"a larger --snapshot-kimg keeps fewer models"
        )
    return tuple(found)


def pasted(words: tuple[str, ...]) -> str:
    """A command as a shell takes it."""
    return shlex.join(words)
