"""A video's frames, kept as PNGs until all are drawn: a walk that was killed goes on at the frame where it was."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylegans.files.pictures import visible
from stylegans.tools.layouts import encode
from stylegans.tools.unfinished import Unfinished

Draw = Callable[[Sequence[int]], Iterable[np.ndarray]]
"""Numbers of frames → their pictures [H, W, C]."""


def draw_missing(work: Unfinished, total: int, draw: Draw) -> Iterator[int]:
    """Draw and keep the frames that are not there; yields how many are. Of other channels than a PNG holds, what can be
    shown."""
    missing = [number for number in range(total) if not _path(work, number).exists()]
    for done, (number, picture) in enumerate(zip(missing, draw(missing), strict=True), start=1):
        work.place(_path(work, number), encode(visible(picture)))
        yield total - len(missing) + done


def kept(work: Unfinished, total: int) -> int:
    """How many frames are there."""
    return sum(_path(work, number).exists() for number in range(total))


def read(work: Unfinished, total: int) -> Iterator[np.ndarray]:
    """The frames [H, W, C], in order."""
    for number in range(total):
        with Image.open(_path(work, number)) as image:
            picture = np.asarray(image)
        yield picture if picture.ndim == 3 else picture[:, :, None]


def _path(work: Unfinished, number: int) -> Path:
    return work.folder / f"frame-{number:07d}.png"
