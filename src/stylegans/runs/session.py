"""One process's part of a run: where it takes up, what is due when, what the guard says and what is done about it."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stylegans import checkpoint
from stylegans.config import Run
from stylegans.config.sizes import format_size
from stylegans.data.images import ImageDataset
from stylegans.data.limits import cores
from stylegans.data.pipeline import batches
from stylegans.errors import Diverged, RunFailed
from stylegans.files import pictures
from stylegans.files.atomic import remove_leftovers
from stylegans.files.model_file import write_model
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.resolution_shares import shares_now
from stylegans.models import best_model
from stylegans.networks.base import GeneratorNetwork
from stylegans.runs import machine, measuring, report
from stylegans.runs.compiling import compile_players
from stylegans.runs.events import Event, Saved, Started, Stepped, Warned
from stylegans.runs.folder import RunFolder
from stylegans.runs.guard import Signals, Verdict, seen
from stylegans.runs.initial import start_from
from stylegans.runs.loading import Loading, advice
from stylegans.runs.report import Tick, crossed
from stylegans.runs.watch import Watch
from stylegans.training.loop import check_finite, train
from stylegans.training.posthoc_ema import part_name
from stylegans.training.schedule import batch_size
from stylegans.training.setup import start

ROLLBACK_RATE = 0.25
"""A run that goes back goes on with its learning rates times this: too high a rate is the usual cause."""


class GivenUp(RunFailed):
    """The guard has seen a training that should not go on."""


class Session:
    """The clock, the log, the state, and the guard."""

    def __init__(self, folder: RunFolder, config: Run, data: ImageDataset, *, device: torch.device) -> None:
        self.folder, self.config, self.data = folder, config, data
        self.state, self.phases = start(config, device=device)
        self.latents = report.grid_latents(self.state.generator_ema, data, seed=config.training.seed)
        self.reals = RealFeatures(data)
        self.watch = Watch(folder, config, data, self.reals)
        self.before = 0.0
        self.workers = machine.choose_workers(config.outputs.workers, device)
        self.complains = True
        """About waiting for pictures, once."""

    def resume(self) -> Started:
        """Load the newest checkpoint, if there is one, and cut the log back to it."""
        notes = list(compile_players(self.state))
        for leftovers in (self.folder.checkpoints, self.folder.snapshots, self.folder.samples):
            remove_leftovers(leftovers)
        newest = checkpoint.newest(self.folder.checkpoints)
        transfer = None
        if newest is None and self.config.start_from:
            transfer = start_from(self.config.start_from, self.state)
        if newest is not None:
            resumed = checkpoint.load(newest, self.state)
            self.before = resumed.seconds
            self.watch.load_dict(resumed.beside)
            here = checkpoint.environment(self.state)
            notes += [
                f"continued with {name} {here[name]}, was {was}: close to the undisturbed run, not bit for bit"
                for name, was in resumed.environment.items()
                if here.get(name) != was
            ]
        if self.workers > cores():
            notes.append(f"--workers {self.workers} are more than the {cores()} cores; they take turns")
        if not report.has_tensorboard():
            notes.append("no TensorBoard events: pip install 'stylegans[track]'")
        machine.return_memory()
        self.began = time.monotonic()
        self.open_log()
        return Started(
            self.config,
            self.folder.path,
            str(self.state.device),
            self.state.images,
            self.before,
            tuple(notes),
            transfer,
        )

    def open_log(self) -> None:
        """The log up to here, ready for more."""
        self.folder.cut_log(images=self.state.images)
        self.log = report.Log(self.folder.log, images=self.state.images)
        self.tick_began, self.tick_images = time.monotonic(), self.state.images

    def close(self) -> None:
        self.log.close()

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

    def train(self, stop: Callable[[], bool]) -> Generator[Event, None, bool]:
        """Train to the run's length, from a better state again if that is asked for; return whether it was stopped."""
        while True:
            try:
                return (yield from self.train_from_here(stop))
            except (Diverged, GivenUp) as trouble:
                if self.config.guard.on_collapse != "rollback":
                    raise
                yield from self.roll_back(trouble)

    def train_from_here(self, stop: Callable[[], bool]) -> Generator[Event, None, bool]:
        config, state = self.config, self.state
        target = config.training.kimg * 1000
        if state.images >= target:
            return False
        stream = batches(
            self.data,
            batch=partial(batch_size, config),
            seed=config.training.seed,
            position=state.images,
            workers=self.workers,
            pin=state.device.type == "cuda",
        )
        self.loading = Loading(stream, a_pass=len(self.data), device=state.device)
        with closing(stream):
            for _ in train(state, self.loading, self.phases):
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
        measures = bool(outputs.metrics) and (
            snaps if outputs.metric_ticks is None else crossed(before, images, outputs.tick_kimg * outputs.metric_ticks)
        )
        snaps = snaps or measures  # what was measured can be had
        looks = self.watch.on and not ended and crossed(before, images, self.config.guard.every_kimg)
        if ticks or snaps or checks or looks or stopped:
            check_finite(self.state)
        if snaps or stopped:
            yield self.save_snapshot()
            yield self.save_samples()
        verdict = None
        if looks:
            signals = self.watch.look(self.state)
            verdict = self.watch.judge()
            if verdict is None and self.watch.is_best():
                yield self.save_best()
        if ticks or snaps or looks:
            tick = self.tick(snapshot=snaps, measures=measures, signals=signals if looks else None)
            yield tick
            if self.complains and self.loading.is_slow:
                self.complains = False
                yield Warned("loading", advice(tick.loading, workers=self.workers, cores=cores()))
        if verdict is not None:
            yield from self.act(verdict)
        if checks or ended or stopped:
            yield self.save_checkpoint()

    def act(self, verdict: Verdict) -> Iterator[Event]:
        """Say what the guard thinks, and do what the user wants done.

        Raises:
            GivenUp: the run should not go on from here.
        """
        what = self.config.guard.on_collapse
        if what != "stop":  # which says it as it ends
            yield Warned(verdict.kind, verdict.message)
        if what == "stop" or (what == "rollback" and verdict.kind != "overfitting"):
            kept = f"The best model so far is {self.folder.path}@best" if best_model(self.folder.path) else ""
            raise GivenUp(". ".join(part for part in (verdict.message.rstrip("."), kept) if part))

    def roll_back(self, trouble: RunFailed) -> Iterator[Event]:
        """Go back to the best state, or to the beginning, and on from there with a quarter of the learning rates.

        What was written since is set aside. Other random numbers are drawn from there on.

        Raises:
            RunFailed: it was tried often enough.
        """
        times = self.watch.rollbacks + 1
        if times > self.config.guard.rollbacks:
            raise RunFailed(f"{trouble}. It was rolled back {self.watch.rollbacks} times, which did not help")
        self.log.close()
        seconds = self.seconds()
        self.state, _ = start(self.config, device=self.state.device)
        compile_players(self.state)
        self.watch.history.clear()
        newest = checkpoint.newest(self.folder.best)
        if newest is not None:
            self.watch.load_dict(checkpoint.load(newest, self.state).beside)
        elif self.config.start_from:
            start_from(self.config.start_from, self.state)
        self.watch.rollbacks = times
        self.state.lr_scale = ROLLBACK_RATE**times
        self.state.random.manual_seed(self.config.training.seed + times * 1_000_003)
        checkpoint.save(self.folder.checkpoints, self.state, seconds=seconds, beside=self.watch.to_dict())
        self.folder.set_aside(images=self.state.images, into=f"rolled-back-{times}")
        self.open_log()
        if isinstance(trouble, Diverged):
            yield Warned("divergence", str(trouble))
        yield Warned(
            "rollback",
            f"back to {self.state.kimg:g} kimg, and on with the learning rates times {self.state.lr_scale:g} "
            f"({times} of at most {self.config.guard.rollbacks}); what came after is in "
            f"{self.folder.path / f'rolled-back-{times}'}",
        )

    def tick(self, *, snapshot: bool, measures: bool, signals: Signals | None) -> Tick:
        """Log the means since the last tick, the resolutions' shares, what the guard saw and the metrics, where due."""
        state, now = self.state, time.monotonic()
        measured = measuring.measure(state.generator_ema, self.reals, self.config) if measures else []
        tick = Tick(
            images=state.images,
            kimg=state.kimg,
            seconds=round(self.seconds(), 3),
            sec_per_kimg=round((now - self.tick_began) / (state.images - self.tick_images) * 1000, 3),
            losses=state.averages.means(),
            memory=machine.peak_memory(state.device),
            snapshot=checkpoint.name_of(state) if snapshot else None,
            metrics={name: value for found in measured for name, value in found.values.items()},
            compared_by=measuring.compared_by(measured),
            guard={} if signals is None else seen(signals),
            shares={format_size(size): share for size, share in shares_now(state.generator_ema, self.reals).items()},
            loading=round(self.loading.share(now - self.tick_began), 4),
        )
        self.log.write(tick)
        state.averages.reset()
        self.tick_began, self.tick_images = time.monotonic(), state.images
        return tick

    def save_snapshot(self) -> Saved:
        path = self.folder.snapshots / f"{checkpoint.name_of(self.state)}.safetensors"
        averages = {part_name(length): average for length, average in self.state.generator_power.items()}
        self.write_model(path, {"generator_ema": self.state.generator_ema} | averages)
        return Saved("snapshot", path)

    def save_best(self) -> Saved:
        """The averaged generator is the best that the guard has seen: keep it, instead of the one kept before."""
        path = self.folder.best / f"{checkpoint.name_of(self.state)}.safetensors"
        self.folder.best.mkdir(exist_ok=True)
        if self.watch.keeps_states():
            self.watch.save_best(self.state, seconds=self.seconds())
        self.write_model(path, {"generator_ema": self.state.generator_ema})
        for old in self.folder.best.glob("*.safetensors"):
            if old != path:
                old.unlink()
        return Saved("best", path)

    def write_model(self, path: Path, networks: Mapping[str, GeneratorNetwork]) -> None:
        parts: dict[str, Any] = {part: (network.config, network.state_dict()) for part, network in networks.items()}
        family = self.state.generator.config.family
        write_model(
            path,
            parts,
            family=family,
            data=self.data.name,
            labels=self.data.label_kind,
            images=self.state.images,
        )

    def save_checkpoint(self) -> Saved:
        folder, beside = self.folder.checkpoints, self.watch.to_dict()
        path = checkpoint.save(folder, self.state, seconds=self.seconds(), beside=beside)
        checkpoint.prune(folder, keep=self.config.outputs.keep_checkpoints)
        return Saved("checkpoint", path)

    def save_samples(self) -> Saved:
        path = self.folder.samples / f"{checkpoint.name_of(self.state)}.png"
        pictures.save_png(path, report.sample_grid(self.state.generator_ema, self.latents))
        return Saved("samples", path)
