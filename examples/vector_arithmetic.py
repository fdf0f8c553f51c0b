"""Arithmetic with latents (DCGAN, figure 7): smiling woman − neutral woman + neutral man = smiling man.

Look for seeds whose pictures show what you want to add and subtract (``stylegans generate MODEL --seeds 0-63
--format grid``), three or so for each, then

    python examples/vector_arithmetic.py MODEL --add 3,17,40 --subtract 5,8,21 --add 2,33,50 --out sum.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import stylegans
from stylegans.files.pictures import as_image, tile
from stylegans.networks.protocol import Generator
from stylegans.tools.arithmetic import Group, Space, square, vector_arithmetic
from stylegans.tools.generate import parse_seeds

GAP = 2
"""White pixels between pictures."""


def figure(G: Generator, groups: Sequence[Group], *, space: Space = "z") -> Figure:
    """A row for each group: its pictures, then that of their mean. At the right the result amid its neighbours."""
    equation = vector_arithmetic(G, groups, space=space)
    longest = max(len(group.seeds) for group in groups)
    height, width = G.img_resolution
    sheet = Figure(figsize=(longest + 5, 1.2 * max(len(groups), 3) * height / width), layout="constrained")
    cells = sheet.add_gridspec(len(groups), 3, width_ratios=(longest, 1, 3))
    for row, group in enumerate(groups):
        name = f"{'+' if group.sign > 0 else '−'} seeds {', '.join(map(str, group.seeds))}"
        show(sheet.add_subplot(cells[row, 0]), tile(equation.members[row], columns=longest, gap=GAP), name)
        show(sheet.add_subplot(cells[row, 1]), equation.means[row], "mean")
    show(sheet.add_subplot(cells[:, 2]), square(equation, gap=GAP), "= the result, amid its neighbours")
    return sheet


def show(axes: Axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(as_image(picture), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize="small")
    axes.set_axis_off()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .safetensors model or a run directory")
    parser.add_argument("--add", dest="terms", action="append", type=plus, metavar="SEEDS")
    parser.add_argument("--subtract", dest="terms", action="append", type=minus, metavar="SEEDS")
    parser.add_argument("--space", choices=("z", "w"), default="z")
    parser.add_argument("--out", type=Path, default=Path("arithmetic.png"), help="the PNG to write")
    options = parser.parse_args(arguments)
    try:
        groups = [Group(parse_seeds(seeds, option=option), sign) for option, seeds, sign in options.terms or ()]
        sheet = figure(stylegans.load(options.model), groups, space=options.space)
    except stylegans.UserError as error:
        parser.error(str(error))
    sheet.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")


def plus(seeds: str) -> tuple[str, str, Literal[1]]:
    return "--add", seeds, 1


def minus(seeds: str) -> tuple[str, str, Literal[-1]]:
    return "--subtract", seeds, -1


if __name__ == "__main__":
    main()
