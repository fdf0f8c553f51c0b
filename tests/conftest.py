"""What holds for every test: one thread, one seed, no window, and the same examples in every checking run."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import numpy as np
import pytest
import torch
from torch import Tensor

from stylegans.config import Run
from stylegans.config.adjust import with_channels, with_labels, with_size
from stylegans.presets import get

hypothesis.settings.register_profile("here", deadline=None, max_examples=25)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("here"), derandomize=True)
hypothesis.settings.load_profile("ci" if "CI" in os.environ else "here")

torch.set_num_threads(1)

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's cache is read or changed; a worker's tests share one, as a user's commands do."""
    monkeypatch.setenv("STYLEGANS_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@dataclass(frozen=True)
class Golden:
    """What a published network computed: its options, parameters (under its own names), inputs and outputs."""

    config: dict[str, Any]
    state: dict[str, Tensor]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def tolerance(self, output: str) -> float:
        """What float32 can promise of an output whose terms nearly cancel: a few of the published network's own errors.

        The files record how far it was from itself in float64. Where that is little it is the usual 1e-5.
        """
        rounding = self.config["max_abs_err_f32_vs_f64"][output] / self.config["max_abs_value"][output]
        return max(1e-5, 3 * rounding)


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Golden]:
    def load(name: str) -> Golden:
        with np.load(GOLDEN / f"{name}.npz") as file:
            arrays = {key: torch.from_numpy(file[key]) for key in file.files if key != "config"}
            config = json.loads(str(file["config"]))

        def below(*kinds: str) -> dict[str, Tensor]:
            return {key.partition("/")[2]: value for key, value in arrays.items() if key.partition("/")[0] in kinds}

        return Golden(config, below("param", "buffer"), below("in"), below("out"))

    return load


@pytest.fixture(scope="session")
def relative_error() -> Callable[[Tensor, Tensor], float]:
    """Norm of the difference over the norm of the reference."""
    return lambda found, expected: ((found - expected).norm() / expected.norm()).item()


@pytest.fixture(scope="session")
def small_run() -> Callable[..., Run]:
    """A run so small that a batch takes milliseconds."""
    from dataclasses import replace

    def make(*, size: tuple[int, int] = (16, 16), channels: int = 3, labels: int = 0, **training: Any) -> Run:
        run = with_labels(with_channels(with_size(get("tiny"), size), channels), labels)
        narrow = {"channel_base": 64, "channel_max": 8}
        mapping = replace(run.generator.mapping, z_dim=8, w_dim=8)
        return replace(
            run,
            generator=replace(run.generator, mapping=mapping, **narrow),
            discriminator=replace(run.discriminator, **narrow),
            training=replace(run.training, **({"batch": 4, "r1_interval": 4, "pl_interval": 2} | training)),
        )

    return make
