"""``stylegans figures MODEL``: the papers' figures, as a folder to look through."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.errors import UserError


@dataclass(frozen=True)
class Figures:
    """The papers' figures of a model: captioned PNGs, and an index.html to look through them.

    uncurated, style-mixing, noise-detail, noise-layers, truncation, contributions, interpolations. What a model cannot
    have, having no noise inputs for example, is left out, and the reason given.
    """

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    out: Path
    """the folder to write to"""
    seeds: str = "0"
    """what the figures show: numbers and ranges, like 0-15,20,3; where a figure needs more, those that follow the
    last"""
    only: str | None = None
    """some of the figures, by name, like truncation,style-mixing"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    seed: int = 0
    """of the noise, and of the pictures that the shares of the resolutions are computed over"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""


def main(argv: list[str]) -> int:
    """``stylegans figures``."""
    options = parse(Figures, argv, prog="stylegans figures")
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: {options.out} is a file; name a folder")

    from rich.console import Console

    from stylegans import models
    from stylegans.runs import machine
    from stylegans.tools.figures.collection import KINDS, Request, chosen, drawn
    from stylegans.tools.figures.page import write_figure, write_page
    from stylegans.tools.figures.sheet import Figure, Omitted
    from stylegans.tools.generate import parse_seeds

    seeds = parse_seeds(options.seeds)
    kinds = chosen(KINDS, None if options.only is None else [name.strip() for name in options.only.split(",")])
    machine.tune_allocator()
    G = models.load(options.model, device=machine.choose_device(options.device))
    label = label_of(G, options.model, options.label)
    request = Request(seeds=seeds, truncation=options.truncation, label=label, seed=options.seed)
    each = drawn(G, request, kinds)
    reasons = [kind.missing(G) for kind in kinds]
    if all(reasons):
        raise UserError(f"--only: this model cannot have {', '.join(kind.name for kind in kinds)}: {reasons[0]}")

    console = Console(stderr=True)
    made: list[Figure] = []
    omitted: list[Omitted] = []
    for kind in kinds:
        with console.status(f"drawing {kind.name}"):
            figure = next(each)
        if isinstance(figure, Omitted):
            omitted.append(figure)
            print(f"left out {figure.name}: {figure.reason}", flush=True)
        else:
            made.append(figure)
            print(f"wrote {write_figure(options.out, figure)}", flush=True)
    page = write_page(options.out, made, omitted, model=Path(options.model).resolve().name)
    print(f"wrote {page}: {len(made)} figure{'s'[: len(made) > 1]} to look through")
    return 0
