"""``load(path, part)``: any model, from wherever it is. The one place that knows every format."""

import contextlib
import functools
import json
import warnings
from pathlib import Path
from typing import Any

import torch

from stylegans.config.codec import FAMILY, from_dict
from stylegans.errors import MissingFile, UserError
from stylegans.files.model_file import ModelInfo, read_model_info, snapshots
from stylegans.files.tensors import read_tensors
from stylegans.interop.foreign import NON_COMMERCIAL, Foreign, Part
from stylegans.networks.families import DISCRIMINATORS, GENERATORS

NETWORKS: dict[type[Any], Any] = {**GENERATORS, **DISCRIMINATORS}


def load(path: str | Path, part: str | None = None, *, device: str | torch.device = "cpu") -> Any:
    """Rebuild a network with its weights, ready to use: in evaluation mode, without gradients for its parameters.

    Args:
        path: a ``.safetensors`` model, or a run directory: its best snapshot if a metric was measured, else the
            newest; ``RUN@best``, ``RUN@newest`` and ``RUN@000200`` choose. Or a checkpoint of another program's:
            NVIDIA's ``.pkl``, rosinality's ``.pt``.
        part: 'generator_ema', 'generator' or 'discriminator'; by default the first of these that is a generator.

    Raises:
        MissingFile: nothing is there.
        UserError: it is no model, or lacks the part; the message lists those present.

    Warns:
        UserWarning: its licence forbids some uses; once for every file.
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
    with torch.random.fork_rng(devices=[]):  # building draws random weights; the caller's numbers stay untouched
        network: Any = NETWORKS[type(found.config)](found.config)
    network.load_state_dict(found.state)
    if NON_COMMERCIAL in licence:
        _notice(str(file), licence)
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


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


def is_ours(file: Path) -> bool:
    """Whether a file is for ``read_model_info``, and not for ``read_foreign``."""
    with file.open("rb") as opened:
        return file.suffix == ".safetensors" or opened.read(9)[8:] == b"{"


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


@functools.cache
def _notice(file: str, licence: str) -> None:
    warnings.warn(f"{file}: {licence}", stacklevel=3)


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
    """The model file that ``path`` means.

    Raises:
        MissingFile: nothing is there.
        UserError: a run without snapshots, or no such snapshot.
    """
    given = Path(path)
    if given.is_file():
        return given
    run, at, which = str(path).rpartition("@")
    folder, choice = (Path(run), which) if at and not given.exists() else (given, "")
    if not folder.exists():
        raise MissingFile(f"{path}: no such model file or run directory")
    if not folder.is_dir():
        raise UserError(f"{path}: neither a file nor a folder")
    kept = snapshots(folder)
    if not kept:
        raise UserError(f"{path}: no snapshots in this folder; is it a run directory that has trained for a while?")
    if choice == "newest":
        return kept[-1]
    if choice == "best":
        best = best_model(folder)
        if best is None:
            raise UserError(f"{path}: no metric was measured in this run; use {folder}@newest, or train with --metrics")
        return best
    if choice == "":
        return best_snapshot(folder) or kept[-1]
    for snapshot in kept:
        if snapshot.stem == choice:
            return snapshot
    raise UserError(f"{path}: no such snapshot; there are {', '.join(s.stem for s in kept)}")


def best_snapshot(run: Path) -> Path | None:
    """The snapshot that is best by the metric that the run compared by when last it measured, if it ever did."""
    measured = [tick for tick in _ticks(run) if _comparison(tick) and _kept(run, tick)]
    if not measured:
        return None
    metric, better = (_comparison(measured[-1])[key] for key in ("metric", "better"))
    by_it = {tick["metrics"][metric]: tick for tick in measured if metric in tick["metrics"]}
    return _kept(run, by_it[max(by_it) if better == "higher" else min(by_it)])


def _comparison(tick: dict[str, Any]) -> dict[str, str]:
    """The metric of a tick that snapshots are compared by; older logs do not say, and knew none that should be high."""
    first = next(iter(tick.get("metrics") or ()), None)
    older = {} if first is None else {"metric": first, "better": "lower"}
    return tick.get("compared_by", older) or {}


def _ticks(run: Path) -> list[dict[str, Any]]:
    log, ticks = run / "log.jsonl", []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
        with contextlib.suppress(ValueError):  # a line cut short by a crash
            ticks.append(json.loads(line))
    return ticks


def _kept(run: Path, tick: dict[str, Any]) -> Path | None:
    """The snapshot of that tick, if it is still there."""
    path = run / "snapshots" / f"{tick.get('snapshot')}.safetensors"
    return path if path.exists() else None


def best_model(run: Path) -> Path | None:
    """The best by the run's first metric or, if none was measured, by the guard's small distance."""
    return best_snapshot(run) or max((run / "best").glob("*.safetensors"), key=lambda path: path.stem, default=None)
