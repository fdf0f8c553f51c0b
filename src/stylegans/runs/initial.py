"""Starting from the weights of another model: where they are, and what became of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stylegans import checkpoint, models
from stylegans.config import Run
from stylegans.errors import UserError
from stylegans.files.tensors import read_tensors
from stylegans.interop.foreign import Foreign
from stylegans.runs.folder import RunFolder
from stylegans.training.state import State
from stylegans.training.transfer import Row, check_family, transfer

SOURCES = {
    "generator": ("generator", "generator_ema"),
    "generator_ema": ("generator_ema", "generator"),
    "discriminator": ("discriminator",),
}
"""Network of a training → the parts of a model it can start from, the best first."""


@dataclass(frozen=True)
class Part:
    """A network's config and weights, in a file."""

    file: Path
    config: Any
    tensors: Callable[[], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Transfer:
    """What a training started from."""

    path: str
    rows: tuple[Row, ...]
    """What became of every part of every network. The optimizers are always fresh."""
    files: dict[str, str]
    """Network → where its weights came from; those left out are fresh."""

    def __str__(self) -> str:
        by_file: dict[str, list[str]] = {}
        for network, file in self.files.items():
            by_file.setdefault(file, []).append(network)
        said = "; ".join(f"{', '.join(networks)} from {file}" for file, networks in by_file.items())
        fresh = [name for name in SOURCES if name not in self.files]
        counts = ", ".join(
            f"{sum(row.numbers for row in self.rows if row.what == what):,} numbers {what}"
            for what in ("copied", "adapted", "fresh")
        )
        return f"{said} ({counts})" + (f"; fresh: {', '.join(fresh)}" if fresh else "")


def open_initial(path: str) -> tuple[Path, Foreign]:
    """The model file that ``--from`` means, ours or another program's, and what it holds.

    Raises:
        UserError: nothing is there, or it is no model.
    """
    try:
        return models.find(path), models.read(path)
    except UserError as error:
        raise UserError(f"--from: {error}") from error


def start_from(path: str, state: State) -> Transfer:
    """Start the players from the model's weights, whatever overlap of shapes they have.

    Both generators come from the model file; without a generator that is no average both start from the average. A run
    directory's snapshots hold no discriminator: it comes from the run's checkpoint of the same moment, or the newest.

    Raises:
        UserError: the model is of another family, damaged, or holds no network of a training.
    """
    parts = find_parts(path)
    rows: list[Row] = []
    files: dict[str, str] = {}
    for name, sources in SOURCES.items():
        network, part = getattr(state, name), next((parts[source] for source in sources if source in parts), None)
        foreign = part is not None and part.config.family != network.config.family
        if part is None or (foreign and name == "discriminator" and files):
            why = f"the source's is of the family '{part.config.family}'" if part is not None else "not in the source"
            rows.append(_fresh(name, network, why))
            continue
        rows += [replace(row, network=name) for row in transfer(part.config, part.tensors(), network)]
        files[name] = str(part.file)
    return Transfer(path, tuple(rows), files)


def find_parts(path: str) -> dict[str, Part]:
    """The networks that ``--from`` means: name → where they are.

    Raises:
        UserError: nothing is there, or it holds neither generator nor discriminator.
    """
    file, model = open_initial(path)
    known = {
        name: Part(file, part.config, lambda state=part.state: state)  # type: ignore[misc]
        for name, part in model.parts.items()
        if name in SOURCES
    }
    if not known:
        raise UserError(f"--from: {path} holds no generator or discriminator, but {', '.join(model.parts)}")
    if "discriminator" not in known:
        known |= _from_checkpoint(file)
    return known


def check_initial(path: str, config: Run) -> None:
    """Refuse, before anything is written, a model that the run cannot start from.

    Raises:
        UserError: nothing is there, or it is of another family.
    """
    for name, part in find_parts(path).items():
        if name != "discriminator":
            check_family(part.config, config.generator)


def _from_checkpoint(snapshot: Path) -> dict[str, Part]:
    """If the model is a run's: the discriminator of the checkpoint of the same moment, or of the newest.

    And of the same moment the generator itself, of which the model holds the average.
    """
    run = RunFolder(snapshot.parent.parent)
    beside = snapshot.with_suffix(""), run.checkpoints / snapshot.stem
    same = next((folder for folder in beside if (folder / checkpoint.TENSORS).exists()), None)
    folder = same or checkpoint.newest(run.checkpoints)
    config = run.read_config() if folder is not None else None
    if folder is None or config is None:
        return {}
    file = folder / checkpoint.TENSORS
    parts = {"discriminator": Part(file, config.discriminator, partial(read_tensors, file, prefix="discriminator."))}
    generator = Part(file, config.generator, partial(read_tensors, file, prefix="generator."))
    return parts | ({"generator": generator} if same else {})


def _fresh(name: str, network: nn.Module, why: str) -> Row:
    tensors = network.state_dict().values()
    return Row(name, "all", "fresh", why, len(tensors), sum(tensor.numel() for tensor in tensors))
