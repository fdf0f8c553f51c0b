"""All figures of a model, one after another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator
from stylegans.tools.figures import contribution, interpolation, mixing, noise, samples, stochastic, truncation
from stylegans.tools.figures.sheet import Figure, Omitted
from stylegans.tools.generate import LARGEST_SEED, Label, styles

PROJECTION_STEPS = 200
"""A fifth of the published projector's: how near a picture comes is told by then."""


@dataclass(frozen=True)
class Request:
    """How figures are to be drawn."""

    seeds: Sequence[int] = (0,)
    """Of the pictures; where there are too few for a figure, those that follow the last."""
    truncation: float = 1.0
    """ψ, on all layers, of the figures that do not vary it."""
    label: Label | None = None
    """Of all pictures; None: each seed draws its own class."""
    seed: int = 0
    """Of whatever else is random: noise, and the pictures that a number is estimated over."""
    name: str = "this model"
    """What a caption calls the model where another stands beside it."""
    log: Sequence[Mapping[str, Any]] | None = None
    """The ticks of the run that trained the model, as its ``log.jsonl`` has them; None: it is in no run directory."""
    beside: tuple[str, Generator] | None = None
    """Another model to compare with, by its name."""
    reals: Tensor | None = None
    """Real pictures float [N, C, H, W] in [-1, 1], of the model's shape."""
    steps: int = PROJECTION_STEPS
    """Of a projection."""


@dataclass(frozen=True)
class Kind:
    """A figure that can be asked for by its name."""

    name: str
    title: str
    draw: Callable[[Generator, Request], Figure]
    missing: Callable[[Generator, Request], str | None] = lambda G, request: None
    """Why a model cannot have it, so requested; None: it can, as by default every model."""


def _kind(module: ModuleType, draw: Callable[[Generator, Request], Figure]) -> Kind:
    """The figure of one of the modules here, which say by the model alone why it cannot have it."""
    return Kind(module.NAME, module.TITLE, draw, lambda G, _: module.missing(G))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            samples.NAME,
            samples.TITLE,
            lambda G, r: samples.uncurated(G, r.seeds, truncation=r.truncation, label=r.label),
        ),
        _kind(mixing, lambda G, r: mixing.style_mixing(G, r.seeds, truncation=r.truncation, label=r.label)),
        _kind(
            stochastic,
            lambda G, r: stochastic.noise_detail(G, r.seeds, seed=r.seed, truncation=r.truncation, label=r.label),
        ),
        _kind(noise, lambda G, r: noise.noise_layers(G, r.seeds, truncation=r.truncation, label=r.label)),
        _kind(truncation, lambda G, r: truncation.truncation_sweep(G, r.seeds, label=r.label)),
        _kind(
            contribution,
            lambda G, r: contribution.contributions(G, r.seeds, seed=r.seed, truncation=r.truncation, label=r.label),
        ),
        Kind(
            interpolation.NAME,
            interpolation.TITLE,
            lambda G, r: interpolation.interpolations(G, r.seeds, truncation=r.truncation, label=r.label),
        ),
    )
}
"""The papers' figures by name, in the order of a folder of them."""


def figures(
    G: Generator,
    seeds: Sequence[int] = (0,),
    *,
    truncation: float = 1.0,
    label: Label | None = None,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> Iterator[Figure | Omitted]:
    """The papers' figures of a model, one by one, each as soon as it is drawn; the same for the same arguments.

    Args:
        seeds, truncation, label, seed: see ``Request``.
        only: names of ``KINDS``; None: all.

    Raises:
        UserError: an option makes no sense for this model, or a name is none of the figures'; before anything is drawn.
    """
    request = Request(seeds=tuple(seeds), truncation=truncation, label=label, seed=seed)
    return drawn(G, request, chosen(KINDS, only))


def chosen(kinds: Mapping[str, Kind], only: Sequence[str] | None, *, option: str = "--only") -> tuple[Kind, ...]:
    """The kinds of those names, in the order of ``kinds``; all of them for None.

    Raises:
        UserError: a name is none of theirs, or there is none; names ``option``.
    """
    for name in () if only is None else only or ("",):
        if name not in kinds:
            raise UserError(f"{option}: '{name}' is no figure; there are {', '.join(kinds)}")
    return tuple(kind for name, kind in kinds.items() if only is None or name in only)


def drawn(G: Generator, request: Request, kinds: Sequence[Kind]) -> Iterator[Figure | Omitted]:
    """The figures of ``kinds``, one by one, as ``figures``.

    Raises:
        UserError: the request makes no sense for this model; before anything is drawn.
    """
    if not request.seeds:
        raise UserError("--seeds: none were given; one is enough")
    if not 0 <= request.seed <= LARGEST_SEED:
        raise UserError(f"--seed: {request.seed} is not between 0 and {LARGEST_SEED}")
    styles(G, request.seeds[:1], truncation=request.truncation, label=request.label)  # refuses what is wrong
    return _drawn(G, request, kinds)


def _drawn(G: Generator, request: Request, kinds: Sequence[Kind]) -> Iterator[Figure | Omitted]:
    for kind in kinds:
        reason = kind.missing(G, request)
        yield kind.draw(G, request) if reason is None else Omitted(kind.name, kind.title, reason)
