"""Pictures by the hundred thousand: drawn in pieces by one process or several, continued where they were stopped.

What is drawn together is fixed by the options alone (pieces of a few batches, in the order of the seeds), so that the
files are the same bytes however often the work was interrupted and however many processes shared it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from stylegans.data.ordered import ordered
from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.metrics.processes import ALONE, Processes
from stylegans.networks.protocol import Generator, Noise
from stylegans.tools.generate import Label, classes, generate, spelled, styles
from stylegans.tools.layouts import Catalogue, Job, Layout, Piece, encode, suffix_of
from stylegans.tools.unfinished import Unfinished, differing, folder_beside, folder_inside, left, refuse_others

PIECE = 64
"""Pictures, or one batch if that is more, that are lost when the work is killed, and that one process takes at once."""


@dataclass(frozen=True)
class Request:
    """Which pictures are drawn, and how. The fields as ``generate``'s arguments."""

    seeds: tuple[int, ...]
    batch: int
    truncation: float = 1.0
    truncation_layers: int | None = None
    noise: Noise = "const"
    label: Label | None = None

    def as_options(self) -> dict[str, object]:
        """What the pictures depend on, under the names of the command line."""
        fields = asdict(self) | {"seeds": spelled(self.seeds)}
        names = {"label": "class"}
        return {f"--{names.get(name, name).replace('_', '-')}": value for name, value in fields.items()}


def jobs(count: int, *, batch: int, job_size: int | None = None) -> list[Job]:
    """``count`` pictures in pieces of whole batches, one to a job; every picture once.

    Args:
        job_size: pictures in a job, whose last piece is cut short; None: each piece is a job of its own.
    """
    size = batch * max(1, PIECE // batch)
    found: list[Job] = []
    number = 0
    for start in range(0, count, job_size or size):
        stop = min(start + (job_size or size), count)
        bounds = range(start, stop, size)
        pieces = tuple(Piece(number + i, low, min(low + size, stop)) for i, low in enumerate(bounds))
        found.append(Job(len(found), pieces))
        number += len(pieces)
    return found


def check(G: Generator, request: Request) -> None:
    """Refuse what ``draw`` would refuse, before anything is written.

    Raises:
        UserError: an option makes no sense for this model.
    """
    if request.batch < 1:
        raise UserError(f"--batch: {request.batch} pictures at a time is too few; use 1 or more")
    if request.noise != "const" and not G.has_noise:
        raise UserError(f"--noise: this model has no noise inputs, so '{request.noise}' means nothing; leave it out")
    styles(
        G,
        request.seeds[:1],
        truncation=request.truncation,
        truncation_layers=request.truncation_layers,
        label=request.label,
    )


def catalogue_of(G: Generator, request: Request) -> Catalogue:
    """What is to be drawn, picture by picture."""
    labels: Sequence[Label] | None = None
    if G.c_dim:
        labels = classes(G, request.seeds) if request.label is None else [request.label] * len(request.seeds)
    return Catalogue(request.seeds, labels, suffix_of(G.img_channels))


def work_folder(layout: Layout) -> Path:
    """Where the state of unfinished work is kept: inside a folder, beside a zip."""
    return folder_beside(layout.target) if layout.target.suffix == ".zip" else folder_inside(layout.target)


def is_complete(layout: Layout, options: Mapping[str, object], todo: Sequence[Job]) -> bool:
    """Whether the same was made before, and is all there; only layouts with a record tell.

    Raises:
        UserError: something else is there, finished or not, which this would mix with.
    """
    folder = work_folder(layout)
    refuse_others(folder, options)
    if left(folder) is not None or not layout.keeps_record or not _holds_anything(layout.target, folder):
        return False
    record = layout.record()
    if record is None:
        raise UserError(f"--out: {layout.target} exists; choose another name or remove it")
    if difference := differing(json.loads(record), options):
        raise UserError(
            f"--out: {layout.target} holds pictures made with {difference}; choose another name or remove it"
        )
    return all(path.is_file() for path in layout.files(todo))


def _holds_anything(target: Path, folder: Path) -> bool:
    return any(path != folder for path in target.iterdir()) if target.is_dir() else target.exists()


def progress(work: Unfinished, todo: Sequence[Job]) -> int:
    """How many pictures are written, by whichever process."""
    done = work.done()
    return sum(piece.count for job in todo for piece in job.pieces if piece.name in done)


def draw(
    G: Generator,
    request: Request,
    layout: Layout,
    work: Unfinished,
    *,
    todo: Sequence[Job],
    processes: Processes = ALONE,
) -> Iterator[None]:
    """Draw this process's share of what is missing; yields after each picture.

    What is not written when the caller ends it is drawn anew when the work is continued.
    """
    done = work.done()
    # by its number and not by its place among the missing: who starts late would see fewer of them
    mine = [job for job in todo if processes.mine(job.number) and job.name not in done]
    for job in mine:
        if all(piece.name in done for piece in job.pieces):  # stopped just before it was sealed
            _close(layout, work, job)
    pieces = [(job, piece) for job in mine for piece in job.pieces if piece.name not in done]
    pictures = _pictures(G, request, [piece for _, piece in pieces])
    files = ordered(encode, pictures)
    for job, piece in pieces:
        contents = []
        for _ in range(piece.count):
            contents.append(next(files))
            yield
        layout.write(work, piece, contents)
        work.mark(piece.name)
        if piece is job.pieces[-1]:
            _close(layout, work, job)


def _close(layout: Layout, work: Unfinished, job: Job) -> None:
    layout.seal(work, job)
    work.mark(job.name)
    layout.discard(work, job)


def batches_of(G: Generator, request: Request, seeds: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """Some of the request's pictures, as ``generate`` yields them."""
    return generate(
        G,
        seeds,
        truncation=request.truncation,
        truncation_layers=request.truncation_layers,
        noise=request.noise,
        label=request.label,
        batch=request.batch,
    )


def _pictures(G: Generator, request: Request, pieces: Sequence[Piece]) -> Iterator[np.ndarray]:
    for piece in pieces:
        for _, images in batches_of(G, request, request.seeds[piece.start : piece.stop]):
            yield from to_uint8(images)
