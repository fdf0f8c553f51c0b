"""The Triton kernels against their plain twins, on one CUDA GPU.

    python benchmarks/gpu_kernels.py [--only TEXT] [--rounds 15] [--results benchmarks/results/gpu-kernels.json]

Single ops in the shapes that StyleGAN2 (256² and 1024²) and StyleGAN3-T (256²) have at batch 4, in float32, float16 and
bfloat16, in both orders of memory: the value alone, with its gradient, with its second derivatives. Both forms run in
turn, by CUDA events, medians over the rounds, after a round that compiles; their results are compared before. A case's
floor is the time in which the device copies as many bytes as the op must at least read and write for its value.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegans.config import StyleGAN3
from stylegans.config.adjust import with_size
from stylegans.files.atomic import write_text
from stylegans.networks.families import build_generator
from stylegans.networks.stylegan3 import signals
from stylegans.ops.activation import bias_act
from stylegans.ops.dispatch import kernels, use_kernels
from stylegans.ops.filtered_lrelu import filtered_lrelu
from stylegans.ops.resample import downsample, fir_filter, upfirdn, upsample
from stylegans.presets import fitted

BATCH, TARGET_MS = 4, 5.0
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MEMORY = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
FORMS = {"kernel": True, "plain": False}
TOLERANCE = {"float32": 1e-5, "float16": 5e-3, "bfloat16": 4e-2}


@dataclass(frozen=True)
class Case:
    name: str
    shape: tuple[int, ...]
    op: Callable[[Tensor, Tensor], Tensor]
    """Of x, of this shape, and a bias."""


def stylegan2(size: int, channel_base: int, device: torch.device) -> Iterator[Case]:
    """What surrounds the convolutions of the two largest resolutions."""
    f = fir_filter([1, 3, 3, 1]).to(device)
    for res in (size, size // 2):
        c = min(channel_base // res, 512)
        noise, name = torch.randn(res, res, device=device), f"stylegan2 {size}, at {res}"
        yield Case(
            f"{name}: filter after a transposed convolution",
            (BATCH, c, res + 1, res + 1),
            lambda x, b: upfirdn(x, f, padding=1, gain=4),
        )
        yield Case(
            f"{name}: noise, bias, leaky ReLU, clamp",
            (BATCH, c, res, res),
            lambda x, b, noise=noise: bias_act(x, b, noise=noise, act="lrelu", clamp=256),
        )
        yield Case(f"{name}: picture twice as large", (BATCH, 3, res // 2, res // 2), lambda x, b: upsample(x, f))
        yield Case(f"{name}: features half as large", (BATCH, c, res, res), lambda x, b: downsample(x, f))


def stylegan3(size: int, device: torch.device) -> Iterator[Case]:
    """The filtered leaky ReLU of every layer that differs from the ones before."""
    config = with_size(fitted("stylegan3-t", (size, size)), (size, size)).generator
    assert isinstance(config, StyleGAN3)
    layers: Any = build_generator(config).synthesis.layers.to(device)
    befores, seen = signals(config), set()
    for i, (layer, before) in enumerate(zip(layers, [befores[0], *befores], strict=False)):
        (c, _, kernel, _), (h, w) = layer.weight.shape, before.size
        what = (c, h, w, layer.up, layer.down, layer.padding)
        if layer.to_rgb or what in seen:
            continue
        seen.add(what)
        yield Case(
            f"stylegan3-t {size}, layer {i}: {layer.up} up, {layer.down} down",
            (BATCH, c, h + kernel - 1, w + kernel - 1),
            lambda x, b, layer=layer: filtered_lrelu(
                x,
                b,
                up_filter=layer.up_filter,
                down_filter=layer.down_filter,
                up=layer.up,
                down=layer.down,
                padding=layer.padding,
                clamp=256,
            ),
        )


# --- what is timed ----------------------------------------------------------------------------------------------------


def value(case: Case, x: Tensor, b: Tensor) -> Tensor:
    with torch.no_grad():
        return case.op(x, b)


def gradient(case: Case, x: Tensor, b: Tensor) -> Tensor:
    y = case.op(x, b)
    (found,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return found


def second(case: Case, x: Tensor, b: Tensor) -> Tensor:
    y = case.op(x, b)
    cotangent = torch.ones_like(y, requires_grad=True)
    (first,) = torch.autograd.grad(y, x, cotangent, create_graph=True)
    (found,) = torch.autograd.grad(first, cotangent, x.detach())
    return found


PASSES: dict[str, Callable[[Case, Tensor, Tensor], Tensor]] = {"value": value, "gradient": gradient, "second": second}


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Of one of so many repetitions, on the device."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(times):
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / times


def compared(works: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Each one's median, run in turn."""
    for work in works.values():
        work()
    times = {name: max(1, round(TARGET_MS / max(milliseconds(work, 3), 1e-3))) for name, work in works.items()}
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(milliseconds(work, times[name]))
    return {name: statistics.median(values) for name, values in found.items()}


