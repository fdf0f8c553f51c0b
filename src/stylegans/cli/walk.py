"""``stylegans walk MODEL``: a looping video through the latent space."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.errors import UserError

VISIBLE = 256
"""Smaller pictures are enlarged to at least so many pixels, unless --scale says otherwise."""


@dataclass(frozen=True)
class Walk:
    """A video that glides from seed to seed and back to the first, to be played in a loop."""

    model: tyro.conf.Positional[str]
    """a .safetensors model or a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot)"""
    seeds: str
    """where the walk leads: numbers and ranges, like 1,5,9"""
    out: Path
    """the video to write: .mp4, .webp or .gif"""
    space: Literal["w", "z"] = "w"
    """the space of the walk: straight lines in w, or great circles in z"""
    frames: int = 60
    """frames from one seed to the next"""
    fps: int = 30
    """frames a second"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    scale: int | None = None
    """draw each pixel so many times as wide and high; by default as often as reaches 256 pixels"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""


def main(argv: list[str]) -> int:
    """``stylegans walk``."""
    options = parse(Walk, argv, prog="stylegans walk")
    if options.scale is not None and options.scale < 1:
        raise UserError(f"--scale: {options.scale} is too small; use a whole number from 1")

    from rich.console import Console
    from rich.progress import track

    from stylegans import models
    from stylegans.files.pictures import enlarge, visible
    from stylegans.runs import machine
    from stylegans.tools.generate import class_report, parse_seeds
    from stylegans.tools.video import check_video, write_video
    from stylegans.tools.walk import walk

    check_video(options.out, fps=options.fps)
    seeds = parse_seeds(options.seeds)
    machine.tune_allocator()
    G = models.load(options.model, device=machine.choose_device(options.device))
    label = label_of(G, options.model, options.label)
    height, width = G.img_resolution
    scale = options.scale or -(-VISIBLE // max(height, width))
    pictures = walk(
        G,
        seeds,
        space=options.space,
        frames=options.frames,
        truncation=options.truncation,
        label=label,
    )
    report = class_report(G, seeds, label)
    if report:
        print(report)
    total = len(seeds) * options.frames
    console = Console(stderr=True)
    progress = track(pictures, "walking", total, console=console, transient=True, disable=not console.is_terminal)
    write_video(options.out, (enlarge(visible(picture), scale) for picture in progress), fps=options.fps)
    size = f"{width * scale}x{height * scale}" + (f" (--scale {scale})" if scale > 1 else "")
    print(f"wrote {options.out}: {total} frames of {size}, {total / options.fps:.1f} s, looping")
    return 0
