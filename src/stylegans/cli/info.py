"""``stylegans info PATH``: what a model file, a run, a checkpoint or a data set is.

Reads headers, configs and logs, never pictures, and weights only where they cannot be told from the rest: in other
programs' checkpoints. What is on the Hub is downloaded to its cache.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import tyro

from stylegans.cli.parse import parse
from stylegans.config import Run
from stylegans.config.sizes import format_size
from stylegans.data import builtin
from stylegans.errors import MissingFile, UserError
from stylegans.files import model_path
from stylegans.files.model_file import FORMAT, read_model_info, snapshots
from stylegans.files.tensors import read_header
from stylegans.interop import hub

if TYPE_CHECKING:
    from stylegans.data.labels import Labels

_BUFFERS = ("noise_const", "w_avg", "lod", "running_mean", "running_var", "num_batches_tracked", "_u", "_v")
"""Stored beside the parameters, and none: a tensor's last name."""

MODELS = hub.MODEL_FILES
"""What model files are called."""


@dataclass(frozen=True)
class Info:
    """What a model, checkpoint, run or data set is."""

    path: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@best, RUN@newest, RUN@000200: its snapshot), a checkpoint, another
    program's .pkl or .pt, hf://user/repo, a data set, an embedded set's name, or what data build reads"""


@dataclass(frozen=True)
class Facts:
    """What is known of a thing: a title and rows of (name, value)."""

    title: str
    rows: Sequence[tuple[str, str]]


def main(argv: list[str]) -> int:
    """``stylegans info PATH``."""
    draw(describe(parse(Info, argv, prog="stylegans info").path))
    return 0


def describe(name: str) -> Facts:
    """What is at the path ``name``, on the Hub, or the embedded data set of that name.

    Raises:
        MissingFile: nothing is there.
        UserError: it is nothing of ours, or damaged; or the Hub does not give it.
    """
    if hub.is_address(name):
        return _on_the_hub(name)
    path = Path(name).expanduser()
    if "@" in path.name and not path.exists():
        path = model_path.find(path)
    if name in builtin.EMBEDDED:
        return _embedded(builtin.EMBEDDED[name])
    if not path.exists():
        raise MissingFile(f"{name}: nothing there; give a path, or an embedded data set ({builtin.names()})")
    if path.is_file():
        if path.suffix in MODELS or _is_pytorchs(path):
            return _model(path)
        if zipfile.is_zipfile(path):
            return _data(path)
        return _source(path)
    if (path / model_path.ON_THE_HUB).is_file():  # with a config.json of its own
        return _model(path / model_path.ON_THE_HUB)
    if (path / "config.json").is_file() and (path / "checkpoints").is_dir():
        return _run(path)
    if list(path.glob("*.safetensors")):
        return _checkpoint(path)
    return _data(path)


def draw(facts: Facts) -> None:
    """Print ``facts`` as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))  # without a frame a hash fits on its line
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.rows:
        table.add_row(Text(name), Text(value))
    console = Console()
    console.print(Text(facts.title, style="bold"))
    console.print(table)


def _on_the_hub(name: str) -> Facts:
    file = hub.fetch(name)
    facts = _model(file)
    return Facts(f"{hub.parse(name)}: {facts.title.removeprefix(f'{file}: ')}", [*facts.rows, ("kept in", str(file))])


def _model(path: Path) -> Facts:
    """By its content, as ``stylegans.load`` tells."""
    return _safetensors(path) if model_path.is_ours(path) else _foreign(path)


def _safetensors(path: Path) -> Facts:
    header = read_header(path)
    if header.metadata.get("format") == FORMAT:
        model = read_model_info(path)
        rows = [("family", model.family)]
        for part in model.parts:
            rows += _part(part, (s for s in header.shapes.items() if s[0].startswith(f"{part}.")), model.configs[part])
        rows.append(("data", model.data or "not said"))
        if header.metadata.get("images", "").isdecimal():
            rows.append(("trained", f"{int(header.metadata['images']) / 1000:g} kimg"))
        rows.append(("licence", model.licence or "not said"))
    else:
        rows = [("family", "unknown: not written by stylegans"), ("holds", _amount(header.shapes.items()))]
    return Facts(f"{path}: a model", [*rows, *_file(path)])


def _foreign(path: Path) -> Facts:
    from stylegans.config.codec import to_dict
    from stylegans.interop.open import read

    model = read(path)
    rows = [("written by", model.source), ("family", model.family)]
    for name, part in model.parts.items():
        rows += _part(name, ((key, tuple(value.shape)) for key, value in part.state.items()), to_dict(part.config))
    rows += [("data", model.data or "not said"), ("licence", model.licence or "not said")]
    return Facts(f"{path}: another program's checkpoint", [*rows, *_file(path)])


def _is_pytorchs(path: Path) -> bool:
    """Whether it is a zip of PyTorch's, and not one of pictures."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.partition("/")[2] == "data.pkl" for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def _file(path: Path) -> list[tuple[str, str]]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return [("file", f"{path.stat().st_size:,} bytes"), ("sha256", sha256)]


def _part(name: str, shapes: Iterable[tuple[str, tuple[int, ...]]], config: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _amount(shapes)), *_config(config)]


def _amount(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    sizes = [0 if name.rpartition(".")[2] in _BUFFERS else math.prod(shape) for name, shape in shapes]
    return f"{sum(sizes):,} parameters in {_count(len(sizes), 'tensor')}"


def _count(number: Any, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _config(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a network's config says of its pictures and latents."""
    mapping = config.get("mapping") or {}
    rows = []
    if "resolution" in config:
        rows.append(
            ("  pictures", f"{_size(config['resolution'])}, {_count(config.get('img_channels', '?'), 'channel')}")
        )
    if "z_dim" in mapping:
        rows.append(("  latents", f"z {mapping['z_dim']}, w {mapping.get('w_dim', '?')}"))
    elif "z_dim" in config:
        rows.append(("  latents", f"z {config['z_dim']}"))
    labels = mapping.get("c_dim", config.get("c_dim"))
    if labels is not None:
        rows.append(("  labels", str(labels) if labels else "none"))
    return rows


