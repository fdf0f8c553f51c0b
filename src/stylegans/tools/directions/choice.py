"""Which directions a command line means: ``FILE``, ``FILE:NAME``, ``FILE:NAME=1.5``, several with commas."""

import math
from collections.abc import Sequence
from pathlib import Path

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator
from stylegans.tools.directions.apply import Move
from stylegans.tools.directions.files import Direction, check_fits, read_directions
from stylegans.tools.layers import groups_of, parse_layers


def read_choice(text: str, G: Generator, *, option: str) -> tuple[Move, ...]:
    """'smile.safetensors:smile=1.5,pose.safetensors,:pc1=-1' → the directions, each with how far.

    Without a name all directions of the file are meant; without a number 1; without a file the one before.

    Raises:
        MissingFile: a file is not there.
        UserError: a file holds no such direction, or one that does not fit the model; names ``option`` or the file.
    """
    found: list[Move] = []
    before: Path | None = None
    for part in (word.strip() for word in text.split(",")):
        word, weight = _weighed(part, option)
        path, name = _file_and_name(word, before)
        if path is None:
            raise UserError(f"{option}: '{part}' names no file; write it like FILE.safetensors:pc0")
        before = path
        for direction in _named(path, name):
            check_fits(direction, G, where=str(path))
            found.append(Move(direction, weight))
    return tuple(found)


def sum_of(moves: Sequence[Move], text: str) -> str:
    """The names of the directions that add up, like 'smile + 1.5 pose'; of one the name alone.

    Args:
        text: the words of the command line, to say in a refusal.

    Raises:
        UserError: a file of several directions was named without choosing one.
    """
    if len(moves) > text.count(",") + 1:
        names = ", ".join(move.direction.name for move in moves)
        raise UserError(
            f"DIRECTION: choose one, like FILE:{moves[0].direction.name}, or give a folder to --out for a strip of "
            f"each; there are {names}"
        )
    return " + ".join(_weight(move.strength) + move.direction.name for move in moves)


def read_layers(text: str | None, G: Generator, *, option: str = "--layers") -> tuple[int, ...] | None:
    """'0-3', 'coarse', 'all' → indices into ws; None stays None: nothing was said.

    Raises:
        UserError: the model has one style for all its layers, or no such layers.
    """
    if text is None:
        return None
    if G.num_ws == 1:
        raise UserError(f"{option}: this model has one style for all its layers; leave it out")
    if text.strip() == "all":
        return tuple(range(G.num_ws))
    return parse_layers(text, G.num_ws, groups=groups_of(G), option=option)


def _weight(strength: float) -> str:
    return "" if strength == 1 else f"{strength:g} ".replace("-", "−")


def _weighed(part: str, option: str) -> tuple[str, float]:
    word, equals, number = part.rpartition("=")
    if not equals:
        return part, 1.0
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise UserError(f"{option}: '{number}' in '{part}' is not a number, like pc0=1.5")
    return word.strip(), weight


def _file_and_name(word: str, before: Path | None) -> tuple[Path | None, str | None]:
    if Path(word).is_file():
        return Path(word), None
    path, colon, name = word.rpartition(":")
    if colon and name and not name.endswith(".safetensors"):
        return (Path(path) if path else before), name
    if before is not None and "." not in word:  # FILE:pc0,pc1
        return before, word
    return (Path(word) if word else before), None


def _named(path: Path, name: str | None) -> tuple[Direction, ...]:
    every = read_directions(path)
    chosen = every if name is None else tuple(each for each in every if each.name == name)
    if not chosen:
        raise UserError(f"{path}: no direction '{name}'; there are {', '.join(each.name for each in every)}")
    return chosen
