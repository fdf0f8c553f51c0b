"""Our model files: safetensors whose header holds everything needed to rebuild the networks.

Tensor names begin with the part they belong to (``generator_ema.``, ``generator.``, ``discriminator.``). The
metadata are ``format``, ``family``, ``parts``, one ``config.PART`` (JSON) each, ``data``, ``licence`` and, where they
have a meaning, ``labels`` and ``images``; nothing in them differs between identical runs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegans.config.codec import to_dict
from stylegans.errors import UserError
from stylegans.files.tensors import Header, read_header, write_tensors

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "stylegans-1"


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says about itself."""

    family: str
    parts: tuple[str, ...]
    configs: dict[str, Any]
    """Part → its config as plain JSON values."""
    data: str
    """Name of the data set it was trained on."""
    licence: str
    labels: str
    """What its labels are: 'classes', 'vectors', or empty where there are none or it is not known."""
    header: Header

    def parameters(self, part: str) -> int:
        """How many numbers the part holds, buffers included."""
        total = 0
        for name, shape in self.header.shapes.items():
            if name.startswith(f"{part}."):
                count = 1
                for side in shape:
                    count *= side
                total += count
        return total


def read_model_info(path: str | Path) -> ModelInfo:
    """Read what a model file says, without its weights.

    Raises:
        MissingFile: there is no such file.
        UserError: it is damaged, or not one of our models.
    """
    header = read_header(path)
    if header.metadata.get("format") != FORMAT:
        raise UserError(f"{path}: a safetensors file, but not a stylegans model (no format '{FORMAT}' in its header)")
    try:
        parts = tuple(json.loads(header.metadata["parts"]))
        configs = {part: json.loads(header.metadata[f"config.{part}"]) for part in parts}
        family = header.metadata["family"]
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: a damaged stylegans model ({error})") from error
    return ModelInfo(
        family=family,
        parts=parts,
        configs=configs,
        data=header.metadata.get("data", ""),
        licence=header.metadata.get("licence", ""),
        labels=header.metadata.get("labels", ""),
        header=header,
    )


def write_model(
    path: str | Path,
    parts: Mapping[str, tuple[Any, Mapping[str, "Tensor"]]],
    *,
    family: str,
    data: str = "",
    licence: str = "",
    labels: str = "",
    images: int | None = None,
) -> None:
    """Write ``parts`` (name → config and tensors) as one model file, whole or not at all.

    Args:
        labels: 'classes' or 'vectors', of a model that takes labels; empty: not known.
        images: real pictures that the training had seen; None: not known, or of no meaning.
    """
    metadata = {
        "format": FORMAT,
        "family": family,
        "parts": json.dumps(list(parts)),
        "data": data,
        "licence": licence,
    } | {f"config.{part}": json.dumps(to_dict(config)) for part, (config, _) in parts.items()}
    if labels:
        metadata["labels"] = labels
    if images is not None:
        metadata["images"] = str(images)
    tensors = {f"{part}.{name}": tensor for part, (_, state) in parts.items() for name, tensor in state.items()}
    write_tensors(path, tensors, metadata=metadata)


def snapshots(run: Path) -> list[Path]:
    """The models kept in a run directory, oldest first ('000200' before '000200.512')."""
    return sorted((run / "snapshots").glob("*.safetensors"), key=lambda path: path.stem)
