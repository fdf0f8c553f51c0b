"""What a run leaves to be read: a line per tick, TensorBoard events, sample grids, curves."""

import importlib.util
import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from stylegans.data.images import ImageDataset
from stylegans.files import pictures
from stylegans.files.atomic import atomic_file
from stylegans.networks.protocol import Generator, device_of

GRID_SIDE = 1024
"""Sample grids are at most about so many pixels wide and high."""


@dataclass(frozen=True)
class Comparison:
    """A number by which snapshots are compared."""

    metric: str
    better: Literal["lower", "higher"]


@dataclass(frozen=True)
class Tick:
    """One line of ``log.jsonl``."""

    images: int
    kimg: float
    seconds: float
    """Spent training, over all sessions."""
    sec_per_kimg: float
    """Over this tick, or what of it this session did."""
    losses: dict[str, float]
    """Mean of every loss and statistic over the tick."""
    memory: int | None
    """Most bytes held so far; None: not known."""
    snapshot: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    compared_by: Comparison | None = None
    """Which of the metrics chooses the best snapshot."""
    guard: dict[str, float] = field(default_factory=dict)
    """What the guard saw, if it looked."""
    shares: dict[str, float] = field(default_factory=dict)
    """Of each resolution in the averaged generator's pictures, like '4x4': see ``metrics/resolution_shares.py``."""
    loading: float = 0.0
    """How much of the tick's time went into waiting for pictures, from 0 to 1."""


class Log:
    """Appends ticks to ``log.jsonl`` and, where TensorBoard is installed, to its events."""

    def __init__(self, path: Path, *, images: int) -> None:
        """``images``: pictures seen so far; events of a later point, from a killed session, are void."""
        self._file = path.open("a", encoding="utf-8")
        self._events = _event_writer(path.parent, images)

    def write(self, tick: Tick) -> None:
        self._file.write(json.dumps(asdict(tick)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._events is not None:
            shares = {f"shares/{size}": share for size, share in tick.shares.items()}
            times = {"sec_per_kimg": tick.sec_per_kimg, "loading": tick.loading}
            values = tick.losses | tick.metrics | tick.guard | shares | times
            for name, value in values.items():
                self._events.add_scalar(name, value, global_step=tick.images)
            self._events.flush()

    def close(self) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()


def has_tensorboard() -> bool:
    """Whether the extra that writes TensorBoard events is installed."""
    return importlib.util.find_spec("tensorboard") is not None


def _event_writer(folder: Path, images: int) -> Any:
    if not has_tensorboard():
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=images + 1)


@dataclass(frozen=True)
class GridLatents:
    """The latents that a run draws again and again, to be compared over time."""

    z: torch.Tensor
    c: torch.Tensor
    columns: int


def grid_latents(generator: Generator, data: ImageDataset, *, seed: int) -> GridLatents:
    """As many pictures as fit in the grid; of labelled sets one class, or one vector, to a row.

    Of more classes than rows, and of vectors, those are shown that lie evenly among all.
    """
    height, width = generator.img_resolution
    classes = np.zeros([0, generator.c_dim], dtype=np.float32)
    if generator.c_dim:
        classes = np.unique(np.stack([data.label(i) for i in range(len(data))]), axis=0)[::-1]
    most_rows = max(8, min(len(classes), GRID_SIDE // height))
    columns, rows = (min(max(GRID_SIDE // side, 4), most) for side, most in ((width, 12), (height, most_rows)))
    count = columns * rows
    z = np.random.RandomState(seed).randn(count, generator.z_dim).astype(np.float32)
    c = np.zeros([count, generator.c_dim], dtype=np.float32)
    if len(classes):
        evenly = np.linspace(0, len(classes) - 1, rows).round().astype(int)
        chosen = evenly if len(classes) > rows else np.arange(rows) % len(classes)
        c = classes[chosen].repeat(columns, axis=0)
    return GridLatents(z=torch.from_numpy(z), c=torch.from_numpy(c), columns=columns)


@torch.no_grad()
def sample_grid(generator: Generator, latents: GridLatents, *, batch: int = 16) -> np.ndarray:
    """The grid's pictures by ``generator``, as one uint8 ``[H, W, C]``; of other than 1, 3 or 4 channels what
    ``pictures.visible`` shows."""
    device = device_of(generator)
    images = [
        generator(z.to(device), c.to(device) if generator.c_dim else None).cpu()
        for z, c in zip(latents.z.split(batch), latents.c.split(batch), strict=True)
    ]
    return pictures.tile(pictures.visible(pictures.to_uint8(torch.cat(images))), columns=latents.columns)


def real_grid(data: ImageDataset, *, columns: int, rows: int, seed: int) -> np.ndarray:
    """Real pictures, chosen by ``seed``, as one uint8 ``[H, W, C]``, shown as in :func:`sample_grid`."""
    count = min(columns * rows, len(data))
    chosen = np.random.RandomState(seed).permutation(len(data))[:count]
    reals = np.stack([data.image(int(i)).transpose(1, 2, 0) for i in chosen])
    return pictures.tile(pictures.visible(reals), columns=columns)


def draw_curves(ticks: list[dict[str, Any]], path: Path) -> None:
    """The run's losses and scores over time, as a PNG."""
    import matplotlib.figure

    groups = {
        "losses": ["loss_G", "loss_D"],
        "discriminator's mean score": ["scores_real", "scores_fake"],
        "regularisation": ["R1", "path_length"],
        "augmentation": ["signs_real", "augment_p"],
    }
    groups = {title: [n for n in names if any(n in t["losses"] for t in ticks)] for title, names in groups.items()}
    groups = {title: names for title, names in groups.items() if names}
    figure = matplotlib.figure.Figure(figsize=(4.5 * max(len(groups), 1), 3.2), layout="constrained")
    for i, (title, names) in enumerate(groups.items()):
        axes = figure.add_subplot(1, len(groups), i + 1)
        for name in names:
            points = [(t["kimg"], t["losses"][name]) for t in ticks if name in t["losses"]]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
        axes.set(title=title, xlabel="thousand pictures seen")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def crossed(before: int, after: int, every_kimg: float) -> bool:
    """Whether a multiple of ``every_kimg`` thousand pictures lies in (before, after]."""
    every = every_kimg * 1000
    return math.floor(after / every) > math.floor(before / every)
