"""``stylegans figures MODEL``: the papers' figures, or the analyses, as a folder to look through."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.start import importing
from stylegans.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from stylegans.networks.protocol import Generator

REALS = 16
"""Pictures of --data that are projected, and as many of each model's own."""


@dataclass(frozen=True)
class Figures:
    """The papers' figures of a model: captioned PNGs, and an index.html to look through them.

    uncurated, style-mixing, noise-detail, noise-layers, truncation, contributions, interpolations. With --analysis what
    StyleGAN2 was argued from: feature-maps, fixed-crop, path-lengths, shares, projections. What a model cannot have,
    having no noise inputs for example, is left out, and the reason given.
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
    analysis: bool = False
    """the analyses instead of the papers' figures"""
    data: str | None = None
    """with --analysis: real pictures to project, a path or an embedded set's name; 16 of them, drawn by --seed"""
    beside: str | None = None
    """with --analysis: another model of pictures of the same shape, to project with too, like a StyleGAN beside a
    StyleGAN2"""
    steps: int | None = None
    """with --analysis: steps of a projection, 200 unless given"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    seed: int = 0
    """of whatever else is random: noise, directions, and the pictures that numbers are computed over"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""


def main(argv: list[str]) -> int:
    """``stylegans figures``."""
    options = parse(Figures, argv, prog="stylegans figures")
    check(options)

    with importing():
        from rich.console import Console

        from stylegans import models
        from stylegans.runs import machine
        from stylegans.tools.figures import projections
        from stylegans.tools.figures.analyses import ANALYSES
        from stylegans.tools.figures.collection import KINDS, PROJECTION_STEPS, Request, chosen, drawn
        from stylegans.tools.figures.page import write_figure, write_page
        from stylegans.tools.figures.sheet import Figure, Omitted
        from stylegans.tools.generate import parse_seeds

    seeds = parse_seeds(options.seeds)
    only = None if options.only is None else [name.strip() for name in options.only.split(",")]
    kinds = chosen(ANALYSES if options.analysis else KINDS, only)
    if options.data is not None and all(kind.name != projections.NAME for kind in kinds):
        raise UserError(f"--data: is for {projections.NAME}, which --only leaves out; add it there, or leave this out")
    machine.tune_allocator()
    device = machine.choose_device(options.device)
    G = models.load(options.model, device=device)
    name, other = captions(options.model, options.beside)
    request = Request(
        seeds=seeds,
        truncation=options.truncation,
        label=label_of(G, options.model, options.label),
        seed=options.seed,
        name=name,
        log=log_of(options.model) if options.analysis else None,
        beside=None if options.beside is None else (other, models.load(options.beside, device=device)),
        reals=None if options.data is None else reals(options.data, G, seed=options.seed).to(device),
        steps=PROJECTION_STEPS if options.steps is None else options.steps,
    )
    each = drawn(G, request, kinds)
    reasons = {kind.name: kind.missing(G, request) for kind in kinds}
    if all(reasons.values()):
        raise UserError(f"--only: this model cannot have {', '.join(reasons)}: {reasons[kinds[0].name]}")
    if options.data is not None and reasons[projections.NAME] is not None:
        raise UserError(f"--data: {projections.NAME}: {reasons[projections.NAME]}")

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


def check(options: Figures) -> None:
    """
    Raises:
        UserError: an option makes no sense, or not beside the others.
    """
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: {options.out} is a file; name a folder")
    for name, value in (("--data", options.data), ("--beside", options.beside), ("--steps", options.steps)):
        if value is not None and not options.analysis:
            raise UserError(f"{name}: is for --analysis, which projects pictures; add that or leave it out")
    for name, number in (("--beside", options.beside), ("--steps", options.steps)):
        if number is not None and options.data is None:
            raise UserError(f"{name}: is for the projections, which need real pictures; name a set with --data")
    if options.steps is not None and options.steps < 1:
        raise UserError(f"--steps: {options.steps} steps lead nowhere; 200 are usual here, 1000 published")


def captions(model: str, beside: str | None) -> tuple[str, str]:
    """What the two models are called: the last part of their path, or all of it where that is the same."""
    mine, other = Path(model).resolve().name, "" if beside is None else Path(beside).resolve().name
    return (mine, other) if beside is None or mine != other else (model, beside)


def log_of(model: str) -> "list[dict[str, Any]] | None":
    """The log of the run that the model lies in; None: it lies in none."""
    from stylegans import models
    from stylegans.files.log import read_log
    from stylegans.tools.measure import run_of

    run = run_of(models.find(model))
    return None if run is None else read_log(run / "log.jsonl")


def reals(data: str, G: "Generator", *, seed: int) -> "Tensor":
    """Some pictures of a set at the model's size, drawn by ``seed``: [N, C, H, W], in [-1, 1].

    Raises:
        MissingFile, UserError: there is no such set, or it has another shape.
    """
    import numpy as np
    import torch

    from stylegans.data.images import open_dataset
    from stylegans.files.pictures import to_8_bits
    from stylegans.tools.attribute import from_uint8

    pictures = open_dataset(data, size=G.img_resolution)
    order = np.random.default_rng(seed).permutation(len(pictures))[:REALS]
    return from_uint8(torch.from_numpy(np.stack([to_8_bits(pictures.image(int(number))) for number in order])))
