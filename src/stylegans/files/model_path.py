"""Which model file a path means: the file itself, or one of those in a run directory or a folder as on the Hub.

Knows names, sizes and the log alone; torch is not imported here.
"""

from pathlib import Path
from typing import Any

from stylegans.errors import MissingFile, UserError
from stylegans.files.log import read_log
from stylegans.files.model_file import snapshots

ON_THE_HUB = "model.safetensors"
"""What a model is called in a repository of the Hub, and in a copy of it."""


def find(path: str | Path) -> Path:
    """The model file that ``path`` means: a file, ``RUN``, ``RUN@best``, ``RUN@newest`` or ``RUN@000200``.

    Of a folder as on the Hub its ``model.safetensors``.

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
    if not kept and not choice and (folder / ON_THE_HUB).is_file():
        return folder / ON_THE_HUB
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


def is_ours(file: Path) -> bool:
    """Whether a model file is for ``read_model_info``, and not another program's; told by its content."""
    with file.open("rb") as opened:
        return file.suffix == ".safetensors" or opened.read(9)[8:] == b"{"


def best_snapshot(run: Path) -> Path | None:
    """The snapshot that is best by the metric that the run compared by when last it measured, if it ever did."""
    measured = [tick for tick in read_log(run / "log.jsonl") if _comparison(tick) and _kept(run, tick)]
    if not measured:
        return None
    metric, better = (_comparison(measured[-1])[key] for key in ("metric", "better"))
    by_it = {tick["metrics"][metric]: tick for tick in measured if metric in tick["metrics"]}
    return _kept(run, by_it[max(by_it) if better == "higher" else min(by_it)])


def best_model(run: Path) -> Path | None:
    """The best by the run's first metric or, if none was measured, by the guard's small distance."""
    return best_snapshot(run) or max((run / "best").glob("*.safetensors"), key=lambda path: path.stem, default=None)


def _comparison(tick: dict[str, Any]) -> dict[str, str]:
    """The metric of a tick that snapshots are compared by; older logs do not say, and knew none that should be high."""
    first = next(iter(tick.get("metrics") or ()), None)
    older = {} if first is None else {"metric": first, "better": "lower"}
    return tick.get("compared_by", older) or {}


def _kept(run: Path, tick: dict[str, Any]) -> Path | None:
    """The snapshot of that tick, if it is still there."""
    path = run / "snapshots" / f"{tick.get('snapshot')}.safetensors"
    return path if path.exists() else None
