"""``load(path, part)``: any model, from wherever it is. The one place that knows every format."""

import functools
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from stylegans.config.codec import FAMILY, from_dict
from stylegans.errors import UserError
from stylegans.files import model_path
from stylegans.files.model_file import ModelInfo, read_model_info
from stylegans.files.model_path import best_model as best_model  # where others look for them
from stylegans.files.model_path import is_ours as is_ours
from stylegans.files.tensors import read_tensors
from stylegans.interop import hub
from stylegans.interop.foreign import NON_COMMERCIAL, Foreign, Part
from stylegans.networks.families import DISCRIMINATORS, GENERATORS

NETWORKS: dict[type[Any], Any] = {**GENERATORS, **DISCRIMINATORS}


def load(path: str | Path, part: str | None = None, *, device: str | torch.device = "cpu") -> Any:
    """Rebuild a network with its weights, ready to use: in evaluation mode, without gradients for its parameters.

    Args:
        path: a ``.safetensors`` model, or a run directory: its best snapshot if a metric was measured, else the
            newest; ``RUN@best``, ``RUN@newest`` and ``RUN@000200`` choose. Or a checkpoint of another program's:
            NVIDIA's ``.pkl``, rosinality's ``.pt``. Or any of these files on the Hugging Face Hub:
            ``hf://user/repo[@revision][/path/in/repo.pkl]``, see ``stylegans.interop.hub.parse``.
        part: 'generator_ema', 'generator' or 'discriminator'; by default the first of these that is a generator.

    Raises:
        MissingFile: nothing is there.
        UserError: it is no model, or lacks the part; the message lists those present. Or the Hub does not give it.

    Warns:
        UserWarning: its licence forbids some uses; once for every file. Or the Hub cannot be reached, and the copy in
            its cache is used.
    """
    file = find(path)
    if is_ours(file):
        info = read_model_info(file)
        part = _choose(part, info, path)
        found, licence = _read_part(file, info, part), info.licence
    else:
        foreign = read_foreign(file)
        part = _choose(part, foreign, path)
        found, licence = foreign.parts[part], foreign.licence
    notice(file, licence)
    return build(found, device=device)


def build(part: Part, *, device: str | torch.device = "cpu") -> Any:
    """The network of a part that was read, ready to use as ``load`` gives it."""
    with torch.random.fork_rng(devices=[]), _Undrawn():  # the caller's random numbers stay untouched
        network: Any = NETWORKS[type(part.config)](part.config)
    network.load_state_dict(part.state)
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


class _Undrawn(TorchFunctionMode):
    """Within, initial weights are whatever the memory holds: those that are loaded over them need not be drawn first
    (at 256² 0.14 s of 0.37)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (torch.empty if func is torch.randn else func)(*args, **(kwargs or {}))


def read(path: str | Path) -> Foreign:
    """Every part of a model, ours or another program's, as configs and tensors.

    Raises:
        MissingFile, UserError: see ``load``.
    """
    file = find(path)
    if not is_ours(file):
        return read_foreign(file)
    info = read_model_info(file)
    parts = {part: _read_part(file, info, part) for part in info.parts}
    return Foreign(source="stylegans", family=info.family, parts=parts, licence=info.licence, data=info.data)


def read_foreign(file: Path) -> Foreign:
    """The networks of a checkpoint that another program wrote.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no checkpoint that is known here, is damaged, or asks for something to be run.
    """
    from stylegans.interop.open import read

    return read(file)


def _choose(part: str | None, info: ModelInfo | Foreign, path: str | Path) -> str:
    part = part or default_part(info, path)
    if part not in info.parts:
        raise UserError(f"{path}: has no part '{part}'; it holds {', '.join(info.parts)}")
    return part


def _read_part(file: Path, info: ModelInfo, part: str) -> Part:
    networks: dict[type[Any], Any] = {**(DISCRIMINATORS if part == "discriminator" else GENERATORS)}
    families = {config_type.family: config_type for config_type in networks}
    family = info.configs[part].get(FAMILY, info.family)
    if family not in families:
        raise UserError(f"{file}: family '{family}' is unknown to this version; upgrade stylegans")
    config = from_dict(families[family], info.configs[part], where=f"{file}: config of {part}")
    return Part(config, read_tensors(file, prefix=f"{part}."))


def notice(file: Path, licence: str) -> None:
    """Warn of a licence that forbids some uses, once for every file."""
    if NON_COMMERCIAL in licence:
        _warn_once(f"{file}: {licence}")


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, stacklevel=4)


def default_part(info: ModelInfo | Foreign, path: str | Path) -> str:
    for part in ("generator_ema", "generator"):
        if part in info.parts:
            return part
    raise UserError(f"{path}: holds no generator; name one of its parts: {', '.join(info.parts)}")


def kind_of_labels(path: str | Path) -> str:
    """'classes', 'vectors', or empty where a model has none or does not say."""
    file = find(path)
    return read_model_info(file).labels if is_ours(file) else ""


def find(path: str | Path) -> Path:
    """The model file that ``path`` means; what is on the Hub is downloaded to its cache first.

    Raises:
        MissingFile: nothing is there.
        UserError: a run without snapshots, or no such snapshot; or the Hub does not give the file.

    Warns:
        UserWarning: the Hub cannot be reached; the file is that of the last download.
    """
    return hub.fetch(path) if hub.is_address(path) else model_path.find(path)