def _size(size: Any) -> str:
    return format_size((size[0], size[1])) if isinstance(size, list) and len(size) == 2 else str(size)


def _run(path: Path) -> Facts:
    from stylegans.files.log import read_log
    from stylegans.runs.folder import RunFolder

    folder = RunFolder(path)
    config = folder.read_config() or Run()
    ticks = read_log(folder.log)
    kept = snapshots(path)
    checkpoints = sorted(entry.name for entry in folder.checkpoints.glob("[0-9]*") if entry.is_dir())
    done = ticks[-1]["kimg"] if ticks else 0
    rows = [
        ("preset", config.preset),
        ("data", f"{config.data.path or 'not said'}{', with labels' * config.data.labels}"),
        *([("started from", config.start_from)] if config.start_from else []),
        ("pictures", f"{format_size(config.generator.resolution)}, {_count(config.generator.img_channels, 'channel')}"),
        ("trained", f"{done:g} of {config.training.kimg:g} kimg, {_count(len(ticks), 'tick')}"),
        ("snapshots", f"{len(kept)}, the newest {kept[-1].name}" if kept else "none yet"),
        ("checkpoints", ", ".join(checkpoints) or "none yet"),
    ]
    rows += [("best to the guard", file.name) for file in sorted((path / "best").glob("*.safetensors"))]
    measured = [tick for tick in ticks if tick.get("metrics")]
    for name, value in measured[-1]["metrics"].items() if measured else ():
        rows.append((name, f"{value:.4g} at {measured[-1]['kimg']:g} kimg"))
    return Facts(f"{path}: a run", rows)


def _checkpoint(path: Path) -> Facts:
    rows = []
    for file in sorted(path.glob("*.json")):
        content = _json(file)
        rows += [(key, str(value)) for key, value in content.items() if isinstance(value, int | float | str)]
    rows += [(file.name, _amount(read_header(file).shapes.items())) for file in sorted(path.glob("*.safetensors"))]
    return Facts(f"{path}: a checkpoint" if list(path.glob("*.json")) else f"{path}: a folder of model files", rows)


def _embedded(entry: builtin.Embedded) -> Facts:
    rows = [
        ("about", entry.about),
        ("pictures", f"{entry.pictures}, {format_size(entry.size)}"),
        ("classes", f"{len(entry.classes)}: {', '.join(entry.classes)}"),
        ("licence", entry.licence),
        ("use", f"stylegans train PRESET --data {entry.name} --out DIR"),
    ]
    return Facts(f"{entry.name}: an embedded data set", rows)


def _data(path: Path) -> Facts:
    from stylegans.data.labels import parse_catalogue
    from stylegans.data.store import open_store

    store = open_store(path, option=str(path)).store
    members = store.members()
    if not members:
        return _source(path)
    catalogue = store.catalogue()
    labels = parse_catalogue(catalogue, where=f"{path}/dataset.json") if catalogue is not None else None
    rows = [
        ("pictures", f"{len(members):,}"),
        ("the first", _picture(members[0].name, lambda: store.open(members[0]))),
        ("labels", _classes(labels) if labels is not None else "none"),
        ("look closer", f"stylegans data check {path}"),
    ]
    return Facts(f"{path}: a data set", rows)


def _source(path: Path) -> Facts:
    """What ``data build`` reads, beside folders and zips of pictures."""
    from stylegans.data.sources import open_source

    foreign = f"{path}: not a model (.safetensors, .pkl, .pt), a run, a checkpoint or a data set"
    try:
        source = open_source(path)
    except UserError as error:
        raise UserError(f"{foreign}; for data build {str(error).removeprefix('SRC: ')}") from error
    if not source.images:
        raise UserError(foreign)
    first = source.images[0]
    names = source.class_names
    rows = [
        ("pictures", f"{len(source.images):,}"),
        ("the first", _picture(first.name, first.open)),
        ("labels", f"{source.labels_from}{': ' + ', '.join(names) if names else ''}" if source.labels_from else "none"),
        ("to train on it", f"stylegans data build {path} DST"),
    ]
    return Facts(f"{path}: pictures that data build reads", rows)


def _picture(name: str, open_it: Callable[[], IO[bytes]]) -> str:
    """'32x32 RGB (name)'; says so if it cannot be read."""
    from stylegans.data import decode

    try:
        with decode.reading_any(), open_it() as stream:
            return f"{decode.read_header(stream)} ({name})"
    except Exception:  # a broken file makes PIL raise almost anything
        return f"{name} cannot be read"


def _classes(labels: "Labels") -> str:
    kinds = set(labels.by_name.values())
    length = next((len(label) for label in kinds if isinstance(label, tuple)), None)
    if length is not None:
        return f"vectors of {length}"
    return f"{len(kinds)}" + (f": {', '.join(labels.class_names)}" if labels.class_names else "")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged; it should be a JSON object")
    return content
