"""Names for groups of layers (StyleGAN, section 3.1: coarse, middle and fine styles)."""

from stylegans.errors import UserError

GROUPS = {"coarse": (0, 4), "middle": (4, 8), "fine": (8, None)}
"""Group → its ws, from (counted) to (not counted; None: the last). Two grids each, of two ws: from a base of 4×4 coarse
is 4²–8², middle 16²–32², fine the rest."""


def group(name: str, num_ws: int, *, option: str = "--layers") -> tuple[int, ...]:
    """The ws of the group ``name``.

    Raises:
        UserError: a model of ``num_ws`` ws has none in it; names the groups it has.
    """
    members = tuple(range(num_ws)[slice(*GROUPS[name])])
    if not members:
        others = (f"{other} ({ws[0]}-{ws[-1]})" for other in GROUPS if (ws := range(num_ws)[slice(*GROUPS[other])]))
        raise UserError(f"{option}: this model has no {name} layers; its {num_ws} ws are {', '.join(others)}")
    return members


def parse_layers(text: str, num_ws: int, *, option: str = "--layers") -> tuple[int, ...]:
    """'coarse', 'middle', 'fine', '0-3', '2', or several with commas → indices into ws, rising, each once.

    Ranges are inclusive.

    Raises:
        UserError: it is something else, reaches beyond the model's ``num_ws`` ws, or names an empty group.
    """
    chosen: set[int] = set()
    for part in (word.strip() for word in text.split(",")):
        if part in GROUPS:
            chosen.update(group(part, num_ws, option=option))
            continue
        first, dash, last = (word.strip() for word in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()) or int(first) > int(last):
            raise UserError(f"{option}: '{part}' is not {', '.join(GROUPS)}, a layer or a range like 0-3")
        if int(last) >= num_ws:
            raise UserError(f"{option}: {part} reaches beyond this model's layers, 0 to {num_ws - 1}")
        chosen.update(range(int(first), int(last) + 1))
    return tuple(sorted(chosen))
