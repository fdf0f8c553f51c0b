"""A model to the Hugging Face Hub: its weights in our format, its config, a card, and pictures for the card."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylegans import models
from stylegans.errors import UserError
from stylegans.files.atomic import atomic_folder
from stylegans.files.log import read_log
from stylegans.files.model_file import FORMAT, ModelInfo, read_model_info, write_model
from stylegans.files.model_path import ON_THE_HUB
from stylegans.files.pictures import as_image, enlarge, on_white, save_png, tile, to_uint8, visible
from stylegans.files.tensors import read_tensors, write_tensors
from stylegans.interop import hub
from stylegans.interop.foreign import Foreign
from stylegans.metrics import records
from stylegans.metrics.features.catalogue import sha256_of
from stylegans.networks.protocol import Generator
from stylegans.runs import measuring
from stylegans.runs.folder import RunFolder
from stylegans.tools.card import LICENCE, MIXING, SAMPLES, Card, Measured, licence_fields, render
from stylegans.tools.generate import Label, classes, generate, parse_label, spelled
from stylegans.tools.layers import groups_of
from stylegans.tools.measure import run_of
from stylegans.tools.mix import mix_grid

CARD, CONFIG = "README.md", "config.json"

SEEDS = tuple(range(16))
MOST_SEEDS = 64
"""Samples in a card's picture."""

SIDE = 1024
"""The card's pictures are at most so many pixels wide and high, and small models are enlarged to more than half."""

MIXED_ROWS, MIXED_COLUMNS = 3, 5


def push(
    model: str | Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str = "",
    seeds: Sequence[int] = SEEDS,
    truncation: float = 1.0,
    label: Label | str | None = None,
    licence: str = "",
    device: str | torch.device = "cpu",
) -> str:
    """Upload a model with its config, a card and the card's pictures, in one commit; all of it is prepared first.

    Args:
        model: whatever ``stylegans.load`` takes. Another program's checkpoint is converted; a run gives its best
            snapshot.
        repo: ``hf://user/repo``; it is made if there is none.
        private: make a private repository.
        revision: the branch to commit to, made if there is none; None: that of ``hf://user/repo@branch``, or the main
            one.
        message: of the commit; empty: names the model.
        seeds, truncation, label: what the card's pictures show; see ``stylegans.tools.generate.generate``. A label may
            also be text, for ``parse_label``.
        licence: of a model without a licence note: one of the Hub's identifiers, like 'apache-2.0', or any text.

    Returns:
        The address of the model's page.

    Raises:
        MissingFile: there is no such model.
        UserError: a bad address, nobody is logged in or may write there, an option that makes no sense, or no
            huggingface_hub.
        RunFailed: the upload broke off; nothing was committed.
    """
    address = hub.destination(repo, revision)
    hub.check_upload(address)
    with tempfile.TemporaryDirectory(prefix="stylegans-push-") as temporary:
        folder = Path(temporary, "model")
        prepare(model, address, folder, seeds=seeds, truncation=truncation, label=label, licence=licence, device=device)
        message = message or f"Upload {address.repo.partition('/')[2]} with stylegans"
        return hub.upload(folder, address, private=private, message=message)


