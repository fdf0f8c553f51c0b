"""``stylegans data list|build|check``: the embedded data sets, making one of any pictures, looking one over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from stylegans.cli.progress import progress
from stylegans.cli.verbs import Verb, run_verb

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stylegans.data.check import Column, Findings
    from stylegans.data.prepare import Report

HELP = """usage: stylegans data VERB ...

Data sets: folders and zips of pictures of one size.

  list   the embedded data sets
  build  make a data set of any pictures
  check  look a data set over: sizes, modes, classes, duplicates, corrupt files

stylegans data VERB --help explains a verb."""

MOST_SHOWN = 10
"""Rows of a kind in the tables of ``check``; the rest is counted."""


def main(argv: list[str]) -> int:
    """Run ``stylegans data`` with the words after it; the exit code."""
    return run_verb("data", argv, VERBS, help_text=HELP)


def list_(argv: list[str]) -> int:
    """``data list``: reads a table in the code, no picture."""
    from stylegans.config.sizes import format_size
    from stylegans.data.builtin import EMBEDDED

    if argv:
        from stylegans.cli.parse import parse  # it takes longer to import than all the rest

        parse(_List, argv, prog="stylegans data list")
    table = _table("name", "pictures", "size", "classes", "licence", "what")
    for entry in EMBEDDED.values():
        size, classes = format_size(entry.size), str(len(entry.classes))
        table.add_row(entry.name, str(entry.pictures), size, classes, entry.licence, entry.about)
    _console().print(table)
    return 0


def build(argv: list[str]) -> int:
    """``data build SRC DST``."""
    from stylegans.cli.parse import parse

    options = parse(_build_options(), argv, prog="stylegans data build")
    from stylegans.config.sizes import parse_size
    from stylegans.data import prepare

    size = None if options.size is None else parse_size(options.size)
    with progress() as advance:
        report = prepare.build(
            options.src,
            options.dst,
            size=size,
            crop=options.crop,
            resample=options.filter_,
            channels=options.channels,
            depth=options.depth,
            labels=options.labels,
            progress=advance,
        )
    _tell_report(report, options.dst, chosen=size is None)
    return 0


def check(argv: list[str]) -> int:
    """``data check PATH``: exit code 1 if it cannot be trained on."""
    from stylegans.cli.parse import parse

    options = parse(_check_options(), argv, prog="stylegans data check")
    from stylegans.data.check import check as look_over

    with progress() as advance:
        findings = look_over(options.path, progress=lambda done, total: advance("checking", done, total))
    _tell_findings(findings)
    return 1 if findings.problems else 0


VERBS: dict[str, Verb] = {"list": list_, "build": build, "check": check}


@dataclass(frozen=True)
class _List:
    """The data sets inside the package; --data takes their names."""


# Importing tyro takes longer than listing: options that need its markers are defined when they are asked for.


def _build_options() -> type[Any]:
    from tyro.conf import Positional, arg

    @dataclass(frozen=True)
    class Options:
        """Make a data set for training of any pictures: one size, one mode, a zip or folder of PNGs.

        Pictures that cannot be used are skipped and named. Transparency is laid on white, 16 bits become 8, EXIF
        rotations are applied. Pictures of any number of channels are read from .npy files, uint8 or uint16
        [channels, height, width]; what a PNG does not hold is written as such."""

        src: Positional[str]
        """A folder, read at any depth, or a zip of pictures; an LMDB; TFRecords; CIFAR or IDX (MNIST) files, parquet or
        arrow files, or hf://USER/NAME, of which an archive or folder gives the training part; or an embedded set's
        name."""
        dst: Positional[str]
        """The data set to make: a name ending in .zip, or a folder."""
        size: str | None = None
        """256 or 640x384 (width x height). Default: the size that all have if it is a good square, else the largest
        power of two not above the median shorter side."""
        crop: Literal["center", "wide", "none"] = "center"
        """center: cut to the shape of --size; wide: the same, then black bars to a square; none: cut nothing, skip
        what has another shape."""
        filter_: Annotated[Literal["lanczos", "box"], arg(name="filter")] = "lanczos"
        """How pictures are resized; box is the mean over each pixel's area."""
        channels: int | None = None
        """1 grey, 3 RGB, 4 RGBA, or the number that the source's .npy pictures have. Default: that number if it is
        another and most have it, else 1 if every picture is grey, else 3."""
        depth: Literal[8, 16] = 8
        """Bits per number. 16 keeps what grey PNGs and TIFFs of 16 bits and .npy pictures hold, and writes .npy."""
        labels: str | None = None
        """folders: each first-level sub-folder is a class; or a dataset.json or CSV of name,label (a class) or
        name,number,number,... below a heading (vectors). Default: the source's own dataset.json if it has one."""

    return Options


