"""A training run in its directory: ``for event in run(config, data, out): …``.

The run continues from its newest checkpoint, trains to ``training.kimg``, and on its way writes ticks, samples,
snapshots and checkpoints. It is stopped by not asking for the next event, by ``stop``, or by force.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stylegans import checkpoint
from stylegans.config import Run
from stylegans.config.adjust import validate
from stylegans.data.images import ImageDataset
from stylegans.data.pipeline import batches, check_batch
from stylegans.errors import RunFailed, UserError
from stylegans.files import pictures
from stylegans.files.atomic import remove_leftovers
from stylegans.files.model_file import write_model
from stylegans.metrics.suite import METRICS, RealFeatures
from stylegans.runs import machine, report
from stylegans.runs.folder import RunFolder
from stylegans.runs.initial import open_initial, start_from
from stylegans.runs.report import Tick, crossed
from stylegans.training.loop import check_finite, train
from stylegans.training.phases import Phase
from stylegans.training.schedule import batch_size, largest_batch
from stylegans.training.setup import start
from stylegans.training.state import State


@dataclass(frozen=True)
class Started:
    """The run is ready to train."""

    config: Run
    out: Path
    device: str
    images: int
    """Pictures seen so far: more than 0 when the run continues."""
    seconds: float
    """Spent so far, over all sessions."""
    notes: tuple[str, ...]
    """What the user should know: for one, why this continuation may not be exact."""


@dataclass(frozen=True)
class Stepped:
    """A batch is done."""

    images: int


@dataclass(frozen=True)
class Saved:
    """A file or checkpoint was written."""

    kind: str
    path: Path


@dataclass(frozen=True)
class Finished:
    """The run has ended: 'done' at its full length, or 'stopped' on request."""

    reason: str
    images: int
    seconds: float


Event = Started | Stepped | Tick | Saved | Finished


def run(
    config: Run, data: ImageDataset, out: str | Path, *, stop: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Train ``config`` on ``data`` in the directory ``out``, from the beginning or from where it stopped.

    Args:
        stop: asked after every batch; when it says yes, a checkpoint is written and the run ends.

    Raises:
        UserError: the options make no sense, or the directory holds another run.
        RunFailed: the training diverged, or the disk is full; the last checkpoint is intact.
    """
    validate(config)
    unknown = sorted(set(config.outputs.metrics) - set(METRICS))
    if unknown:
        raise UserError(f"--metrics: '{unknown[0]}' is not a metric; there is {', '.join(METRICS)}")
    check_batch(data, batch=largest_batch(config.training), workers=config.outputs.workers)
    if config.start_from:
        open_initial(config.start_from)
    device = machine.choose_device(config.outputs.device)
    folder = RunFolder(out)
    with folder.lock():
        config = folder.claim(_resolved(config, data, device, folder.read_config()))
        try:
            yield from _train_in(folder, config, data, device, stop)
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunFailed(f"{out}: cannot be written ({reason}); the last checkpoint is intact") from error


def _resolved(config: Run, data: ImageDataset, device: torch.device, old: Run | None) -> Run:
    """The config with nothing left to this machine: what the pictures are, and the precision that 'auto' means.

    A run that continues keeps its precision, whatever machine it continues on.
    """
    precision = config.training.precision
    if precision == "auto":
        precision = machine.choose_precision(config, device) if old is None else old.training.precision
    return replace(
        config,
        data=replace(config.data, hash=data.content_hash()),
        training=replace(config.training, precision=precision),
    )


def _train_in(
    folder: RunFolder, config: Run, data: ImageDataset, device: torch.device, stop: Callable[[], bool]
) -> Iterator[Event]:
    state, phases = start(config, device=device)
    session = _Session(folder, config, data, state)
    started = session.resume()
    with closing(session.log):
        yield started
        if state.images == 0:
            yield from session.first_look()
        stopped = yield from session.train(phases, stop)
    yield Finished("stopped" if stopped else "done", state.images, session.seconds())


