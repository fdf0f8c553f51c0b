"""Does training in bfloat16 reach the Fréchet distance that float32 reaches?

    python benchmarks/precision.py [--kimg 10] [--seeds 0 1] [--from-resolution 32]

Trains the demo's recipe (``small-32`` on emoji people) in both precisions from each seed, to equal length, and measures
``fd_mobilenet`` of the averaged generator in float32. One thread. The spread over seeds says which difference means
something.

Where the processor has no bfloat16 arithmetic, PyTorch's is many times slower than float32. There convolutions are
given bfloat16 numbers, computed in float32 and rounded to bfloat16, which is what such arithmetic does: the distance is
that of a machine that has it, the time is not.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from recipes import CPU, recipe, steps
from torch import Tensor
from torch.overrides import TorchFunctionMode

from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files.atomic import write_text
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.networks.precision import DTYPES, set_precision
from stylegans.runs.machine import computes_bfloat16, tune_allocator
from stylegans.tools.demo import DATA

RESULTS = Path(__file__).parent / "results"
CONVOLUTIONS = (F.conv2d, F.conv_transpose2d)


class Widened(TorchFunctionMode):
    """Convolutions of bfloat16 numbers summed in float32 and rounded to bfloat16, with their derivatives."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in CONVOLUTIONS and args[0].dtype is torch.bfloat16:
            wide = [arg.float() if isinstance(arg, Tensor) else arg for arg in args]
            return func(*wide, **kwargs).bfloat16()
        return func(*args, **kwargs)


@contextmanager
def widened() -> Iterator[None]:
    """``Widened`` where the processor has no bfloat16 arithmetic."""
    with nullcontext() if computes_bfloat16(CPU) else Widened():
        yield


def trained(
    precision: str, reals: RealFeatures, data: ImageDataset, *, seed: int, kimg: float, from_resolution: int
) -> dict[str, Any]:
    run = recipe(seed=seed, kimg=kimg, anneal_from_kimg=kimg * 0.5, anneal_to_kimg=kimg)
    state, stream = steps(run, data)
    for player in (state.generator, state.discriminator):
        set_precision(player, DTYPES[precision], from_resolution=from_resolution)
    began = time.process_time()
    with widened():
        while state.kimg < kimg:
            next(stream)
    seconds = time.process_time() - began
    distance = fd_mobilenet(state.generator_ema, reals, num=1000).value
    print(f"{precision:8s} seed {seed}: fd_mobilenet {distance:.1f} after {seconds:.0f} s", flush=True)
    return {"precision": precision, "seed": seed, "fd_mobilenet": distance, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--from-resolution", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    run = recipe()
    data = open_dataset(DATA, size=run.generator.resolution, xflip=True)
    reals = RealFeatures(data)
    rows: list[dict[str, Any]] = []
    result = {
        "kimg": options.kimg,
        "from_resolution": options.from_resolution,
        "machine": platform.machine(),
        "bfloat16": "native" if computes_bfloat16(CPU) else "summed in float32 and rounded",
        "torch": torch.__version__,
        "trainings": rows,
    }
    for seed in options.seeds:
        for precision in ("float32", "bfloat16"):
            rows.append(
                trained(precision, reals, data, seed=seed, kimg=options.kimg, from_resolution=options.from_resolution)
            )
            write_text(RESULTS / "precision.json", json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
