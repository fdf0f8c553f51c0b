"""Tables of pictures in the layout of Hugging Face ``datasets``: which column holds what, and what its cells mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from stylegans.data.labels import Label
from stylegans.errors import UserError

WHAT = "a Hugging Face data set"

IMAGE_COLUMNS = ("image", "img", "picture")
"""Names tried before the others of several columns of pictures."""

LABEL_COLUMNS = ("label", "labels", "class")
"""Names of labels that the data set does not declare as classes."""


@dataclass(frozen=True)
class Columns:
    """Those columns of a table that count."""

    image: str
    is_declared: bool
    """Whether the picture's column is an ``Image`` to ``datasets``, which would decode it."""
    label: str | None
    class_names: tuple[str, ...] | None
    to_label: Callable[[Any], Label | None]
    """A cell of the labels' column → the label; None where it has none."""

    @property
    def names(self) -> list[str]:
        return [self.image] if self.label is None else [self.image, self.label]

    @property
    def labels_from(self) -> str | None:
        return None if self.label is None else f"column '{self.label}'"


def find_columns(datasets: Any, features: Mapping[str, Any]) -> Columns | None:
    """The columns of pictures and labels among a data set's ``features``. None: none holds pictures.

    Pictures: a column declared as such, else one of picture files' bytes. Labels: the first column declared to hold
    classes, or several of them for each picture (a vector of zeros and ones), else one of the usual name.
    """
    declared = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    pictures = declared or [name for name, feature in features.items() if _is_binary(feature)]
    if not pictures:
        return None
    image = next((name for name in IMAGE_COLUMNS if name in pictures), pictures[0])
    label, class_names, to_label = _labels(datasets, features)
    return Columns(image, bool(declared), label, class_names, to_label)


def content_and_path(cell: Any) -> tuple[bytes | None, str | None]:
    """What a picture's cell holds: the file's bytes, or a dict of ``bytes`` and ``path``, of which one may be None."""
    if isinstance(cell, Mapping):
        return cell.get("bytes"), cell.get("path")
    return cell, None


def training_part(names: Sequence[str], *, where: str) -> str:
    """The part called train; or the only one.

    Raises:
        UserError: there are several others.
    """
    if len(names) == 1:
        return names[0]
    if "train" in names:
        return "train"
    raise UserError(f"SRC: {where} has the parts {', '.join(names)}, none called train; name one")


def _is_binary(feature: Any) -> bool:
    kind = feature.get("bytes") if isinstance(feature, Mapping) else feature
    return getattr(kind, "dtype", None) in ("binary", "large_binary")


def _labels(
    datasets: Any, features: Mapping[str, Any]
) -> tuple[str | None, tuple[str, ...] | None, Callable[[Any], Label | None]]:
    for name, feature in features.items():
        if isinstance(feature, datasets.ClassLabel):
            return name, _names(feature), _class
    for name, feature in features.items():
        inner = _inner(feature)
        if isinstance(inner, datasets.ClassLabel) and inner.num_classes:
            return name, _names(inner), partial(_classes, count=inner.num_classes)
    for name in LABEL_COLUMNS:
        feature = features.get(name)
        kind = str(getattr(_inner(feature) or feature, "dtype", ""))
        if kind.startswith(("int", "uint", "bool")) and _inner(feature) is None:
            return name, None, _class
        if kind.startswith(("int", "uint", "float", "bool")):
            return name, None, _vector
        if kind in ("string", "large_string") and _inner(feature) is None:
            return name, None, _text
    return None, None, _class


def _inner(feature: Any) -> Any:
    """What a list holds; None: it is no list."""
    if isinstance(feature, list):
        return feature[0]
    return getattr(feature, "feature", None)


def _names(feature: Any) -> tuple[str, ...] | None:
    return tuple(feature.names) if feature.names else None


def _class(cell: Any) -> Label | None:
    return None if cell is None or cell < 0 else int(cell)  # -1: the hub's word for a label that is kept back


def _classes(cell: Any, *, count: int) -> Label | None:
    if cell is None:
        return None
    return tuple(float(number in cell) for number in range(count))


def _vector(cell: Any) -> Label | None:
    if cell is None:
        return None
    return tuple(map(float, cell)) if isinstance(cell, Sequence) else (float(cell),)


def _text(cell: Any) -> Label | None:
    return cell or None
