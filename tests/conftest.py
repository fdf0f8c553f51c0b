"""What holds for every test: one thread, one seed, no window, and the same examples in every checking run."""

import json
import os
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Mapping
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
        return max(1e-5, 4 * rounding)


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


# --- checkpoints as NVIDIA's PyTorch code writes them ---------------------------------------------------------------


class EasyDict(dict[str, Any]):
    """By the name of theirs."""


def _reconstruct_persistent_obj(meta: object) -> None:
    raise AssertionError("was run")


EasyDict.__module__ = "dnnlib.util"
_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"

BUFFERS = ("resample_filter", "noise_const", "w_avg", "magnitude_ema", "up_filter", "down_filter", "freqs", "phases",
           "transform")  # fmt: skip


class Persistent:
    """A module of theirs: pickled as its attributes, beside source that must not be run."""

    def __init__(self, class_name: str, tensors: Mapping[str, Tensor], **attributes: Any) -> None:
        own = {name: value for name, value in tensors.items() if "." not in name}
        children = dict.fromkeys(name.partition(".")[0] for name in tensors if "." in name)
        self.class_name = class_name
        self.state: dict[str, Any] = {
            "training": False,
            "_parameters": OrderedDict((k, torch.nn.Parameter(v)) for k, v in own.items() if k not in BUFFERS),
            "_buffers": OrderedDict((k, v) for k, v in own.items() if k in BUFFERS),
            "_non_persistent_buffers_set": set(),
            "_forward_hooks": OrderedDict(),
            "_modules": OrderedDict(
                (child, Persistent("Module", {k.partition(".")[2]: v for k, v in tensors.items()
                                              if k.startswith(f"{child}.")}))
                for child in children
            ),
            "in_size": np.broadcast_to(np.asarray(4), [2]),
            "rate": np.float64(16),
            "_init_args": (),
            "_init_kwargs": {},
        } | attributes  # fmt: skip

    def at(self, *path: str) -> dict[str, Any]:
        """The attributes of a module in it."""
        module = self
        for name in path:
            module = module.state["_modules"][name]
        return module.state

    def __reduce__(self) -> Any:
        meta = EasyDict(
            type="class", version=6, module_src="raise SystemExit", class_name=self.class_name, state=self.state
        )
        return _reconstruct_persistent_obj, (meta,)


@pytest.fixture
def nvidia(golden: Callable[[str], Golden]) -> Callable[..., Persistent]:
    """A golden network as stylegan2-ada-pytorch pickles it, with the options that it was built from."""

    def make(name: str, **attributes: Any) -> Persistent:
        vectors = golden(name)
        kwargs = json.loads(json.dumps(vectors.config["kwargs"]), object_hook=EasyDict)
        class_name = vectors.config["cls"].rpartition(".")[2]
        return Persistent(class_name, vectors.state, **({"_init_kwargs": dict(kwargs)} | attributes))

    return make


@pytest.fixture
def write_nvidia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes what it is given as such a file; ``network.pkl`` unless named."""
    names = {"dnnlib": {}, "dnnlib.util": {"EasyDict": EasyDict}, "torch_utils": {}}
    names["torch_utils.persistence"] = {"_reconstruct_persistent_obj": _reconstruct_persistent_obj}
    for name, content in names.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)

    def write(content: object, *, name: str = "network.pkl", protocol: int | None = None) -> Path:
        path = tmp_path / name
        path.write_bytes(pickle.dumps(content, protocol))
        return path

    return write
