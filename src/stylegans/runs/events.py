"""What a run reports while it goes."""

from dataclasses import dataclass
from pathlib import Path

from stylegans.config import Run
from stylegans.runs.initial import Transfer
from stylegans.runs.report import Tick


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
    transfer: Transfer | None = None
    """What was taken over from another model."""


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
class Warned:
    """The guard has seen a collapse, a divergence or overfitting; the run has gone back to its best state; or it
    waits too long for pictures."""

    kind: str
    message: str


@dataclass(frozen=True)
class Finished:
    """The run has ended: 'done' at its full length, or 'stopped' on request."""

    reason: str
    images: int
    seconds: float


Event = Started | Stepped | Tick | Saved | Warned | Finished
