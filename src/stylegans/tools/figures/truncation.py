"""The truncation trick as a function of ψ (StyleGAN, figure 8)."""

from collections.abc import Sequence

from stylegans.networks.protocol import Generator
from stylegans.networks.resolutions import average_ws
from stylegans.tools.figures.pictures import draw, enough, equals, panels, refuse, seed_labels, setting
from stylegans.tools.figures.sheet import Figure, layout
from stylegans.tools.generate import Label, styles

NAME, TITLE = "truncation", "Truncation"

PSIS = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)
"""The paper's."""

ROWS = 4


def missing(G: Generator) -> str | None:
    """Why this model cannot have the figure; None: it can."""
    return "this model keeps no average of w to pull towards" if average_ws(G) is None else None


def truncation_sweep(
    G: Generator, seeds: Sequence[int] = (0,), *, psis: Sequence[float] = PSIS, label: Label | None = None
) -> Figure:
    """Each seed's picture from its own style over the average w (ψ = 0) to its opposite (ψ = −1).

    Args:
        seeds: of the rows; where there are too few, those that follow the last.
        psis: of the columns.
        label: of all rows; None: each seed draws its own class.

    Raises:
        UserError: the model keeps no average w, or the label is none of its own.
    """
    refuse(NAME, missing(G))
    seeds = enough(seeds, ROWS)
    # seed by seed: what a row is drawn from does not depend on the others, so that ψ = 0 is one picture to the bit
    ws = [[styles(G, (seed,), truncation=psi, label=label) for psi in psis] for seed in seeds]
    beyond = f", and on to their opposites, {equals('ψ', -1)}" if min(psis) < 0 else ""
    return Figure(
        NAME,
        TITLE,
        "The truncation trick as a function of ψ (as StyleGAN, figure 8): from the styles of the seeds, "
        f"{equals('ψ', 1)}, to the average w, {equals('ψ', 0)}, one picture for all{beyond}."
        f"{setting(label=label)}",
        layout(
            [[panels(draw(G, w))[0] for w in row] for row in ws],
            rows=seed_labels(G, seeds, label),
            columns=[equals("ψ", psi) for psi in psis],
        ),
    )
