"""Directions nobody named: what changes a picture most (SeFa), and how pictures vary (GANSpace), side by side.

A row for each of the first directions of both, along which one picture goes from −3 to +3 standard deviations:

    python examples/directions.py MODEL --seed 7 --layers 0-3 --out directions.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import stylegans
from stylegans.files.pictures import enlarge, save_png, visible
from stylegans.networks.protocol import Generator
from stylegans.tools.directions import Move, find_pca, find_sefa, strip
from stylegans.tools.directions.apply import caption
from stylegans.tools.directions.choice import read_layers
from stylegans.tools.figures.sheet import Group, layout
from stylegans.tools.generate import parse_seeds, styles

STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
SMALLEST = 96
"""Smaller pictures are enlarged to at least so many pixels."""


def figure(G: Generator, seed: int, *, count: int = 4, layers: Sequence[int] | None = None) -> np.ndarray:
    """A row for each direction, with its name, a column for each strength."""
    directions = (*find_sefa(G, layers, count=count), *find_pca(G, count=count, layers=layers, samples=10_000))
    ws = styles(G, [seed])
    rows = np.concatenate([strip(G, ws, [Move(direction)], STRENGTHS) for direction in directions])
    scale = -(-SMALLEST // max(G.img_resolution))
    return layout(
        [[enlarge(picture, scale) for picture in row] for row in visible(rows)],
        rows=[direction.name for direction in directions],
        columns=[caption(strength) for strength in STRENGTHS],
        column_groups=[Group(f"seed {seed}, in standard deviations", len(STRENGTHS))],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .safetensors model or a run directory")
    parser.add_argument("--seed", default="0", help="whose picture")
    parser.add_argument("--layers", help="coarse, middle, fine, or a range like 0-3; by default all")
    parser.add_argument("--count", type=int, default=4, help="directions of each kind")
    parser.add_argument("--out", type=Path, default=Path("directions.png"), help="the PNG to write")
    options = parser.parse_args(arguments)
    try:
        G = stylegans.load(options.model)
        (seed, *_), layers = parse_seeds(options.seed, option="--seed"), read_layers(options.layers, G)
        save_png(options.out, figure(G, seed, count=options.count, layers=layers))
    except stylegans.UserError as error:
        parser.error(str(error))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
