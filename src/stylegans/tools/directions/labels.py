"""Who has an attribute: labels or scores of seeds, from a file, from the model's own classes, or from a classifier.

Scores order the pictures; what is farthest up and farthest down are the sides that a boundary parts, and that a
difference is of (InterFaceGAN: Shen et al. 2020, section 4.1). Values of two kinds only are labels: all count alike.
"""

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.files.pictures import quantise
from stylegans.networks.protocol import Generator
from stylegans.tools.generate import LARGEST_SEED, Label, classes, generate

KEPT = 0.2
"""The share of scored pictures kept on each side, by default. The paper keeps 2 % of half a million."""

Classifier = Callable[[Tensor], Tensor]
"""Images uint8 [N, C, H, W] → scores [N]: the higher, the surer that a picture has the attribute."""

WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


@dataclass(frozen=True)
class Sides:
    """Of an attribute: where in a list of scores those stand that have it, and those that have it not, the surest
    first."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]


def sides(scores: Sequence[float] | np.ndarray, *, keep: int | None = None) -> Sides:
    """The highest and the lowest of ``scores`` [N], ``keep`` of each; equals stand in their order.

    Args:
        keep: how many on each side, at most; None: of labels all, of scores ``KEPT`` of them.

    Raises:
        UserError: all are alike, or ``keep`` is below 1.
    """
    values = np.asarray(scores, dtype=np.float64)
    distinct = np.unique(values)
    if len(distinct) < 2:
        raise UserError("--labels: all pictures are alike; there must be some with the attribute and some without")
    if keep is not None and keep < 1:
        raise UserError(f"--keep: {keep} on each side is too few; use 1 or more, hundreds if there are")
    falling = np.argsort(-values, kind="stable").tolist()
    positives = negatives = len(values) // 2
    most = max(1, round(KEPT * len(values))) if keep is None else keep
    if len(distinct) == 2:
        positives = int((values == distinct[1]).sum())
        negatives = len(values) - positives
        most = len(values) if keep is None else keep
    lowest = len(values) - min(negatives, most)
    return Sides(tuple(falling[: min(positives, most)]), tuple(falling[: lowest - 1 : -1]))


def class_scores(G: Generator, seeds: Sequence[int], number: int) -> list[float]:
    """1 for the seeds that draw the class ``number``, 0 for the others.

    Raises:
        UserError: the model has no such class.
    """
    if not 0 <= number < G.c_dim:
        known = f"its classes are 0 to {G.c_dim - 1}" if G.c_dim else "it has none; give a file or --classifier"
        raise UserError(f"--labels: class {number} is none of this model's; {known}")
    return [float(drawn == number) for drawn in classes(G, seeds)]


def picture_scores(
    G: Generator, seeds: Sequence[int], classifier: Classifier, *, label: Label | None = None, batch: int = 8
) -> Iterator[float]:
    """What ``classifier`` says of the pictures of ``seeds``, one by one.

    Raises:
        UserError: it says something that is not finite, or an option makes no sense for this model.
    """
    for some, images in generate(G, seeds, label=label, batch=batch):
        with torch.no_grad():
            values = classifier(quantise(images)).float().flatten().tolist()
        if len(values) != len(some):
            raise ValueError(f"the classifier gave {len(values)} scores for {len(some)} pictures")
        if not all(map(math.isfinite, values)):
            raise UserError("--classifier: it gave a score that is not finite")
        yield from values


def read_scores(path: str | Path) -> Mapping[int, float]:
    """Seed → score or label, from a CSV file of two columns (a heading is skipped) or a JSON object.

    Values are numbers, or true and false, yes and no.

    Raises:
        MissingFile: there is no such file.
        UserError: it holds something else; names the file and the line.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f'{path}: not text; write lines like 7,1 or a JSON object like {{"7": 1}}') from error
    rows = _json_rows(text, path) if path.suffix.lower() == ".json" else _csv_rows(text)
    found: dict[int, float] = {}
    for place, seed, value in rows:
        number = _number(value)
        if number is None or not seed.strip().isdecimal() or int(seed) > LARGEST_SEED:
            if place == "line 1":  # a heading
                continue
            raise UserError(f"{path}: {place}: '{seed},{value}' is not a seed and a number, like 7,1 or 7,0.35")
        found[int(seed)] = number
    if not found:
        raise UserError(f'{path}: holds no seeds; write lines like 7,1 or a JSON object like {{"7": 1}}')
    return found


def _csv_rows(text: str) -> Iterator[tuple[str, str, str]]:
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if any(cell.strip() for cell in row):
            yield f"line {number}", row[0], row[1] if len(row) == 2 else ",".join(row[1:])


def _json_rows(text: str, path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})") from error
    if not isinstance(values, dict):
        raise UserError(f'{path}: should be an object like {{"7": 1, "8": 0}}')
    yield from (("an entry", seed, str(value)) for seed, value in values.items())


def _number(text: str) -> float | None:
    word = text.strip().lower()
    if word in WORDS:
        return WORDS[word]
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
