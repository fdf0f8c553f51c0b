"""``stylegans edit apply MODEL DIRECTION``: pictures along a direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.progress import tracked
from stylegans.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stylegans.networks.protocol import Generator
    from stylegans.tools.directions import Direction, Move
    from stylegans.tools.generate import Label

VISIBLE = 96
"""Smaller pictures are enlarged to at least so many pixels, unless --scale says otherwise; of a video, twice that."""

VIDEOS = (".mp4", ".gif", ".webp")


@dataclass(frozen=True)
class Apply:
    """Pictures along a direction, or along several that add up: a strip of rows of seeds and columns of strengths, or a
    video to and fro. Strengths are standard deviations of the model's own latents along the direction.

    stylegans edit apply --list FILE.safetensors shows what a file of directions holds."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    direction: tyro.conf.Positional[str]
    """what edit find has written: FILE.safetensors, FILE.safetensors:pc0 to choose one, FILE.safetensors:pc0=1.5 to
    weigh it; several with commas add up"""
    out: Path
    """the .png to write, or a video: .mp4, .gif, .webp; or a folder, for a strip of each direction"""
    seeds: str | None = None
    """whose pictures: numbers and ranges, like 0-7; by default 0-3"""
    latent: Path | None = None
    """or a latent, as project writes it"""
    strength: str | None = None
    """of each column, like -3,0,3; the directions' own weights count times as much"""
    start: Annotated[float, tyro.conf.arg(name="from")] = -3.0
    """else from here"""
    end: Annotated[float, tyro.conf.arg(name="to")] = 3.0
    """to there"""
    steps: int = 7
    """in so many columns"""
    layers: str | None = None
    """move only these: coarse, middle, fine, a layer, a range like 0-3, several with commas, or all; by default those
    that the direction is for"""
    truncation: float | None = None
    """how far from the average: below 1 likelier pictures, more alike; by default 1, which changes nothing"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    frames: int = 120
    """of a video, there and back"""
    fps: int = 30
    """of a video: frames a second"""
    scale: int | None = None
    """draw each pixel so many times as wide and high; by default so that small pictures can be seen"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""


@dataclass(frozen=True)
class List:
    """What a file of directions holds."""

    list_: Annotated[Path, tyro.conf.arg(name="list")]
    """a .safetensors file that edit find has written"""


@dataclass(frozen=True)
class Start:
    """Where the rows' pictures are, unedited."""

    ws: "Tensor"
    noise: "Mapping[str, Tensor]"
    rows: tuple[str, ...]
    """Their captions."""


@dataclass(frozen=True)
class Strip:
    """A strip to write."""

    path: Path
    title: str
    strengths: "Sequence[float]"
    layers: "Sequence[int] | None"
    scale: int | None


def main(argv: list[str]) -> int:
    """``stylegans edit apply``."""
    if any(word.partition("=")[0] == "--list" for word in argv):
        return list_names(parse(List, argv, prog="stylegans edit apply").list_)
    options = parse(Apply, _joined(argv), prog="stylegans edit apply")
    strengths = check(options)

    from stylegans import models
    from stylegans.runs import machine
    from stylegans.tools.directions.choice import read_choice, read_layers, sum_of
    from stylegans.tools.directions.spread import space_of
    from stylegans.tools.generate import class_report, parse_seeds
    from stylegans.tools.latents import fingerprint

    kind = options.out.suffix.lower()
    if kind in VIDEOS:
        from stylegans.tools.video import check_video

        check_video(options.out, fps=options.fps)
    seeds = parse_seeds(options.seeds or "0-3")
    machine.tune_allocator()
    G = models.load(options.model, device=machine.choose_device(options.device))
    moves = read_choice(options.direction, G, option="DIRECTION")
    names = sum_of(moves, options.direction) if kind else ""
    layers = read_layers(options.layers, G)
    label = None if options.latent else label_of(G, options.model, options.label)
    start = start_of(options, G, seeds, label)
    if {move.direction.model for move in moves} - {"", fingerprint(G)}:
        print(
            f"note: found in other weights than these; strengths count the standard deviations of {space_of(G)} there"
        )
    report = None if options.latent else class_report(G, seeds, label)
    if report:
        print(report)
    if kind in VIDEOS:
        write_film(G, start, moves, strengths=strengths, layers=layers, options=options)
        print(f"wrote {options.out}: {options.frames} frames, {options.frames / options.fps:.1f} s, to and fro")
    elif kind:
        title = title_of(names, moves, layers)
        write_strip(G, start, moves, Strip(options.out, title, strengths, layers, options.scale))
        print(f"wrote {options.out}: {len(start.rows)} rows along {names}, {len(strengths)} strengths")
    else:
        for move in moves:
            path, title = options.out / f"{move.direction.name}.png", title_of(move.direction.name, [move], layers)
            write_strip(G, start, [move], Strip(path, title, strengths, layers, options.scale))
        print(f"wrote {len(moves)} strips to {options.out}: {len(start.rows)} rows, {len(strengths)} strengths")
    return 0


