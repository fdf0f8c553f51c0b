"""A picture in the latent space (StyleGAN2, appendix D), and the generator tuned to it (pivotal tuning).

python examples/project.py MODEL PICTURE --steps 500 --tune-steps 500 --out found.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

import stylegans
from stylegans.networks.protocol import Generator
from stylegans.tools.perceptual import open_perceptual
from stylegans.tools.project import project
from stylegans.tools.project_report import before_after
from stylegans.tools.targets import read_target
from stylegans.tools.tune import tune


def figure(G: Generator, picture: Path, *, steps: int, tune_steps: int) -> Figure:
    """The picture, where the search began, what it found, and what the tuned generator draws there."""
    target, perceptual = read_target(picture, G), open_perceptual()
    targets = target.image[None]
    start, *_, found = project(G, targets, perceptual, space="w" if G.num_ws == 1 else "w+", steps=steps)
    *_, tuned = tune(G, targets, found.latent, perceptual, steps=tune_steps)
    columns = {"target": targets, "start": start.images, "projected": found.images, "tuned": tuned.images}
    ends = {"start": start.distances, "projected": found.distances, "tuned": tuned.distances}
    distances = {name: each.tolist() for name, each in ends.items()}
    return before_after([target.name], columns, distances)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .safetensors model or a run directory")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--tune-steps", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("found.png"), help="the PNG to write")
    options = parser.parse_args(arguments)
    try:
        G = stylegans.load(options.model)
        sheet = figure(G, options.picture, steps=options.steps, tune_steps=options.tune_steps)
    except stylegans.UserError as error:
        parser.error(str(error))
    sheet.savefig(options.out, dpi=150)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
