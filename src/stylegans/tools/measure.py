"""From a name to what is measured: a model or pictures, the set they are compared with, and the record of both."""

from dataclasses import dataclass
from pathlib import Path

import torch

from stylegans import models
from stylegans.config import Run
from stylegans.data import builtin
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.interop import hub
from stylegans.metrics.features.catalogue import sha256_of
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.records import Subject
from stylegans.networks.protocol import Generator
from stylegans.runs.folder import RunFolder


@dataclass(frozen=True)
class Opened:
    """What is measured, and against what."""

    measured: Generator | RealFeatures
    name: str
    """For files about it."""
    home: Path
    """The folder where its records go: a run's own, or the one it lies in."""
    reals: RealFeatures | None
    """None: no data set was named, and the model is in no run that was trained on one."""
    subject: Subject


def open_subject(
    name: str, *, data: str | None = None, labels: bool = False, xflip: bool = False, device: torch.device
) -> Opened:
    """Load a model, or open pictures, and the data set to compare them with.

    Args:
        name: anything ``stylegans.load`` takes, or a folder or zip of pictures, or an embedded set's name.
        data: a path or an embedded set's name; None: the set that the model's run was trained on, in the same part.
        labels: open the set with its labels, whether or not the model takes them.
        xflip: the set's pictures also stand in it mirrored.

    Raises:
        UserError, MissingFile: one of them cannot be opened.
    """
    if is_pictures(name):
        return _open_pictures(name, data=data, xflip=xflip, device=device)
    file = models.find(name)
    G: Generator = models.load(name, device=device)
    run = run_of(file)
    dataset = None
    if data is not None:
        dataset = open_dataset(data, size=G.img_resolution, labels=labels or G.c_dim > 0, xflip=xflip)
    elif run is not None:
        dataset = training_set(RunFolder(run).read_config(), labels=labels)
    return Opened(
        measured=G,
        name=f"{run.name}-{file.stem}" if run else Path(name).name if hub.is_address(name) else file.stem,
        home=run or (Path() if hub.is_address(name) else file.parent),
        reals=None if dataset is None else RealFeatures(dataset),
        subject=_subject(name, sha256_of(file), dataset, G.img_resolution, device),
    )


def is_pictures(name: str) -> bool:
    """Whether it is a set of pictures: an embedded one, a zip, or a folder that is no run's."""
    path = Path(name)
    is_run = (path / "config.json").exists() or (path / "snapshots").exists()
    return name in builtin.EMBEDDED or (path.is_file() and path.suffix == ".zip") or (path.is_dir() and not is_run)


def _open_pictures(name: str, *, data: str | None, xflip: bool, device: torch.device) -> Opened:
    pictures = open_dataset(name)
    dataset = None if data is None else open_dataset(data, size=pictures.resolution, xflip=xflip)
    return Opened(
        measured=RealFeatures(pictures),
        name=pictures.name,
        home=Path() if name in builtin.EMBEDDED else Path(name).resolve().parent,
        reals=None if dataset is None else RealFeatures(dataset),
        subject=_subject(name, pictures.content_hash(), dataset, pictures.resolution, device),
    )


def _subject(
    name: str, sha256: str, dataset: ImageDataset | None, resolution: tuple[int, int], device: torch.device
) -> Subject:
    return Subject(
        model=name,
        model_sha256=sha256,
        data="" if dataset is None else dataset.name,
        data_hash="" if dataset is None else dataset.content_hash(),
        resolution=resolution,
        device=str(device),
    )


def run_of(file: Path) -> Path | None:
    """The run directory that a snapshot lies in."""
    folder = file.resolve().parent.parent
    return folder if (folder / "config.json").is_file() else None


def training_set(run: Run | None, *, labels: bool) -> ImageDataset | None:
    """What the run was trained on, at its size and in the same part; None where the run does not say."""
    if run is None or not run.data.path:
        return None
    return open_dataset(
        run.data.path,
        size=run.generator.resolution,
        xflip=run.data.xflip,
        labels=labels or run.data.labels,
        subset=run.data.subset,
        subset_seed=run.training.seed,
    )
