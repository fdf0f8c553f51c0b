import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from stylegans.metrics import records
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.records import Subject

MEASUREMENT = Measurement(
    name="pr",
    values={"pr_precision": 0.5, "pr_recall": 0.25},
    num_generated=10,
    num_real=20,
    seed=3,
    features="means",
    features_sha256="ab",
    definition="what it is",
    protocol="of what",
    better="higher",
    real={"pr_precision": 0.9, "pr_recall": 0.8},
    intervals={"pr_precision": (0.4, 0.6)},
    figures={"pr": np.zeros((2, 2, 3), dtype=np.uint8)},
)
SUBJECT = Subject("model", "cd", "set", "ef", (32, 24), "cpu")


def test_a_line_holds_all_that_the_number_depends_on_and_nothing_that_json_does_not(tmp_path: Path) -> None:
    path = tmp_path / "new" / records.FILE
    for seed in (3, 4):
        records.append(path, records.to_dict(replace(MEASUREMENT, seed=seed), SUBJECT))
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["seed"], second["seed"]) == (3, 4)
    assert first["values"] == MEASUREMENT.values
    assert first["real"] == MEASUREMENT.real
    assert first["intervals"] == {"pr_precision": [0.4, 0.6]}
    for name, value in (
        ("model_sha256", "cd"),
        ("data_hash", "ef"),
        ("features_sha256", "ab"),
        ("definition", "what it is"),
        ("protocol", "of what"),
        ("resolution", [32, 24]),
    ):
        assert first[name] == value


def test_a_measurement_reads_as_one_line_with_its_counts() -> None:
    assert MEASUREMENT.value == 0.5
    assert MEASUREMENT.floor == 0.9
    assert str(MEASUREMENT) == (
        "pr_precision 0.5, pr_recall 0.25 (10 generated, 20 real, features means, seed 3; real against real 0.9, 0.8)"
    )
