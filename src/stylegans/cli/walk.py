"""``stylegans walk MODEL``: a looping video through the latent space."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from stylegans.cli.continued import Count, bar, continued, counted, with_progress
from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.start import importing
from stylegans.config import Precision
from stylegans.errors import UserError

if TYPE_CHECKING:
    from stylegans.networks.protocol import Generator
    from stylegans.tools.unfinished import Unfinished
    from stylegans.tools.walk import Course

VISIBLE = 256
"""Smaller pictures are enlarged to at least so many pixels, unless --scale says otherwise."""


@dataclass(frozen=True)
class Walk:
    """A video that glides from seed to seed and back to the first, to be played in a loop. A command that was
    interrupted is continued by the same command."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    seeds: str
    """where the walk leads: numbers and ranges, like 1,5,9"""
    out: Path
    """the video to write: .mp4, .webp or .gif"""
    space: Literal["w", "z"] = "w"
    """the space of the walk: straight or smooth in w, or great circles in z"""
    curve: Literal["linear", "smooth"] = "linear"
    """straight lines, at rest at each seed; or in w a smooth closed curve, which passes them without a stop"""
    even: bool = False
    """move at constant perceptual speed (LPIPS); draws every frame about four times"""
    style_layers: str | None = None
    """move only these layers: coarse, middle, fine, a layer, a range like 0-3, or several with commas"""
    base: int | None = None
    """the seed of the layers that do not move; by default the first of --seeds"""
    frames: int = 60
    """frames from one seed to the next"""
    fps: int = 30
    """frames a second"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    classes: str | None = None
    """the class of each seed, like 0,3,5; with one seed, a walk through these classes"""
    scale: int | None = None
    """draw each pixel so many times as wide and high; by default as often as reaches 256 pixels"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    precision: Precision = "float32"
    """of the convolutions: float32, bfloat16, float16 (on a GPU), or auto (bfloat16 where the machine is fast at it)"""
    compile: bool = False
    """compile the network first, which takes a minute or more: for long jobs"""


def main(argv: list[str]) -> int:
    """``stylegans walk``."""
    options = parse(Walk, argv, prog="stylegans walk")
    if options.scale is not None and options.scale < 1:
        raise UserError(f"--scale: {options.scale} is too small; use a whole number from 1")

    with importing():
        from stylegans import models
        from stylegans.files.pictures import enlarge
        from stylegans.runs import machine
        from stylegans.runs.compiling import compiled
        from stylegans.tools import frames
        from stylegans.tools.generate import class_report
        from stylegans.tools.unfinished import folder_beside, unfinished
        from stylegans.tools.video import check_video, write_video
        from stylegans.tools.walk import check_frames, pictures, route

    check_video(options.out, fps=options.fps)
    check_frames(options.frames)
    machine.tune_allocator()
    device = machine.choose_device(options.device)
    G = models.load(options.model, device=device)
    precision = machine.compute_in(options.precision, G, device)
    course = course_of(G, options)
    route(G, course)  # refuses what makes no sense, before anything is written
    if course.classes is None and (report := class_report(G, course.seeds, course.label)):
        print(report)
    total = course.count * options.frames
    count = Count(total, "frame")
    height, width = G.img_resolution
    scale = options.scale or -(-VISIBLE // max(height, width))
    with (
        continued(options.out, count),
        unfinished(folder_beside(options.out), statement(G, options, course, precision)) as work,
    ):
        count.done = frames.kept(work, total)
        if count.done:
            print(f"continuing after {count}", flush=True)
        with compiled(G, lambda: next(pictures(G, course, [0.0])), wanted=options.compile, tell=print):
            at = places(G, options, course, work)
            drawn = frames.draw_missing(work, total, lambda missing: pictures(G, course, [at[i] for i in missing]))
            with_progress(drawn, count)
        enlarged = (enlarge(picture, scale) for picture in frames.read(work, total))
        video = work.folder / f"video{options.out.suffix}"  # what a killed writer leaves goes with the folder
        write_video(video, enlarged, fps=options.fps)
        video.replace(options.out)
        work.finish()
    size = f"{width * scale}x{height * scale}" + (f" (--scale {scale})" if scale > 1 else "")
    print(f"wrote {options.out}: {counted(total, 'frame')} of {size}, {total / options.fps:.1f} s, looping")
    return 0


def course_of(G: "Generator", options: Walk) -> "Course":
    """Where the walk leads.

    Raises:
        UserError: an option is not what it should be.
    """
    from stylegans.tools.generate import parse_seeds
    from stylegans.tools.layers import groups_of, parse_layers
    from stylegans.tools.walk import Course

    layers = None
    if options.style_layers is not None:
        layers = parse_layers(options.style_layers, G.num_ws, groups=groups_of(G), option="--style-layers")
    classes = None if options.classes is None else parse_classes(options.classes)
    return Course(
        parse_seeds(options.seeds),
        space=options.space,
        curve=options.curve,
        truncation=options.truncation,
        label=None if classes and options.label is None else label_of(G, options.model, options.label),
        classes=classes,
        layers=layers,
        base=options.base,
    )


def parse_classes(text: str) -> tuple[int, ...]:
    """'0,3,5' → (0, 3, 5)."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise UserError(f"--classes: '{text}' is no list of classes; write it like 0,3,5")
    return tuple(map(int, words))


def statement(G: "Generator", options: Walk, course: "Course", precision: Precision) -> dict[str, object]:
    """All that the frames depend on; how they are played is free."""
    from stylegans import models
    from stylegans.metrics.features.catalogue import sha256_of
    from stylegans.networks.protocol import device_of
    from stylegans.tools.generate import spelled

    return {
        "MODEL (SHA-256)": sha256_of(models.find(options.model)),
        "--seeds": spelled(course.seeds),
        "--frames": options.frames,
        "--space": course.space,
        "--curve": course.curve,
        "--even": options.even,
        "--truncation": course.truncation,
        "--class": course.label,
        "--classes": course.classes,
        "--style-layers": course.layers,
        "--base": course.base,
        "--device": device_of(G).type,
        "--precision": precision,
        "--compile": options.compile,
    }


def places(G: "Generator", options: Walk, course: "Course", work: "Unfinished") -> list[float]:
    """Where on the loop the frames stand; what took long to find is kept with the work."""
    from stylegans.tools.curves import positions
    from stylegans.tools.pace import ROUNDS
    from stylegans.tools.walk import even

    if not options.even:
        return positions(course.count, options.frames, curve=course.curve)
    with bar(Count(ROUNDS * course.count * options.frames, "measured frame")) as show:
        return even(G, course, options.frames, steps=work.folder / "steps.txt", tell=show)
