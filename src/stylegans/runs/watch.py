"""The guard at work in a run: it looks from time to time, remembers, keeps the best, and says what it sees.

What is measured is in ``observer``, what it means in ``guard``; here is when, and where the best state is kept:
``best/NNNNNN.safetensors``, the averaged generator, and beside it, where a run may roll back, ``best/NNNNNN/``,
everything needed to continue from there.
"""

from typing import Any

from stylegans import checkpoint
from stylegans.config import Run
from stylegans.data.images import ImageDataset
from stylegans.metrics.reals import RealFeatures
from stylegans.runs import guard
from stylegans.runs.folder import RunFolder
from stylegans.runs.guard import Signals, Verdict
from stylegans.runs.observer import Observer
from stylegans.training.state import State


class Watch:
    """What the guard has seen of a run so far."""

    def __init__(self, folder: RunFolder, config: Run, data: ImageDataset, reals: RealFeatures) -> None:
        self.folder, self.config, self.data, self.reals = folder, config, data, reals
        self.history: list[Signals] = []
        self.rollbacks = 0
        self._observer: Observer | None = None

    @property
    def on(self) -> bool:
        return self.config.guard.on_collapse != "off"

    def look(self, state: State) -> Signals:
        """Measure now, and remember."""
        if self._observer is None:
            self._observer = Observer(
                self.reals,
                channels=self.data.channels,
                num=self.config.guard.images,
                seed=self.config.training.seed,
                device=state.device,
            )
        signals = self._observer.look(
            state.generator_ema, state.generator, images=state.images, averages=state.averages.means()
        )
        self.history.append(signals)
        return signals

    def is_best(self) -> bool:
        """Whether the last look was the best so far."""
        return bool(self.history) and guard.best(self.history) == len(self.history) - 1

    def keeps_states(self) -> bool:
        """Whether the best state is kept whole, to go back to."""
        return self.config.guard.on_collapse == "rollback"

    def judge(self) -> Verdict | None:
        """What the history means, if anything; said once."""
        return guard.judge(self.history, training=self.config.training)

    def to_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {"rollbacks": self.rollbacks, "history": [guard.to_dict(signals) for signals in self.history]}

    def load_dict(self, values: dict[str, Any]) -> None:
        self.rollbacks = values["rollbacks"]
        self.history = [guard.from_dict(signals) for signals in values["history"]]

    def save_best(self, state: State, *, seconds: float) -> None:
        """Keep the whole state, instead of the one kept before."""
        checkpoint.save(self.folder.best, state, seconds=seconds, beside=self.to_dict())
        checkpoint.prune(self.folder.best, keep=1)
