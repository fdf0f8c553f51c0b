"""A training run in its directory: ``for event in run(config, data, out): …``.

The run continues from its newest checkpoint, trains to ``training.kimg``, and on its way writes ticks, samples,
snapshots and checkpoints, and keeps an eye on itself. It is stopped by not asking for the next event, by ``stop``, or
by force.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from stylegans.augment import diffaugment, pipeline
from stylegans.config import Run
from stylegans.config.adjust import validate
from stylegans.config.precision import with_clamp
from stylegans.data.images import ImageDataset
from stylegans.data.pipeline import check_batch
from stylegans.errors import RunFailed
from stylegans.networks.families import build_discriminator
from stylegans.runs import compiling, machine, measuring
from stylegans.runs.events import Event, Finished, Saved, Started, Stepped, Warned
from stylegans.runs.folder import RunFolder
from stylegans.runs.initial import check_initial
from stylegans.runs.session import Session
from stylegans.training.freeze import freeze
from stylegans.training.schedule import largest_batch

__all__ = ["Event", "Finished", "Saved", "Started", "Stepped", "Warned", "run"]


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
    measuring.check(config, data)
    check_augment(config, data)
    check_freeze(config)
    check_batch(data, batch=largest_batch(config.training), workers=config.outputs.workers or 0)
    if config.start_from:
        check_initial(config.start_from, config)
    device = machine.choose_device(config.outputs.device)
    machine.check_precision(config.training.precision, device)
    compiling.check(config)
    folder = RunFolder(out)
    with folder.lock():
        config = folder.claim(_resolved(config, data, device, folder.read_config()))
        try:
            yield from _train_in(folder, config, data, device, stop)
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunFailed(f"{out}: cannot be written ({reason}); the last checkpoint is intact") from error


def check_augment(config: Run, data: ImageDataset) -> None:
    """
    Raises:
        UserError: the augmentations asked for cannot act on pictures of so many channels.
    """
    augment = config.training.augment
    if augment.mode in ("ada", "fixed"):
        pipeline.check(augment.pipe, channels=data.channels)
    elif augment.mode == "diffaugment":
        diffaugment.check(augment.policy, channels=data.channels)


def check_freeze(config: Run) -> None:
    """
    Raises:
        UserError: the discriminator has fewer layers than are to be frozen.
    """
    if config.training.freeze_d:
        with torch.device("meta"):  # shapes alone
            freeze(build_discriminator(config.discriminator), config.training.freeze_d)


def _resolved(config: Run, data: ImageDataset, device: torch.device, old: Run | None) -> Run:
    """The config with nothing left to this machine: what the pictures are, and the precision that 'auto' means.

    In float16 activations are clamped, and the models say so. A run that continues keeps its precision, whatever
    machine it continues on.
    """
    precision = config.training.precision
    if precision == "auto" and old is None:
        precision = machine.choose_precision(config, device)
    elif precision == "auto" and old is not None:
        precision = old.training.precision
        machine.check_precision(precision, device)
    resolved = replace(
        config,
        data=replace(config.data, hash=data.content_hash()),
        training=replace(config.training, precision=precision),
    )
    return with_clamp(resolved)


def _train_in(
    folder: RunFolder, config: Run, data: ImageDataset, device: torch.device, stop: Callable[[], bool]
) -> Iterator[Event]:
    machine.tune_convolutions(device)
    session = Session(folder, config, data, device=device)
    started = session.resume()
    with closing(session):
        yield started
        if session.state.images == 0:
            yield from session.first_look()
        stopped = yield from session.train(stop)
    yield Finished("stopped" if stopped else "done", session.state.images, session.seconds())
