"""A model from its name to its numbers: its file, the data set it is compared with, and the record of both."""

from dataclasses import dataclass
from pathlib import Path

import torch

from stylegans import models
from stylegans.config import Data
from stylegans.config.sizes import format_size
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.errors import UserError
from stylegans.metrics.features.catalogue import sha256_of
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.records import Subject
from stylegans.networks.protocol import Generator
from stylegans.runs.folder import RunFolder


@dataclass(frozen=True)
class Opened:
    """A model and what it is measured against."""

    G: Generator
    file: Path
    """The model's."""
    reals: RealFeatures | None
    """None: no data set was named, and the model is in no run that was trained on one."""
    subject: Subject


def open_model(
    name: str, *, data: str | None = None, labels: bool = False, xflip: bool = False, device: torch.device
) -> Opened:
    """Load a model and open the data set to compare it with.

    Args:
        name: anything ``stylegans.load`` takes.
        data: a path or an embedded set's name; None: the set that the model's run was trained on, in the same part.
        labels: open the set with its labels, whether or not the model takes them.
        xflip: the set's pictures also stand in it mirrored.

    Raises:
        UserError, MissingFile: the model or the set cannot be opened, or their channels differ.
    """
    file = models.find(name)
    G: Generator = models.load(name, device=device)
    dataset = open_data(G, trained_on(file) if data is None else Data(path=data, xflip=xflip), labels=labels, file=file)
    subject = Subject(
        model=name,
        model_sha256=sha256_of(file),
        data="" if dataset is None else dataset.name,
        data_hash="" if dataset is None else dataset.content_hash(),
        resolution=G.img_resolution,
        device=str(device),
    )
    return Opened(G, file, None if dataset is None else RealFeatures(dataset), subject)


def run_of(file: Path) -> Path | None:
    """The run directory that a snapshot lies in."""
    folder = file.resolve().parent.parent
    return folder if (folder / "config.json").is_file() else None


def trained_on(file: Path) -> Data:
    """The data set of the run that a snapshot lies in; of other files one without a path."""
    folder = run_of(file)
    config = None if folder is None else RunFolder(folder).read_config()
    return Data() if config is None else config.data


def open_data(G: Generator, data: Data, *, labels: bool, file: Path) -> ImageDataset | None:
    """The data set at the model's size.

    Raises:
        UserError, MissingFile: it cannot be opened, or has other channels than the model's pictures.
    """
    if not data.path:
        return None
    folder = run_of(file)
    config = None if folder is None else RunFolder(folder).read_config()
    dataset = open_dataset(
        data.path,
        size=G.img_resolution,
        xflip=data.xflip,
        labels=labels or G.c_dim > 0,
        subset=data.subset,
        subset_seed=0 if config is None else config.training.seed,
    )
    if dataset.channels != G.img_channels:
        raise UserError(
            f"--data: pictures of '{data.path}' have {dataset.channels} channels, the model's {G.img_channels} "
            f"({format_size(G.img_resolution)}); give the set it was trained on"
        )
    return dataset
