"""Labels of pictures: ``dataset.json`` in the field's layout, and CSV.

``{"labels": [["00000/img00000000.png", 3], …]}``: a label is a class (int ≥ 0) or a vector of numbers: answers of yes
and no (``[0, 1, 1]``), or conditions (``[0.3, -1.2]``). Beside it this package keeps ``label_names``, the names of the
classes or of the vectors' places, in order; and ``subsets``, further such objects by name.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stylegans.errors import UserError

MOST_CLASSES = 100_000
"""A class numbered higher is a slip, and its one-hot vectors would fill the memory."""

LARGEST = float(np.finfo(np.float32).max)
"""A number of a vector that is larger would become infinite where it is used."""

Label = int | str | tuple[float, ...]
"""A class by number, a class by name, or a vector."""


@dataclass(frozen=True)
class Labels:
    """What a file says about its pictures. All labels are of one kind; vectors are of one length."""

    by_name: dict[str, Label]
    class_names: tuple[str, ...] | None
    """Names of classes that are numbers, or of the places of vectors."""
    where: str
    """The file, for messages."""


def parse_catalogue(content: bytes, *, where: str, subset: str | None = None) -> Labels | None:
    """The labels in a ``dataset.json``, or in one of its subsets; None when it says ``"labels": null``.

    Raises:
        UserError: it is not in the layout above; names ``where``.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise UserError(f"{where}: is not JSON ({error})") from error
    if subset is not None:
        document = document["subsets"][subset]
    if not isinstance(document, dict):
        raise UserError(f'{where}: should be {{"labels": [[name, label], ...]}}')
    rows, names = document.get("labels"), document.get("label_names")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) for row in rows
    ):
        raise UserError(f'{where}: "labels" should be a list of [name, label]')
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f'{where}: "label_names" should be a list of texts')
    by_name = {name.replace("\\", "/"): _checked(name, label, where) for name, label in rows}
    if len({len(label) if isinstance(label, tuple) else 0 for label in by_name.values()}) > 1:
        raise UserError(f"{where}: its labels should be all classes or all vectors of one length")
    return Labels(by_name, None if names is None else tuple(names), where)


def parse_csv(content: bytes, *, where: str) -> Labels:
    """The labels in a CSV of rows ``name,label`` or ``name,number,number,…``.

    One label: the heading may be missing. Labels that are all whole numbers ≥ 0 are classes by number; that are all
    numbers, vectors of length 1; else every label is a class by name. Several: vectors, whose places have the names in
    the heading.

    Raises:
        UserError: rows differ in length, a number of several is none or not finite, or the file is no UTF-8 text; names
            ``where``.
    """
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{where}: is not CSV in UTF-8 ({error})") from error
    columns = len(rows[0]) if rows else 2
    for row in rows:
        if len(row) != columns or columns < 2:
            expected = "two columns, name,label, or more" if columns < 2 else f"{columns} columns as its first row has"
            raise UserError(f"{where}: should have {expected}; found '{','.join(row)}'")
    rows = [[row[0].replace("\\", "/"), *row[1:]] for row in rows]
    return _single(rows, where) if columns == 2 else _several(rows, where)


def _single(rows: list[list[str]], where: str) -> Labels:
    heading = rows[:1] if rows and (rows[0][1].lower() in ("label", "class") or rows[0][0].lower() == "name") else []
    labels = {row[0]: row[1] for row in rows[len(heading) :]}
    if all(label.isdecimal() for label in labels.values()):
        return Labels({name: int(label) for name, label in labels.items()}, None, where)
    if not all(_is_numeric(label) for label in labels.values()):
        return Labels(dict(labels), None, where)
    names = tuple(heading[0][1:]) if heading else None
    return Labels(
        {name: _vector([label], names or ("label",), name, where) for name, label in labels.items()}, names, where
    )


def _several(rows: list[list[str]], where: str) -> Labels:
    heading, rows = rows[0], rows[1:]
    if not rows or all(_is_numeric(cell) for cell in heading[1:]):
        raise UserError(f"{where}: several columns of labels need a heading that names them, and rows below it")
    names = tuple(heading[1:])
    return Labels({name: _vector(cells, names, name, where) for name, *cells in rows}, names, where)


def _vector(cells: list[str], columns: Sequence[str], name: str, where: str) -> tuple[float, ...]:
    for cell, column in zip(cells, columns, strict=True):
        if not (_is_numeric(cell) and _is_number(float(cell))):
            raise UserError(f"{where}: {column} of {name} should be a finite number, not '{cell}'")
    return tuple(map(float, cells))


def _is_numeric(text: str) -> bool:
    """Whether it reads as a number; 'nan' and 'inf' do."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def numbered(
    labels: Sequence[Label], class_names: tuple[str, ...] | None
) -> tuple[list[Label], tuple[str, ...] | None]:
    """Classes by name turned to numbers, in the names' order; other labels as they are. And the classes' names."""
    names = sorted({label for label in labels if isinstance(label, str)})
    if not names:
        return list(labels), class_names
    number = {name: position for position, name in enumerate(names)}
    return [number[label] if isinstance(label, str) else label for label in labels], tuple(names)


@dataclass(frozen=True)
class Table:
    """The labels of a data set's pictures, in their order."""

    values: np.ndarray
    """int64 [N], classes; or float32 [N, c_dim], vectors."""
    c_dim: int
    """Length of a label as a network takes it: the highest class + 1, or the vectors' length."""

    def __getitem__(self, index: int) -> np.ndarray:
        """float32 [c_dim]; a class as one-hot."""
        if self.values.ndim == 2:
            return np.array(self.values[index])
        one_hot = np.zeros(self.c_dim, dtype=np.float32)
        one_hot[self.values[index]] = 1
        return one_hot

    def rows(self, chosen: np.ndarray) -> "Table":
        """Of the pictures with these numbers alone; ``c_dim`` stays."""
        return replace(self, values=self.values[chosen])


def table(labels: Labels, names: Sequence[str], *, option: str) -> Table:
    """The labels of the pictures ``names``.

    Raises:
        UserError: a picture has no label, there are fewer names than classes or not one for each place of the vectors,
            or absurdly many classes.
    """
    for name in names:
        if name not in labels.by_name:
            raise UserError(f"{option}: {labels.where} has no label for {name}")
    chosen = [labels.by_name[name] for name in names]
    if isinstance(chosen[0], tuple):
        if labels.class_names is not None and len(labels.class_names) != len(chosen[0]):
            raise UserError(
                f"{option}: {labels.where} has vectors of length {len(chosen[0])} but {len(labels.class_names)} "
                f'"label_names"'
            )
        return Table(np.array(chosen, dtype=np.float32), len(chosen[0]))
    classes = np.array(chosen, dtype=np.int64)
    highest = int(classes.max())
    if highest >= MOST_CLASSES:
        raise UserError(f"{option}: {labels.where} has class {highest}; classes should be numbered from 0 without gaps")
    if labels.class_names is not None and len(labels.class_names) <= highest:
        raise UserError(
            f'{option}: {labels.where} has class {highest} but only {len(labels.class_names)} "label_names"'
        )
    return Table(classes, highest + 1)


def _checked(name: str, label: Any, where: str) -> Label:
    if isinstance(label, int) and not isinstance(label, bool) and label >= 0:
        return label
    if isinstance(label, list) and label and all(_is_number(value) for value in label):
        return tuple(float(value) for value in label)
    raise UserError(f"{where}: the label of {name} should be a whole number from 0 or a list of finite numbers")


def _is_number(value: Any) -> bool:
    """Whether it is a number that float32 can hold; a NaN is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
