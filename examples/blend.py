"""Layer swapping: the coarse layers of one model, the fine layers of another that was trained from it.

    stylegans train PRESET --data pictures --from runs/first --out runs/second
    python examples/blend.py runs/first runs/second --seeds 0-5 --out blend.png

draws the same seeds by every blend of the two, from all of the second model at the left to all of the first at the
right. ``stylegans edit blend`` writes the one you like as a model.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import stylegans
from stylegans import models
from stylegans.files.pictures import as_image, on_white, tile, to_uint8, visible
from stylegans.tools.blend import blend, resolutions
from stylegans.tools.generate import generate, parse_seeds
from stylegans.tools.weights import Weights, as_part, read_generator

GAP = 1
"""White pixels between pictures."""


def figure(a: Weights, b: Weights, seeds: Sequence[int]) -> Figure:
    """A column for each place to cut, a row for each seed."""
    cuts = (0, *resolutions(a.config))
    columns = [column(blend(a, b, at=at), seeds) for at in cuts]
    height, width = columns[0].shape[:2]
    sheet = Figure(figsize=(1.3 * len(cuts), 1.3 * height / width + 0.5), layout="constrained")
    for axes, picture, at in zip(sheet.subplots(1, len(cuts)), columns, cuts, strict=True):
        axes.imshow(as_image(picture), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(caption(at, cuts[-1]), fontsize="small")
        axes.set_axis_off()
    return sheet


def column(weights: Weights, seeds: Sequence[int]) -> np.ndarray:
    """The pictures of ``seeds``, one below the other."""
    G = models.build(as_part(weights))
    pictures = np.concatenate([to_uint8(images) for _, images in generate(G, seeds)])
    return on_white(visible(tile(pictures, columns=1, gap=GAP)))


def caption(at: int, last: int) -> str:
    return {0: "B", last: "A"}.get(at, f"A up to {at}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", help="a model: .safetensors, a run directory, .pkl or .pt")
    parser.add_argument("b", help="another of its shape")
    parser.add_argument("--seeds", default="0-5", help="numbers and ranges, like 0-3,7")
    parser.add_argument("--out", type=Path, default=Path("blend.png"), help="the PNG to write")
    options = parser.parse_args(arguments)
    try:
        a, b = (read_generator(models.find(path)) for path in (options.a, options.b))
        sheet = figure(a, b, parse_seeds(options.seeds))
    except stylegans.UserError as error:
        parser.error(str(error))
    sheet.savefig(options.out, dpi=150, bbox_inches="tight")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
