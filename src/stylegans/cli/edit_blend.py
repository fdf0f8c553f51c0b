"""``stylegans edit blend A B``: one model's coarse layers and another's fine ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from stylegans.cli.edit_average import licence_report
from stylegans.cli.parse import parse
from stylegans.errors import UserError


@dataclass(frozen=True)
class Blend:
    """A model with the coarse layers of A and the fine layers of B, which was best trained from A: layer swapping."""

    a: tyro.conf.Positional[str]
    """gives the coarse layers, and so pose and shape: a .safetensors model, a run directory (RUN@newest, RUN@best,
    RUN@000200 choose its snapshot), a .pkl of NVIDIA's or a .pt of rosinality's"""
    b: tyro.conf.Positional[str]
    """gives the fine layers, and so texture and colours: the same kinds, of A's shape"""
    at: int
    """the last resolution whose layers are A's, like 32; of pictures that are not square the larger side counts.
    The finest gives all of A, 0 all of B"""
    out: Path
    """the .safetensors model to write"""
    width: float = 1.0
    """over how many doublings of the resolution A's weights go over into B's; 1 swaps whole layers"""
    mapping: Literal["a", "b"] | None = None
    """whose mapping network, with its average w; by default A's, with --at 0 B's"""


def main(argv: list[str]) -> int:
    """``stylegans edit blend``."""
    options = parse(Blend, argv, prog="stylegans edit blend")
    if options.out.suffix != ".safetensors":
        raise UserError(f"--out: {options.out.name}: a model is written; name a file that ends in .safetensors")

    from stylegans.tools.blend import write_blend

    notes = write_blend(options.out, options.a, options.b, at=options.at, width=options.width, mapping=options.mapping)
    whose = f"layers up to {options.at} from {options.a}, the others from {options.b}"
    print(f"wrote {options.out}: {whose}{licence_report(notes.licence)}")
    return 0