def prepare(
    model: str | Path,
    address: hub.Address,
    folder: str | Path,
    *,
    seeds: Sequence[int] = SEEDS,
    truncation: float = 1.0,
    label: Label | str | None = None,
    licence: str = "",
    device: str | torch.device = "cpu",
) -> list[str]:
    """Write what would be uploaded to a new ``folder``, whole or not at all; the names of its files.

    Arguments as ``push``.

    Raises:
        MissingFile: there is no such model.
        UserError: an option makes no sense for it, or the folder is in use.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--dry-run: {folder} is in use; name a new folder")
    if not 1 <= len(seeds) <= MOST_SEEDS:
        raise UserError(f"--seeds: {len(seeds)} samples; a card shows 1 to {MOST_SEEDS}")
    file = models.find(model)
    content = models.read(file)
    note = _licence(content.licence, licence)
    models.notice(file, note)
    G: Generator = models.build(content.parts[models.default_part(content, model)], device=device)
    if isinstance(label, str):
        label = parse_label(label, G.c_dim)
    if label is None and models.kind_of_labels(file) == "vectors":
        raise UserError(f"--class: this model takes labels of {G.c_dim} numbers, which no seed draws; give one")
    with atomic_folder(folder) as temporary:
        info = _write_weights(file, content, temporary / ON_THE_HUB, licence=note)
        _write_json(temporary / CONFIG, _config(info))
        if LICENCE in licence_fields(info.licence).values():
            (temporary / LICENCE).write_text(f"{info.licence}\n", encoding="utf-8")
        save_png(temporary / SAMPLES, _samples(G, seeds, truncation=truncation, label=label))
        rows = seeds[: min(MIXED_ROWS, len(seeds) // 2)]
        columns = seeds[len(rows) :][:MIXED_COLUMNS]
        mixing = ""
        if G.num_ws > 1 and rows and columns:
            layers = _mixed_layers(G)
            grid = mix_grid(G, rows, columns, layers=layers, truncation=truncation, label=label)
            save_png(temporary / MIXING, _to_fit(grid))
            mixing = _about_mixing(rows, columns, layers)
        card = Card(
            address=str(address),
            family=info.family,
            resolution=G.img_resolution,
            channels=G.img_channels,
            latents=(G.z_dim, G.w_dim, G.num_ws),
            labels=G.c_dim,
            labels_are_vectors=info.labels == "vectors",
            parameters=sum(parameter.numel() for parameter in G.parameters()),
            parts=info.parts,
            data=info.data,
            kimg=_kimg(info),
            preset=_preset(file),
            licence=info.licence,
            samples=_about_samples(G, seeds, truncation=truncation, label=label),
            mixing=mixing,
            measured=tuple(_recorded(file)) + tuple(_logged(file)),
        )
        (temporary / CARD).write_text(render(card), encoding="utf-8")
        return sorted(path.name for path in temporary.iterdir())


# --- the model --------------------------------------------------------------------------------------------------------


def _write_weights(file: Path, content: Foreign, path: Path, *, licence: str) -> ModelInfo:
    """The model in our format, with every part and all that its file says, and the licence note."""
    if not models.is_ours(file):
        parts = {name: (part.config, part.state) for name, part in content.parts.items()}
        write_model(path, parts, family=content.family, data=content.data, licence=licence)
    elif licence == content.licence:
        shutil.copyfile(file, path)
    else:
        write_tensors(path, read_tensors(file), metadata=read_model_info(file).header.metadata | {"licence": licence})
    return read_model_info(path)


def _licence(said: str, given: str) -> str:
    if said and given and said != given:
        raise UserError(f"--licence: this model has one already ({said}); leave the option out")
    return said or " ".join(given.split())


def _config(info: ModelInfo) -> dict[str, Any]:
    return {"library_name": "stylegans", "format": FORMAT, "family": info.family, "parts": info.configs}


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _kimg(info: ModelInfo) -> float | None:
    images = info.header.metadata.get("images", "")
    return int(images) / 1000 if images.isdecimal() else None


def _preset(file: Path) -> str:
    run = run_of(file)
    config = None if run is None else RunFolder(run).read_config()
    return "" if config is None else config.preset


# --- pictures ---------------------------------------------------------------------------------------------------------


def _samples(G: Generator, seeds: Sequence[int], *, truncation: float, label: Label | None) -> np.ndarray:
    batches = generate(G, seeds, truncation=truncation, label=label, batch=1)  # a large model needs no more memory
    return _to_fit(tile(np.concatenate([to_uint8(images) for _, images in batches])))


def _to_fit(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, C] as a page shows it: of any number of channels, on white, neither tiny nor huge."""
    picture = on_white(visible(picture))
    longest = max(picture.shape[:2])
    if longest <= SIDE:
        return enlarge(picture, SIDE // longest)
    height, width = (max(1, round(side * SIDE / longest)) for side in picture.shape[:2])
    small = np.asarray(as_image(picture).resize((width, height), Image.Resampling.LANCZOS))
    return small.reshape(height, width, -1)


def _mixed_layers(G: Generator) -> tuple[int, ...]:
    """The coarse layers; of a model that has no others the first half."""
    first, last = groups_of(G)["coarse"]
    coarse = range(first, last if last is not None and last < G.num_ws else G.num_ws // 2)
    return tuple(coarse)


def _about_samples(G: Generator, seeds: Sequence[int], *, truncation: float, label: Label | None) -> str:
    shown = f"Uncurated samples, row by row: {_named(seeds)}, truncation {truncation:g}"
    if G.c_dim == 0:
        return f"{shown}."
    if label is None:
        return f"{shown}; their classes, drawn by seed: {', '.join(map(str, classes(G, seeds)))}."
    return f"{shown}, {'class' if isinstance(label, int) else 'label'} {label}."


def _about_mixing(rows: Sequence[int], columns: Sequence[int], layers: Sequence[int]) -> str:
    return (
        f"Every row's picture ({_named(rows)}, in the first column) with the styles of layers "
        f"{spelled(layers)} taken from every column's ({_named(columns)}, in the first row)."
    )


def _named(seeds: Sequence[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {spelled(seeds)}"


# --- measurements -----------------------------------------------------------------------------------------------------


def _recorded(file: Path) -> Iterator[Measured]:
    """What ``stylegans measure`` recorded of this very file, each metric as it was measured last."""
    path = (run_of(file) or file.parent) / records.FILE
    lines = read_log(path)
    sha256 = sha256_of(file) if lines else ""
    mine = [line for line in lines if line.get("model_sha256") == sha256]
    newest = {(line["metric"], line["data_hash"], line["num_generated"]): line for line in mine}
    for line in newest.values():
        yield Measured(
            metric=line["metric"],
            values=line["values"],
            real=line["real"],
            intervals={name: (low, high) for name, (low, high) in line["intervals"].items()},
            num_generated=line["num_generated"],
            num_real=line["num_real"],
            data=line["data"],
            protocol=f"{line['definition']} ({line['features']}, seed {line['seed']}); {line['protocol']}",
        )


def _logged(file: Path) -> Iterator[Measured]:
    """What the run measured of this snapshot while it trained, where no record says more."""
    run = run_of(file)
    config = None if run is None else RunFolder(run).read_config()
    if run is None or config is None:
        return
    recorded = {name for one in _recorded(file) for name in one.values}
    ticks = [tick for tick in read_log(RunFolder(run).log) if tick.get("snapshot") == file.stem]
    numbers = {} if not ticks else {k: v for k, v in ticks[-1].get("metrics", {}).items() if k not in recorded}
    for one in measuring.recipes(config):
        values = {name: v for name, v in numbers.items() if name == one.name or name.startswith(f"{one.name}_")}
        if values:
            yield Measured(
                metric=one.name,
                values=values,
                real={},
                intervals={},
                num_generated=one.num,
                num_real=None,
                data=read_model_info(file).data,
                protocol=f"{one.paper}; measured during the training, not truncated, seed 0",
            )
