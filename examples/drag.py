"""Point dragging (DragGAN): what is at one point of a picture moves to another.

Look for places in a seed's picture (``stylegans generate MODEL --seeds 13``), in pixels from the top left, x before y,
and say where each should go; then

    python examples/drag.py MODEL --seed 13 --move 4,12:7,12 --move 27,12:24,12 --out drag.png

``--movable 0,0,31,20`` holds the picture as it is outside that box (left, top, right, bottom; both ends counted), and
``--mask-weight`` says how firmly.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import stylegans
from stylegans.files.pictures import WHITE, as_image, on_white, to_uint8, visible
from stylegans.tools.drag import MASK_WEIGHT, STEPS, Point, Step, default_settings, drag
from stylegans.tools.generate import styles

HANDLE, TARGET = "red", "blue"
"""The paper's colours."""


def figure(steps: Sequence[Step], targets: Sequence[Point]) -> Figure:
    """The picture before, with its handles and targets; the handles' way; the picture after."""
    first, last = steps[0], steps[-1]
    before, after = (on_white(visible(to_uint8(step.image)[0])) for step in (first, last))
    height, width = before.shape[:2]
    sheet = Figure(figsize=(9.6, 3.2 * height / width + 0.3), layout="constrained")
    left, middle, right = sheet.subplots(1, 3)
    show(left, before, "before: from red to blue")
    for (x0, y0), (x1, y1) in zip(first.points, targets, strict=True):
        left.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": "black"})
    mark(left, first.points, HANDLE)
    mark(left, targets, TARGET)
    pale = (after.astype(int) + WHITE) // 2
    show(middle, pale.astype(np.uint8), "the way of the points")
    for way in zip(*(step.points for step in steps), strict=True):
        middle.plot(*zip(*way, strict=True), color=HANDLE, linewidth=1.5)
    mark(middle, targets, TARGET)
    mark(middle, last.points, HANDLE)
    show(right, after, f"after {last.number} steps")
    return sheet


def show(axes: Axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(as_image(picture), cmap="gray", vmin=0, vmax=WHITE, interpolation="nearest")
    axes.set_title(title, fontsize="small")
    axes.set_axis_off()


def mark(axes: Axes, points: Sequence[Point], colour: str) -> None:
    x, y = zip(*points, strict=True)
    axes.scatter(x, y, s=30, color=colour, edgecolors="white", linewidths=0.8, zorder=3)


def inside(box: tuple[int, ...], size: tuple[int, int]) -> Tensor:
    """1 within (left, top, right, bottom), 0 elsewhere, [H, W]."""
    left, top, right, bottom = box
    mask = torch.zeros(size)
    mask[top : bottom + 1, left : right + 1] = 1
    return mask


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .safetensors model or a run directory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--move", dest="moves", action="append", type=move, metavar="X,Y:X,Y", required=True)
    parser.add_argument("--movable", type=corners, metavar="LEFT,TOP,RIGHT,BOTTOM")
    parser.add_argument("--mask-weight", type=float, default=MASK_WEIGHT, metavar="LAMBDA")
    parser.add_argument("--steps", type=int, default=STEPS, help="at most so many")
    parser.add_argument("--out", type=Path, default=Path("drag.png"), help="the PNG to write")
    options = parser.parse_args(arguments)
    handles, targets = zip(*options.moves, strict=True)
    try:
        G = stylegans.load(options.model)
        settings = replace(default_settings(G), steps=options.steps, mask_weight=options.mask_weight)
        mask = None if options.movable is None else inside(options.movable, G.img_resolution)
        steps = list(drag(G, styles(G, [options.seed]), handles, targets, mask=mask, settings=settings))
    except stylegans.UserError as error:
        parser.error(str(error))
    figure(steps, targets).savefig(options.out, dpi=150, bbox_inches="tight")
    print(f"wrote {options.out}")


def move(text: str) -> tuple[Point, Point]:
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in text.split(":"))
    return (x0, y0), (x1, y1)


def corners(text: str) -> tuple[int, ...]:
    left, top, right, bottom = map(int, text.split(","))
    return left, top, right, bottom


if __name__ == "__main__":
    main()
