"""Several models side by side: the numbers of each, which is best at what, and a plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylegans.files.atomic import atomic_file
from stylegans.metrics.measurement import Measurement

COLUMNS = 3
"""Panels in a row of the plot."""


@dataclass(frozen=True)
class Row:
    """One number of every model."""

    name: str
    values: tuple[float, ...]
    """In the models' order."""
    real: float | None
    """What real pictures get."""
    intervals: tuple[tuple[float, float] | None, ...]
    best: int | None
    """Which model's is best; None where it is not said which way is better."""


def rows(results: Mapping[str, Sequence[Measurement]]) -> list[Row]:
    """Model → its measurements, by the same recipes in the same order → a row per number."""
    models = list(results.values())
    found = []
    for same in zip(*models, strict=True):
        for place, name in enumerate(same[0].values):
            values = tuple(one.values[name] for one in same)
            best = None
            if place == 0 and same[0].better:  # the others of a metric may point the other way
                best = values.index(max(values) if same[0].better == "higher" else min(values))
            intervals = tuple(one.intervals.get(name) for one in same)
            found.append(Row(name, values, same[0].real.get(name), intervals, best))
    return found


def plot(path: Path, results: Mapping[str, Sequence[Measurement]]) -> None:
    """A panel per number: a bar per model, its interval where there is one, and a line at what real pictures get."""
    from matplotlib.figure import Figure

    panels = rows(results)
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    names = short_names(list(results))
    figure = Figure(figsize=(3.4 * columns, 0.9 + lines * (1.0 + 0.32 * len(names))), layout="constrained", dpi=120)
    for place, row in enumerate(panels):
        axes = figure.add_subplot(lines, columns, place + 1)
        bars = axes.barh(names, row.values, color="#b8c4d6", height=0.7)
        if row.best is not None:
            bars[row.best].set_color("#2f5d9b")
        for height, (value, interval) in enumerate(zip(row.values, row.intervals, strict=True)):
            axes.annotate(f" {value:.4g}", (max(value, 0), height), va="center", fontsize=8)
            if interval is not None:
                axes.plot(interval, (height, height), color="black", linewidth=1.2, marker="|", markersize=6)
        if row.real is not None:
            axes.axvline(row.real, color="#c0392b", linewidth=1, linestyle="--")
        axes.set_title(row.name, fontsize=9)
        axes.margins(x=0.25)
        if min(row.values) >= 0:
            axes.set_xlim(left=0)
        axes.invert_yaxis()
        axes.tick_params(labelsize=8, labelleft=place % columns == 0)
        axes.spines[["top", "right"]].set_visible(False)
    if any(row.real is not None for row in panels):
        figure.supxlabel("dark: the best; red line: what real pictures get", fontsize=8)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png")


def short_names(models: Sequence[str]) -> list[str]:
    """The models' names without the folders that all of them share."""
    parts = [Path(model).parts for model in models]
    shared = 0
    while len(models) > 1 and all(len(p) > shared + 1 and p[shared] == parts[0][shared] for p in parts):
        shared += 1
    return [str(Path(*p[shared:])) for p in parts]
