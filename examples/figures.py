"""One figure of your own choice from two of the package's parts: a model's truncation at seeds and ψ that you choose.

    python examples/figures.py MODEL --seeds 0-3 --psi 1,0.7,0.4,0 --out truncation.png

``stylegans figures MODEL --out DIR`` writes all of the papers' figures; here each is a function that returns its
picture, title and caption, to be changed and put beside others.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import stylegans
from stylegans.files.pictures import save_png
from stylegans.tools.figures import truncation_sweep
from stylegans.tools.figures.page import with_caption
from stylegans.tools.generate import parse_seeds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .safetensors model or a run directory")
    parser.add_argument("--seeds", default="0-3", help="of the four rows")
    parser.add_argument("--psi", type=numbers, default=(1.0, 0.7, 0.4, 0.0), help="of the columns")
    parser.add_argument("--out", type=Path, default=Path("truncation.png"), help="the PNG to write")
    options = parser.parse_args(arguments)
    try:
        figure = truncation_sweep(stylegans.load(options.model), parse_seeds(options.seeds), psis=options.psi)
    except stylegans.UserError as error:
        parser.error(str(error))
    save_png(options.out, with_caption(figure))
    print(f"wrote {options.out}")


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))


if __name__ == "__main__":
    main()