class _Session:
    """One process's part of a run: the clock, the log, and what is due when."""

    def __init__(self, folder: RunFolder, config: Run, data: ImageDataset, state: State) -> None:
        self.folder, self.config, self.data, self.state = folder, config, data, state
        self.latents = report.grid_latents(state.generator_ema, data, seed=config.training.seed)
        self.reals: RealFeatures | None = None
        self.before = 0.0

    def resume(self) -> Started:
        """Load the newest checkpoint, if there is one, and cut the log back to it."""
        notes: list[str] = []
        for leftovers in (self.folder.checkpoints, self.folder.snapshots, self.folder.samples):
            remove_leftovers(leftovers)
        newest = checkpoint.newest(self.folder.checkpoints)
        if newest is None and self.config.start_from:
            notes.append(start_from(self.config.start_from, self.state))
        if newest is not None:
            resumed = checkpoint.load(newest, self.state)
            self.before = resumed.seconds
            here = checkpoint.environment(self.state.device)
            notes += [
                f"continued with {name} {here[name]}, was {was}: close to the undisturbed run, not bit for bit"
                for name, was in resumed.environment.items()
                if here.get(name) != was
            ]
        if not report.has_tensorboard():
            notes.append("no TensorBoard events: pip install 'stylegans[track]'")
        self.folder.cut_log(images=self.state.images)
        self.log = report.Log(self.folder.log, images=self.state.images)
        self.began = time.monotonic()
        self.tick_began, self.tick_images = self.began, self.state.images
        return Started(
            self.config, self.folder.path, str(self.state.device), self.state.images, self.before, tuple(notes)
        )

    def seconds(self) -> float:
        """Spent on this run, over all sessions."""
        return self.before + time.monotonic() - self.began

    def first_look(self) -> Iterator[Event]:
        """Real pictures, and what the untrained generator makes."""
        rows = self.latents.z.shape[0] // self.latents.columns
        reals = report.real_grid(self.data, columns=self.latents.columns, rows=rows, seed=self.config.training.seed)
        pictures.save_png(self.folder.samples / "reals.png", reals)
        yield Saved("samples", self.folder.samples / "reals.png")
        yield self.save_samples()

    def train(self, phases: Sequence[Phase], stop: Callable[[], bool]) -> Generator[Event, None, bool]:
        """Train to the run's length; return whether it was stopped before."""
        config, state = self.config, self.state
        target = config.training.kimg * 1000
        if state.images >= target:
            return False
        stream = batches(
            self.data,
            batch=partial(batch_size, config),
            seed=config.training.seed,
            position=state.images,
            workers=config.outputs.workers,
            pin=state.device.type == "cuda",
        )
        for _ in train(state, stream, phases):
            ended = state.images >= target
            stopped = not ended and stop()
            yield Stepped(state.images)
            yield from self.after_batch(ended=ended, stopped=stopped)
            if ended or stopped:
                return stopped
        return False

    def after_batch(self, *, ended: bool, stopped: bool) -> Iterator[Event]:
        """Whatever is due now. The checkpoint comes last, so that it stands for all that was written before it."""
        outputs, images = self.config.outputs, self.state.images
        before = images - self.state.batch
        ticks, snaps, checks = (
            crossed(before, images, every)
            for every in (outputs.tick_kimg, outputs.snapshot_kimg, outputs.checkpoint_kimg)
        )
        snaps = snaps or ended
        if ticks or snaps or checks or stopped:
            check_finite(self.state)
        if snaps or stopped:
            yield self.save_snapshot()
            yield self.save_samples()
        if ticks or snaps:
            yield self.tick(snapshot=snaps)
        if checks or ended or stopped:
            yield Saved("checkpoint", checkpoint.save(self.folder.checkpoints, self.state, seconds=self.seconds()))
            checkpoint.prune(self.folder.checkpoints, keep=outputs.keep_checkpoints)

    def tick(self, *, snapshot: bool) -> Tick:
        """Log the means since the last tick and, of a snapshot, its metrics."""
        state, now = self.state, time.monotonic()
        tick = Tick(
            images=state.images,
            kimg=state.kimg,
            seconds=round(self.seconds(), 3),
            sec_per_kimg=round((now - self.tick_began) / (state.images - self.tick_images) * 1000, 3),
            losses=state.averages.means(),
            memory=machine.peak_memory(state.device),
            snapshot=checkpoint.name_of(state) if snapshot else None,
            metrics=self.measure() if snapshot else {},
        )
        self.log.write(tick)
        state.averages.reset()
        self.tick_began, self.tick_images = time.monotonic(), state.images
        return tick

    def save_snapshot(self) -> Saved:
        path = self.folder.snapshots / f"{checkpoint.name_of(self.state)}.safetensors"
        generator = self.state.generator_ema
        parts: dict[str, Any] = {"generator_ema": (generator.config, generator.state_dict())}
        write_model(path, parts, family=generator.config.family, data=self.data.name)
        return Saved("snapshot", path)

    def save_samples(self) -> Saved:
        path = self.folder.samples / f"{checkpoint.name_of(self.state)}.png"
        pictures.save_png(path, report.sample_grid(self.state.generator_ema, self.latents))
        return Saved("samples", path)

    def measure(self) -> dict[str, float]:
        """The metrics asked for, of the averaged generator."""
        if self.reals is None:
            self.reals = RealFeatures(self.data)
        return {name: METRICS[name](self.state.generator_ema, self.reals).value for name in self.config.outputs.metrics}
