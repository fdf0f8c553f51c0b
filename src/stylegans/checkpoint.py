"""Everything needed to continue a training exactly, as one folder: ``state.safetensors`` and ``state.json``.

A checkpoint is written under a temporary name, synced and renamed: a process killed at any moment leaves the
previous one whole.
"""

import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylegans.errors import Diverged, RunFailed, UserError
from stylegans.files import atomic
from stylegans.files.tensors import read_tensors, write_tensors
from stylegans.networks.compiled import is_compiled
from stylegans.training.posthoc_ema import part_name
from stylegans.training.state import State

TENSORS, FACTS = "state.safetensors", "state.json"
OPTIMIZERS = {"g_optimizer": "generator", "d_optimizer": "discriminator"}


@dataclass(frozen=True)
class Resumed:
    """What a checkpoint knew beside the state."""

    seconds: float
    """Time spent training until then."""
    environment: dict[str, str]
    """The machine it was written on; see ``environment``."""
    beside: dict[str, Any]
    """What was kept beside the state; see ``save``."""


def name_of(state: State) -> str:
    """The name of the state's snapshots and checkpoints: whole thousands of pictures, '000200'.

    The batch that reaches a thousand bears its number alone; one in between adds the pictures since: '000200.512'.
    """
    kimg, rest = divmod(state.images, 1000)
    return f"{kimg:06d}" if rest < max(state.batch, 1) else f"{kimg:06d}.{rest:03d}"


def save(folder: Path, state: State, *, seconds: float, beside: Mapping[str, Any] | None = None) -> Path:
    """Write ``folder/NNNNNN``.

    Args:
        seconds: spent training so far.
        beside: what else to keep, as JSON values.

    Raises:
        Diverged: a weight is not finite, so that the state is not worth keeping.
        RunFailed: the disk is full.
    """
    tensors = dict(state_tensors(state))
    spoilt = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if spoilt:
        raise Diverged(f"{spoilt[0]} holds numbers that are not finite; the previous checkpoint is kept")
    facts = {
        "images": state.images,
        "step": state.step,
        "augment_p": state.augment_p,
        "signs": state.signs.to_list(),
        "lr_scale": state.lr_scale,
        "seconds": seconds,
        "averages": state.averages.to_dict(),
        "environment": environment(state),
        "beside": dict(beside or {}),
    }
    path = folder / name_of(state)
    try:
        with atomic.atomic_folder(path) as temporary:
            write_tensors(temporary / TENSORS, tensors, metadata={"format": "stylegans-checkpoint-1"})
            (temporary / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise RunFailed(
            f"{path}: cannot be written ({error.strerror or error}); the previous checkpoint is kept"
        ) from error
    return path


def load(path: Path, state: State) -> Resumed:
    """Put a checkpoint into ``state``, which was built from the same config.

    Raises:
        UserError: the checkpoint is damaged or of other networks.
    """
    tensors = read_tensors(path / TENSORS)
    try:
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
        with torch.no_grad():
            for name, network in networks(state):
                network.load_state_dict(_below(tensors, name))
            for name, player in OPTIMIZERS.items():
                _load_optimizer(getattr(state, name), getattr(state, player), _below(tensors, name))
        state.path_length_mean = tensors["path_length_mean"].to(state.device)
        state.random.set_state(tensors["random"])
        state.images, state.step = facts["images"], facts["step"]
        state.augment_p, state.lr_scale = facts["augment_p"], facts["lr_scale"]
        state.signs.load_list(facts["signs"], device=state.device)
        state.averages.load_dict(facts["averages"], device=state.device)
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"{path}: a damaged checkpoint, or one of another model ({error})") from error
    return Resumed(seconds=facts["seconds"], environment=facts["environment"], beside=facts["beside"])


def progress(path: Path) -> tuple[int, float]:
    """How far a checkpoint's training had come: pictures seen, seconds spent."""
    facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
    return facts["images"], facts["seconds"]


def newest(folder: Path) -> Path | None:
    """The latest complete checkpoint in ``folder``."""
    return max(_complete(folder), key=lambda path: path.name, default=None)


def prune(folder: Path, *, keep: int) -> None:
    """Delete all but the newest ``keep`` checkpoints, and what interrupted writes left."""
    atomic.remove_leftovers(folder)
    for old in sorted(_complete(folder), key=lambda path: path.name)[:-keep]:
        retired = old.with_name(f"{atomic.TEMPORARY}{old.name}")
        old.replace(retired)  # so that a half-deleted checkpoint is never taken for one
        shutil.rmtree(retired, ignore_errors=True)


def environment(state: State) -> dict[str, str]:
    """What results depend on beyond the config: equal here and bit for bit equal there, on a CPU."""
    device = state.device
    return {
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "machine": platform.machine(),
        "networks": "compiled" if is_compiled(state.discriminator) else "as written",
    }


def networks(state: State) -> Iterator[tuple[str, nn.Module]]:
    """Every network of the state under its name in a checkpoint."""
    yield from (("generator", state.generator), ("discriminator", state.discriminator))
    yield "generator_ema", state.generator_ema
    for length, average in state.generator_power.items():
        yield part_name(length), average


def state_tensors(state: State) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the state under its name in a checkpoint."""
    for name, network in networks(state):
        for key, tensor in network.state_dict().items():
            yield f"{name}.{key}", tensor
    for name, player in OPTIMIZERS.items():
        moments = getattr(state, name).state
        for key, parameter in getattr(state, player).named_parameters():
            for moment, tensor in sorted(moments.get(parameter, {}).items()):
                if tensor is not None:  # gradient descent without momentum
                    yield f"{name}.{key}.{moment}", tensor
    yield "path_length_mean", state.path_length_mean
    yield "random", state.random.get_state()


def _load_optimizer(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    optimizer.state.clear()
    parameters = dict(network.named_parameters())
    for name, tensor in tensors.items():
        key, _, moment = name.rpartition(".")
        parameter = parameters[key]
        tensor = tensor.to(parameter.device)
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter).copy_(tensor)  # in the parameter's layout
        optimizer.state[parameter][moment] = tensor


def _below(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def _complete(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.glob("*")
        if not path.name.startswith(atomic.TEMPORARY) and (path / TENSORS).exists() and (path / FACTS).exists()
    ]