def check(options: Apply) -> list[float]:
    """The columns' strengths.

    Raises:
        UserError: options that do not go together, or a value out of range.
    """
    import math

    if options.out.suffix.lower() not in (".png", "", *VIDEOS) and not options.out.is_dir():
        raise UserError(f"--out: {options.out.name}: name a .png, a video ({', '.join(VIDEOS)}), or a folder")
    if not options.out.suffix and options.out.is_file():
        raise UserError(f"--out: {options.out} is a file; name a .png, a video, or a folder")
    if options.latent is not None:
        for option, given in (("seeds", options.seeds), ("truncation", options.truncation), ("class", options.label)):
            if given is not None:
                raise UserError(f"--{option}: a latent is what it is; leave out --latent or --{option}")
    if options.scale is not None and options.scale < 1:
        raise UserError(f"--scale: {options.scale} is too small; use a whole number from 1")
    if not 2 <= options.frames <= 100_000:
        raise UserError(f"--frames: {options.frames} is not between 2 and 100000, for there and back")
    if not 1 <= options.steps <= 1000:
        raise UserError(f"--steps: {options.steps} is not between 1 and 1000")
    if options.strength is None:
        words: Sequence[str | float] = _between(options.start, options.end, options.steps)
    else:
        if (options.start, options.end, options.steps) != (Apply.start, Apply.end, Apply.steps):
            raise UserError("--strength: says what --from, --to and --steps say; leave out one or the other")
        words = options.strength.split(",")
    try:
        strengths = [float(word) for word in words]
    except ValueError:
        raise UserError(f"--strength: '{options.strength}' is not a list of numbers like -3,0,3") from None
    if not all(map(math.isfinite, strengths)):
        raise UserError("--strength: a strength is not finite; use numbers like -3,0,3")
    return strengths


def start_of(options: Apply, G: "Generator", seeds: "Sequence[int]", label: "Label | None") -> "Start":
    """What ``--seeds`` or ``--latent`` says."""
    from stylegans.tools.generate import styles
    from stylegans.tools.latents import fitted, read_latent

    if options.latent is None:
        ws = styles(G, seeds, truncation=1.0 if options.truncation is None else options.truncation, label=label)
        return Start(ws, {}, tuple(f"seed {seed}" for seed in seeds))
    latent = fitted(read_latent(options.latent), G, where=f"--latent: {options.latent}")
    alone = len(latent.ws) == 1
    return Start(latent.ws, latent.noise, (options.latent.stem,) if alone else tuple(map(str, range(len(latent.ws)))))


def title_of(names: str, moves: "Sequence[Move]", layers: "Sequence[int] | None") -> str:
    """'pc0, layers 0-3, in standard deviations'."""
    from stylegans.tools.generate import spelled

    chosen = {move.direction.layers if layers is None else tuple(layers) for move in moves}
    where = [f"layers {spelled(own)}" for own in chosen if own is not None] if len(chosen) == 1 else []
    return ", ".join([names, *where, "in standard deviations"])


def write_strip(G: "Generator", start: "Start", moves: "Sequence[Move]", wanted: "Strip") -> None:
    """A strip with its captions."""
    from stylegans.files.pictures import enlarge, save_png, visible
    from stylegans.tools.directions.apply import caption, strip
    from stylegans.tools.figures.sheet import Group, layout

    drawn = strip(G, start.ws, moves, wanted.strengths, layers=wanted.layers, noise=start.noise)
    scale = wanted.scale or -(-VISIBLE // max(G.img_resolution))
    sheet = layout(
        [[enlarge(picture, scale) for picture in row] for row in visible(drawn)],
        rows=start.rows,
        columns=[caption(strength) for strength in wanted.strengths],
        column_groups=[Group(wanted.title, len(wanted.strengths))],
    )
    save_png(wanted.path, sheet)


def write_film(
    G: "Generator",
    start: "Start",
    moves: "Sequence[Move]",
    *,
    strengths: "Sequence[float]",
    layers: "Sequence[int] | None",
    options: Apply,
) -> None:
    """A video from the lowest to the highest strength and back, all rows' pictures side by side."""
    from stylegans.files.pictures import enlarge, tile, visible
    from stylegans.tools.directions.apply import draw_along, to_and_fro
    from stylegans.tools.video import write_video

    scale = options.scale or -(-2 * VISIBLE // max(G.img_resolution))
    way = to_and_fro(min(strengths), max(strengths), options.frames)
    drawn = draw_along(G, start.ws, moves, way, layers=layers, noise=start.noise)
    shown = tracked(drawn, "drawing", len(way))
    write_video(options.out, (enlarge(tile(visible(frame)), scale) for frame in shown), fps=options.fps)


def list_names(path: Path) -> int:
    """Print what a file holds."""
    from stylegans.cli.edit_find import describe
    from stylegans.tools.directions import read_directions
    from stylegans.tools.generate import spelled

    found: tuple[Direction, ...] = read_directions(path)
    for each in found:
        layers = "" if each.layers is None else f", layers {spelled(each.layers)}"
        print(f"{describe(each)} ({each.method or 'unknown method'}{layers})")
    return 0


def _between(start: float, end: float, steps: int) -> list[float]:
    return [start] if steps == 1 else [round(start + (end - start) * i / (steps - 1), 9) for i in range(steps)]


def _joined(argv: list[str]) -> list[str]:
    """``--strength -3,0,3`` as one word: what begins with a hyphen would be taken for an option."""
    words, rest = [], list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--strength" and rest and rest[0].startswith("-") and not rest[0].startswith("--"):
            word = f"{word}={rest.pop(0)}"
        words.append(word)
    return words
