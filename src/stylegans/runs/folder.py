"""The run directory: its layout, who may write to it, and what may change when a run is continued."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stylegans.config import Run
from stylegans.config.codec import flatten, from_json, to_json
from stylegans.errors import UserError
from stylegans.files.atomic import write_text
from stylegans.files.log import read_log

MAY_CHANGE = (
    "preset",  # two names may stand for one preset; its numbers are compared
    "data.path",  # the pictures may have moved; their hash is compared
    "training.kimg",
    "outputs.device",
    "outputs.workers",
    "outputs.compile",
    "outputs.metrics",
    "outputs.metric_ticks",
    "outputs.metric_num",
    "outputs.features",
    "outputs.tick_kimg",
    "outputs.snapshot_kimg",
    "outputs.checkpoint_kimg",
    "outputs.keep_checkpoints",
    "guard.on_collapse",
    "guard.every_kimg",
    "guard.images",
    "guard.rollbacks",
)
"""Fields that may differ when a run is continued: none of them changes what is learned."""


class RunFolder:
    """Paths inside a run directory."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.log = self.path / "log.jsonl"
        self.samples = self.path / "samples"
        self.snapshots = self.path / "snapshots"
        self.checkpoints = self.path / "checkpoints"
        self.best = self.path / "best"

    def read_config(self) -> Run | None:
        """The config of the run that is here, if one is."""
        if not self.config.exists():
            return None
        return from_json(Run, self.config.read_text(encoding="utf-8"), where=str(self.config))

    def claim(self, config: Run) -> Run:
        """Make this the directory of ``config``: a new one, or that of the same run, to be continued.

        Raises:
            UserError: it holds something else, or a run that differs in more than may change.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--out: {self.path} is a file; give a directory")
        old = self.read_config()
        if old is None:
            if self.path.exists() and any(p.name != LOCK for p in self.path.iterdir()):
                raise UserError(f"--out: {self.path} is not empty and holds no run; give a new directory")
        else:
            refuse_changes(old, config, self.path)
            config = replace(config, preset=old.preset)
        for folder in (self.samples, self.snapshots, self.checkpoints):
            folder.mkdir(parents=True, exist_ok=True)
        write_text(self.config, to_json(config))
        return config

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out while this one trains here. The lock ends with the process, however it ends.

        Raises:
            UserError: another process has it.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--out: {self.path} is a file; give a directory")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--out: {self.path} cannot be made ({error.strerror})") from error
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(f"--out: another process is training in {self.path}; wait for it, or stop it") from None
        try:
            yield
        finally:
            lock.release()

    def cut_log(self, *, images: int) -> list[dict[str, Any]]:
        """Drop the ticks after ``images`` pictures (and a line cut short by a crash); return those that stay."""
        ticks = [tick for tick in read_log(self.log) if tick["images"] <= images]
        write_text(self.log, "".join(json.dumps(tick) + "\n" for tick in ticks))
        return ticks

    def set_aside(self, *, images: int, into: str) -> None:
        """Move what was written after ``images`` pictures, of a course that is given up, to a folder of its own."""
        kept = f"{images // 1000:06d}.{images % 1000:03d}"
        for kind in (self.snapshots, self.samples, self.checkpoints):
            for path in sorted(kind.iterdir()):
                name = path.name if path.is_dir() else path.stem
                if name[:6].isdigit() and name > kept:
                    aside = self.path / into / kind.name
                    aside.mkdir(parents=True, exist_ok=True)
                    path.replace(aside / path.name)


LOCK = ".lock"


def refuse_changes(old: Run, new: Run, path: Path) -> None:
    """
    Raises:
        UserError: listing the fields that differ and may not, with old and new values.
    """
    before, after = flatten(old), flatten(new)
    names = sorted((set(before) | set(after)) - set(MAY_CHANGE))
    differing = [name for name in names if before.get(name) != after.get(name)]
    changed = [
        f"{OPTIONS.get(name, name)} was {before.get(name)!r}, is {after.get(name)!r}"
        for name in differing
        if name != "data.hash"
    ]
    if "data.hash" in differing and not any(name.startswith("data.") for name in differing if name != "data.hash"):
        changed.append("the pictures or their labels are others")
    if changed:
        raise UserError(
            f"--out: {path} holds a run with other options: {'; '.join(changed)}. "
            f"Use the old values to continue it, or a new --out"
        )


OPTIONS = {
    "start_from": "--from",
    "data.subset": "--subset",
    "data.labels": "--labels",
    "data.xflip": "--xflip",
    "training.seed": "--seed",
    "training.batch": "--batch",
    "training.r1_gamma": "--gamma",
    "training.loss": "--loss",
    "training.penalty": "--penalty",
    "training.precision": "--precision",
    "training.accumulate": "--accumulate",
    "training.augment.mode": "--aug",
    "training.augment.p": "--aug-p",
    "training.augment.pipe": "--aug-pipe",
    "training.freeze_d": "--freeze-d",
}
"""Fields that have an option of their own."""
