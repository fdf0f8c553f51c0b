"""What each resolution adds to the picture (StyleGAN2, section 4.2 and figure 8)."""

from collections.abc import Sequence

import numpy as np
import torch

from stylegans.metrics import resolution_shares
from stylegans.networks.protocol import Generator
from stylegans.networks.resolutions import Definition, Part, definition, parts
from stylegans.tools.figures.pictures import enough, grid_name, panels, refuse, seed_groups, setting, shown
from stylegans.tools.figures.sheet import Figure, layout
from stylegans.tools.generate import Label, styles

NAME, TITLE = "contributions", "Contribution of each resolution"

ROWS = 2

SAMPLES = 32
"""Over which the shares are estimated."""

MEANING: dict[Definition, str] = {
    "skip": "what its to-RGB layer draws, upsampled",
    "resnet": "what its residual branch becomes on its way through the shortcuts and the to-RGB layer",
    "styles": "what changes when its styles, after those of all coarser ones, go from the average w to their own",
}


def missing(G: Generator) -> str | None:
    """Why this model cannot have the figure; None: it can."""
    if definition(G) is not None:
        return None
    return "neither its wiring nor styles by layer tell the resolutions of this model apart"


def contributions(
    G: Generator,
    seeds: Sequence[int] = (0,),
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    truncation: float = 1.0,
    label: Label | None = None,
) -> Figure:
    """What each resolution adds to the picture, the sums so far, and each one's share of the standard deviation.

    What a contribution is depends on the wiring: see ``stylegans.networks.resolutions``.

    Args:
        seeds: of the pictures; where there are too few, those that follow the last.
        samples: pictures over which the shares are computed.
        seed: of these.
        truncation, label: as ``stylegans.tools.generate.generate``.

    Raises:
        UserError: the model has neither such a wiring nor styles by layer, or an option makes no sense for it.
    """
    refuse(NAME, missing(G))
    kind = definition(G)
    assert kind is not None  # or it were refused
    seeds = enough(seeds, ROWS)
    found = [parts(G, styles(G, (each,), truncation=truncation, label=label)) for each in seeds]
    percent = shares(G, samples=samples, seed=seed, truncation=truncation, label=label)
    bright = np.percentile(np.concatenate([part.images.abs().cpu().numpy() for each in found for part in each]), 99)
    contrast = 1 / max(float(bright), 1.0)
    cells, rows = [], []
    for each in found:
        alone = torch.cat([part.images for part in each])
        colours = alone[:, :3] if alone.shape[1] == 4 else alone  # what is added to opacity cannot be shown
        cells += [panels(shown(colours * contrast)), panels(shown(alone.cumsum(dim=0)))]
        rows += ["added", "sum so far"]
    return Figure(
        NAME,
        TITLE,
        f"What each resolution adds to the picture, that is {MEANING[kind]} (grey is 0; contrast × {contrast:.2g}), "
        "and the sums so far, the last of which is the picture. The percentages are the shares of the standard "
        f"deviation over {samples} pictures (cf. StyleGAN2, figure 8).{setting(truncation=truncation, label=label)}",
        layout(
            cells,
            rows=rows,
            columns=[heading(part, share) for part, share in zip(found[0], percent, strict=True)],
            row_groups=seed_groups(G, seeds, label, rows=2),
        ),
    )


def heading(part: Part, share: float) -> str:
    return "average w\n" if part.size is None else f"{grid_name(part.size)}\n{100 * share:.0f} %"


def shares(
    G: Generator, *, samples: int = SAMPLES, seed: int = 0, truncation: float = 1.0, label: Label | None = None
) -> tuple[float, ...]:
    """The relative standard deviation of each of ``parts`` over random pictures; they sum to 1 (or all are 0).

    Seeds are consecutive from ``seed``.
    """
    # one at a time, as all pictures of a figure: a large model needs no more memory than for one
    ws = (styles(G, (each,), truncation=truncation, label=label) for each in enough((seed,), samples))
    return resolution_shares.shares(G, ws)
