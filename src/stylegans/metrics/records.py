"""``measurements.jsonl``: one line for every measurement, with all that is needed to make it again or to doubt it."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegans.metrics.measurement import Measurement

FILE = "measurements.jsonl"


@dataclass(frozen=True)
class Subject:
    """What was measured, against what."""

    model: str
    """As the user named it."""
    model_sha256: str
    """Of the file; of pictures, of their names and contents."""
    data: str
    """The set's name; empty where none was used."""
    data_hash: str
    """Of its pictures and the labels in use."""
    resolution: tuple[int, int]
    """(height, width) at which both were compared."""
    device: str
    precision: str = "float32"
    """Of a model's convolutions."""


def to_dict(measurement: Measurement, subject: Subject) -> dict[str, Any]:
    """A measurement as a line's JSON values."""
    return {
        "metric": measurement.name,
        "values": measurement.values,
        "real": measurement.real,
        "intervals": {name: list(bounds) for name, bounds in measurement.intervals.items()},
        "num_generated": measurement.num_generated,
        "num_real": measurement.num_real,
        "seed": measurement.seed,
        "features": measurement.features,
        "features_sha256": measurement.features_sha256,
        "definition": measurement.definition,
        "protocol": measurement.protocol,
        "details": measurement.details,
        "seconds": round(measurement.seconds, 3),
        "model": subject.model,
        "model_sha256": subject.model_sha256,
        "data": subject.data,
        "data_hash": subject.data_hash,
        "resolution": list(subject.resolution),
        "device": subject.device,
        "precision": subject.precision,
        "versions": versions(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def versions() -> dict[str, str]:
    """Of what computed the numbers."""
    return {
        "stylegans": version("stylegans"),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line to the file, which is made if needed.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:  # one write: lines of two processes do not mix
        file.write(json.dumps(line) + "\n")
