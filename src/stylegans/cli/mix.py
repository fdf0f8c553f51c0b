"""``stylegans mix MODEL``: a style-mixing grid."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.start import importing
from stylegans.config import Precision
from stylegans.errors import UserError


@dataclass(frozen=True)
class Mix:
    """A style-mixing grid: each row's picture, with some layers' styles taken from each column's."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    rows: str
    """seeds of the rows' pictures: numbers and ranges, like 1-4"""
    cols: str
    """seeds of the columns' pictures: numbers and ranges, like 10-15"""
    out: Path
    """the PNG to write"""
    layers: str = "coarse"
    """what the columns give: coarse, middle, fine, a layer, a range like 0-3, or several with commas"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    noise: Literal["const", "random", "none"] = "const"
    """the noise inputs: the stored maps, drawn by the row's seed, or none"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    precision: Precision = "float32"
    """of the convolutions: float32, bfloat16, float16 (on a GPU), or auto (bfloat16 where the machine is fast at it)"""


def main(argv: list[str]) -> int:
    """``stylegans mix``."""
    options = parse(Mix, argv, prog="stylegans mix")
    if options.out.suffix.lower() != ".png":
        raise UserError(f"--out: {options.out.name}: the grid is a picture; name a file that ends in .png")

    with importing():
        from stylegans import models
        from stylegans.files.pictures import save_png, visible
        from stylegans.runs import machine
        from stylegans.tools.generate import class_report, parse_seeds, spelled
        from stylegans.tools.layers import groups_of, parse_layers
        from stylegans.tools.mix import mix_grid, refuse_unless_layered

    rows, columns = parse_seeds(options.rows, option="--rows"), parse_seeds(options.cols, option="--cols")
    machine.tune_allocator()
    device = machine.choose_device(options.device)
    G = models.load(options.model, device=device)
    machine.compute_in(options.precision, G, device)
    refuse_unless_layered(G)
    layers = parse_layers(options.layers, G.num_ws, groups=groups_of(G))
    label = label_of(G, options.model, options.label)
    report = class_report(G, tuple(dict.fromkeys(rows + columns)), label)
    if report:
        print(report)
    grid = mix_grid(
        G,
        rows,
        columns,
        layers=layers,
        truncation=options.truncation,
        noise=options.noise,
        label=label,
    )
    save_png(options.out, visible(grid))
    print(f"wrote {options.out}: {len(rows)} rows take layers {spelled(layers)} of {len(columns)} columns")
    return 0
