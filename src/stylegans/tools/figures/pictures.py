"""What every figure does to its pictures: which seeds, drawn one at a time, shown in colours, enlarged, labelled."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.files.pictures import on_white, to_uint8, visible
from stylegans.networks.protocol import Generator
from stylegans.tools.figures.sheet import Group, panel, panel_size
from stylegans.tools.generate import LARGEST_SEED, Label, classes, render


def enough(seeds: Sequence[int], count: int) -> tuple[int, ...]:
    """The first ``count`` of ``seeds``; where there are fewer, those that follow the last, each once.

    Raises:
        UserError: there are none.
    """
    if not seeds:
        raise UserError("--seeds: none were given; one is enough")
    found = list(dict.fromkeys(seeds))[:count]
    following = found[-1]
    while len(found) < count:
        following = (following + 1) % (LARGEST_SEED + 1)
        if following not in found:
            found.append(following)
    return tuple(found)


def refuse(figure: str, reason: str | None) -> None:
    """Raises UserError where there is a reason that a model cannot have the figure."""
    if reason is not None:
        raise UserError(f"{figure}: {reason}")


def shown(images: Tensor) -> np.ndarray:
    """Images about [-1, 1], [N, C, H, W] → uint8 [N, H, W, 1 or 3], as figures show them: RGBA on white."""
    return np.stack([on_white(picture) for picture in visible(to_uint8(images))])


def draw(G: Generator, ws: Tensor) -> np.ndarray:
    """ws [N, num_ws, w_dim] → pictures uint8 [N, H, W, 1 or 3]; the noise stands still."""
    # one at a time: as fast on a CPU, and a large model needs no more memory than for one picture
    return np.concatenate([shown(render(G, w[None], (0,))) for w in ws])


def panels(pictures: np.ndarray) -> list[np.ndarray]:
    """Pictures [N, H, W, C] as panels of the figures' usual size."""
    size = panel_size((pictures.shape[1], pictures.shape[2]))
    return [panel(picture, size) for picture in pictures]


def seed_labels(G: Generator, seeds: Sequence[int], label: Label | None) -> list[str]:
    """'seed 3' for each; where the seeds draw their classes, these below."""
    if G.c_dim < 2 or label is not None:
        return [f"seed {seed}" for seed in seeds]
    return [f"seed {seed}\nclass {number}" for seed, number in zip(seeds, classes(G, seeds), strict=True)]


def seed_groups(G: Generator, seeds: Sequence[int], label: Label | None, *, rows: int) -> list[Group]:
    """A group of ``rows`` rows for each seed."""
    return [Group(name.capitalize(), rows) for name in seed_labels(G, seeds, label)]


def setting(*, truncation: float = 1.0, label: Label | None = None) -> str:
    """What a caption adds about how all was drawn: ' Truncation ψ = 0.7.', ' Class 3.', both or nothing."""
    said = "" if truncation == 1 else f" Truncation {equals('ψ', truncation)}."
    if isinstance(label, int):
        return f"{said} Class {label}."
    return said if label is None else f"{said} Label {', '.join(map(number, label))}."


def number(value: float) -> str:
    """'0.7', '−0.5', '1'."""
    return f"{value:.4g}".replace("-", "−")


def equals(name: str, value: float) -> str:
    """'ψ = 0.7', not to be parted at a line's end."""
    return f"{name}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{number(value)}"


def grid_name(size: Size) -> str:
    """(height, width) → '8²', or '8×6' (wide × high) where the sides differ."""
    return f"{size[0]}²" if size[0] == size[1] else f"{size[1]}×{size[0]}"
