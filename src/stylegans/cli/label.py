"""``--class``, of the verbs that make pictures: a class, or the numbers of a label."""

from typing import TYPE_CHECKING

from stylegans.errors import UserError

if TYPE_CHECKING:
    from stylegans.networks.protocol import Generator
    from stylegans.tools.generate import Label


def label_of(G: "Generator", model: str, text: str | None) -> "Label | None":
    """What ``--class`` says; None: nothing, and each seed draws a class.

    Raises:
        UserError: it is no label of the model's; or it is missing where labels are vectors, which no seed draws.
    """
    from stylegans import models
    from stylegans.tools.generate import parse_label

    if text is not None:
        return parse_label(text, G.c_dim)
    if G.c_dim and models.kind_of_labels(model) == "vectors":
        example = ",".join(["0.5"] * G.c_dim) if G.c_dim <= 4 else "0.5,0.5,…"
        raise UserError(f"--class: this model takes labels of {G.c_dim} numbers; give them, like {example}")
    return None
