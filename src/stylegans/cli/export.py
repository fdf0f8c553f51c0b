"""``stylegans export MODEL FILE.onnx``: a generator for programs without PyTorch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from stylegans.cli.parse import parse
from stylegans.errors import UserError


@dataclass(frozen=True)
class Export:
    """A generator as an ONNX file. onnxruntime must compute from it what PyTorch computes, or nothing is written.

    It takes batches of any size. Its inputs are z (latents), c (labels) where the model has classes, and truncation
    (one number) where it keeps an average; the mapping network gives ws, and the synthesis network takes them.
    """

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl of NVIDIA's
    or a .pt of rosinality's"""
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE.onnx")]
    """the file to write"""
    part: Literal["generator", "mapping", "synthesis"] = "generator"
    """latents to pictures, latents to ws, or ws to pictures"""
    noise: Literal["const", "random", "none"] = "const"
    """the noise inputs: the stored maps, drawn anew each time it runs, or none"""
    opset: int = 20
    """version of ONNX's operators; onnxruntime draws no noise from 22 on"""


def main(argv: list[str]) -> int:
    """``stylegans export``."""
    options = parse(Export, argv, prog="stylegans export")
    if options.out.suffix.lower() != ".onnx":
        raise UserError(f"{options.out.name}: name a file that ends in .onnx")

    from stylegans.tools.export import export

    done = export(options.model, options.out, what=options.part, noise=options.noise, opset=options.opset)
    inputs = ", ".join(f"{name} [{', '.join(sizes)}]" for name, sizes in done.inputs.items())
    print(f"wrote {options.out}: {inputs} to {done.output}; onnxruntime agrees to {done.error:.0e} of the range")
    return 0
