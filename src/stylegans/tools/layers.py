"""Names for groups of layers (StyleGAN, section 3.1: coarse, middle and fine styles)."""

from stylegans.config import StyleGAN3
from stylegans.errors import UserError
from stylegans.networks.protocol import Generator

Groups = dict[str, tuple[int, int | None]]

GROUPS: Groups = {"coarse": (0, 4), "middle": (4, 8), "fine": (8, None)}
"""Group → its ws, from (counted) to (not counted; None: the last). Two grids each, of two ws: from a base of 4×4 coarse
is 4²–8², middle 16²–32², fine the rest."""

STYLEGAN3_GROUPS: Groups = {"coarse": (0, 7), "middle": (7, 11), "fine": (11, None)}
"""Of a StyleGAN3, whose layers double the grid at uneven distances: our choice, for the published 16 ws."""


def groups_of(G: Generator) -> Groups:
    """What coarse, middle and fine mean in this model."""
    return STYLEGAN3_GROUPS if isinstance(getattr(G, "config", None), StyleGAN3) else GROUPS


def group(name: str, num_ws: int, *, groups: Groups = GROUPS, option: str = "--layers") -> tuple[int, ...]:
    """The ws of the group ``name``.

    Raises:
        UserError: a model of ``num_ws`` ws has none in it; names the groups it has.
    """
    members = tuple(range(num_ws)[slice(*groups[name])])
    if not members:
        others = (f"{other} ({ws[0]}-{ws[-1]})" for other in groups if (ws := range(num_ws)[slice(*groups[other])]))
        raise UserError(f"{option}: this model has no {name} layers; its {num_ws} ws are {', '.join(others)}")
    return members


def parse_layers(text: str, num_ws: int, *, groups: Groups = GROUPS, option: str = "--layers") -> tuple[int, ...]:
    """'coarse', 'middle', 'fine', '0-3', '2', or several with commas → indices into ws, rising, each once.

    Ranges are inclusive.

    Raises:
        UserError: it is something else, reaches beyond the model's ``num_ws`` ws, or names an empty group.
    """
    chosen: set[int] = set()
    for part in (word.strip() for word in text.split(",")):
        if part in groups:
            chosen.update(group(part, num_ws, groups=groups, option=option))
            continue
        first, dash, last = (word.strip() for word in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()) or int(first) > int(last):
            raise UserError(f"{option}: '{part}' is not {', '.join(groups)}, a layer or a range like 0-3")
        if int(last) >= num_ws:
            raise UserError(f"{option}: {part} reaches beyond this model's layers, 0 to {num_ws - 1}")
        chosen.update(range(int(first), int(last) + 1))
    return tuple(sorted(chosen))