def measured(
    case: Case, dtype: str, memory: str, *, bytes_per_ms: float, rounds: int, device: torch.device
) -> Iterator[dict[str, Any]]:
    torch.manual_seed(0)
    x = torch.randn(case.shape, device=device).to(DTYPES[dtype]).contiguous(memory_format=MEMORY[memory])
    b = torch.randn(case.shape[1], device=device)
    x.requires_grad_()
    floor = (x.nbytes + value(case, x, b).nbytes) / bytes_per_ms
    for name, function in PASSES.items():

        def run(form: str, function: Callable[[Case, Tensor, Tensor], Tensor] = function) -> Tensor:
            with kernels(FORMS[form]):
                return function(case, x, b)

        found, expected = run("kernel").double(), run("plain").double()
        error = ((found - expected).norm() / expected.norm()).item()
        del found, expected
        times = compared({form: lambda form=form: run(form) for form in FORMS}, rounds=rounds)
        row = {"case": case.name, "shape": list(case.shape), "dtype": dtype, "memory": memory, "pass": name}
        yield row | {
            "kernel_ms": round(times["kernel"], 5),
            "plain_ms": round(times["plain"], 5),
            "plain_over_kernel": round(times["plain"] / times["kernel"], 3),
            "floor_ms": round(floor, 5),
            "difference": error,
            "agree": error <= TOLERANCE[dtype],
        }


def line(row: dict[str, Any]) -> str:
    what = f"{row['case']:60} {row['dtype']:9} {row['memory']:14} {row['pass']:9}"
    times = f"{row['kernel_ms']:9.4f} ms, plain {row['plain_ms']:9.4f} ms ({row['plain_over_kernel']:.2f})"
    doubt = "" if row["agree"] else f", DIFFERS by {row['difference']:.1e}"
    return f"{what} {times}, floor {row['floor_ms']:.4f}{doubt}"


def copying(device: torch.device, rounds: int) -> float:
    """Bytes that the device reads and writes in a millisecond."""
    source = torch.empty(2**28, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / compared({"copy": lambda: target.copy_(source)}, rounds=rounds)["copy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results/gpu-kernels.json")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("gpu_kernels: there is no CUDA GPU here; run it on a machine that has one")
    device = torch.device("cuda")
    if not use_kernels(torch.zeros(1, device=device)):
        raise SystemExit("gpu_kernels: Triton or a GPU of compute capability 8.0 is missing; nothing to compare")
    import triton

    torch.backends.cudnn.allow_tf32 = False
    speed = copying(device, options.rounds)
    facts = {
        "device": torch.cuda.get_device_name(device),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "copy_gb_per_s": round(speed / 1e6, 1),
    }
    rows: list[dict[str, Any]] = []
    for case in (*stylegan2(256, 16384, device), *stylegan2(1024, 32768, device), *stylegan3(256, device)):
        if options.only not in case.name:
            continue
        for dtype in DTYPES:
            for memory in MEMORY:
                for row in measured(case, dtype, memory, bytes_per_ms=speed, rounds=options.rounds, device=device):
                    rows.append(row)
                    print(line(row), flush=True)
        write_text(options.results, json.dumps({"machine": facts, "rows": rows}, indent=1) + "\n")
    if not all(row["agree"] for row in rows):
        raise SystemExit("gpu_kernels: some forms differ; see above")


if __name__ == "__main__":
    main()