def _check_options() -> type[Any]:
    from tyro.conf import Positional

    @dataclass(frozen=True)
    class Options:
        """Sizes, modes, classes, duplicates and corrupt files of a data set. Exit code 1 if it cannot be trained on."""

        path: Positional[str]
        """A folder, a zip, or an embedded set's name."""

    return Options


def _tell_report(report: "Report", dst: str, *, chosen: bool) -> None:
    from stylegans.config.sizes import format_size
    from stylegans.data.words import printable

    console = _console()
    for name, reason in report.skipped:
        console.print(f"skipped {printable(name)}: {reason}", soft_wrap=True)
    if report.classes:
        console.print("classes: " + ", ".join(f"{name} {count}" for name, count in report.classes), soft_wrap=True)
    if report.enlarged:
        console.print(f"{report.enlarged} pictures were smaller than the size and were enlarged", soft_wrap=True)
    if report.label_length:
        console.print(f"labels: vectors of length {report.label_length}", soft_wrap=True)
    if report.rounded:
        console.print(f"{report.rounded} pictures have 16 bits and were rounded to 8; see --depth 16", soft_wrap=True)
    mode = {1: "grey", 3: "RGB", 4: "RGBA"}.get(report.channels, f"{report.channels} channels")
    depth = "" if report.depth == 8 else f" of {report.depth} bits"
    size = f"{format_size(report.size)}{' (chosen; --size sets another)' if chosen else ''}"
    skipped = f", {len(report.skipped)} skipped" if report.skipped else ""
    console.print(f"{dst}: {report.kept} pictures, {size}, {mode}{depth}{skipped}", soft_wrap=True)


def _tell_findings(findings: "Findings") -> None:
    from stylegans.config.sizes import format_size
    from stylegans.data.check import MOST_PAIRS
    from stylegans.data.words import printable

    console = _console()
    table = _table(findings.name, "")
    table.add_row("pictures", str(findings.pictures))
    table.add_row("sizes", _counted([(format_size(size), count) for size, count in findings.sizes]))
    table.add_row("modes", _counted(findings.modes))
    table.add_row("bits", _counted([(str(depth), count) for depth, count in findings.depths]))
    table.add_row("labels" if findings.vectors else "classes", _labels(findings))
    table.add_row("duplicates", _shown([" = ".join(map(printable, names)) for names in findings.duplicates]))
    alike = [" ~ ".join(map(printable, names)) for names in findings.near_duplicates]
    table.add_row("pairs that look alike", _shown(alike, at_least=len(alike) == MOST_PAIRS))
    table.add_row("corrupt", _shown([f"{printable(name)}: {reason}" for name, reason in findings.corrupt]))
    if findings.rounded:
        table.add_row("rounded", f"{findings.rounded} with 16 bits per colour, of which 8 are read")
    if findings.rotated:
        table.add_row("rotated", f"{findings.rotated} by EXIF, which only data build applies")
    console.print(table)
    if not findings.problems:
        console.print("fit for training")
        return
    mend = f"\nthis makes a data set of it: {findings.mend}" if findings.mend else ""
    console.print(f"not fit for training: {'; '.join(findings.problems)}{mend}", soft_wrap=True)


def _labels(findings: "Findings") -> str:
    without = f"\n{findings.unlabelled} pictures have no label" if findings.unlabelled else ""
    if findings.columns:
        head = f"{findings.vectors} vectors of length {len(findings.columns)}"
        return f"{head}\n{_shown([_column(column) for column in findings.columns], number=False)}{without}"
    return f"{_counted(findings.classes) if findings.classes else 'no labels'}{without}"


def _column(column: "Column") -> str:
    if column.positive is not None:
        return f"{column.name}: {column.positive} positive"
    return f"{column.name}: mean {column.mean:.4g}, {column.smallest:.4g} to {column.largest:.4g}"


def _counted(rows: Sequence[tuple[str, int]]) -> str:
    return _shown([f"{name}: {count}" for name, count in rows], number=False)


def _shown(rows: Sequence[str], *, number: bool = True, at_least: bool = False) -> str:
    head = [f"{len(rows)}{' or more' * at_least}"] if number else []
    rest = [f"and {len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []
    return "\n".join([*head, *rows[:MOST_SHOWN], *rest])


def _table(*columns: str) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(*columns, box=SIMPLE)
    for column in table.columns:
        column.overflow = "fold"
    return table


def _console() -> "Console":
    from rich.console import Console

    return Console(markup=False, highlight=False)  # file names may hold brackets
