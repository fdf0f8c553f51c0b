from pathlib import Path

import numpy as np
from PIL import Image

from stylegans.metrics.measurement import Measurement
from stylegans.metrics.recipes import Better
from stylegans.tools.compare import plot, rows, short_names


def measurement(name: str, *values: float, better: Better = "lower", floor: float | None = None) -> Measurement:
    named = {name if place == 0 else f"{name}_{place}": value for place, value in enumerate(values)}
    return Measurement(
        name=name,
        values=named,
        num_generated=10,
        num_real=10,
        seed=0,
        features="means",
        features_sha256="",
        definition="",
        protocol="",
        better=better,
        real={} if floor is None else {name: floor},
        intervals={name: (values[0] - 1, values[0] + 1)},
    )


RESULTS = {
    "runs/a/snapshots/000010.safetensors": [
        measurement("fd", 30.0, floor=3.0),
        measurement("pr", 0.5, 0.4, better="higher"),
    ],
    "runs/b/snapshots/000010.safetensors": [
        measurement("fd", 20.0, floor=3.0),
        measurement("pr", 0.3, 0.6, better="higher"),
    ],
}


def test_the_best_of_each_metric_is_by_its_first_number_in_its_own_direction() -> None:
    table = {row.name: row for row in rows(RESULTS)}
    assert list(table) == ["fd", "pr", "pr_1"]
    assert table["fd"].values == (30.0, 20.0)
    assert (table["fd"].best, table["pr"].best, table["pr_1"].best) == (1, 0, None)
    assert (table["fd"].real, table["pr"].real) == (3.0, None)
    assert table["fd"].intervals == ((29.0, 31.0), (19.0, 21.0))


def test_names_lose_the_folders_they_share() -> None:
    assert short_names(list(RESULTS)) == ["a/snapshots/000010.safetensors", "b/snapshots/000010.safetensors"]
    assert short_names(["x/one.safetensors"]) == ["x/one.safetensors"]
    assert short_names(["a", "a/b"]) == ["a", "a/b"]


def test_the_plot_is_a_picture_with_a_panel_per_number(tmp_path: Path) -> None:
    plot(tmp_path / "compare.png", RESULTS)
    with Image.open(tmp_path / "compare.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape[1] > pixels.shape[0]
    best = np.abs(pixels - (0x2F, 0x5D, 0x9B)).sum(axis=2) < 30
    columns = np.array_split(best.any(axis=0), 3)
    assert [bool(part.any()) for part in columns] == [True, True, False]  # no best where no direction is known
