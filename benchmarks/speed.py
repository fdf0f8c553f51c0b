"""How fast are networks and training beside the published implementations, and beside the machine's own limit?

    python benchmarks/speed.py --stylegan3 CHECKOUT [--ada CHECKOUT] [--rosinality CHECKOUT] [--python PYTHON]
        [--only generate-256,train-32] [--rounds 5] [--threads 2] [--device cpu] [--bfloat16] [--compiled] [--alone]
        --machine NAME

Every side is a process of its own (``speed_sides.py``), with the same shapes and threads. They compute in turns:
ours; each program as it comes; and each with our setting of the allocator ("tuned"). ``roof`` is one large
convolution of PyTorch's, the arithmetic that the machine can do in the same minutes. ``--alone`` measures each side
once more with no other process about. ``--python`` is an interpreter that has what the programs import (torch, click,
requests, scipy, setuptools below 81).

Writes ``results/speed/NAME.json`` and a page of it, ``NAME.md``; cases that were not asked for stay as they were.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from speed_sides import ROOF_FLOP, Case

from stylegans.files.atomic import write_text

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "speed"

INTERVALS = {"Gmain": 1, "Dmain": 1, "Gpl": 4, "Dr1": 16}
"""Each phase comes once in so many batches."""

BASES = {256: 16384, 512: 32768, 1024: 32768}
"""Channel base of the generators by their size, as published."""


@dataclass(frozen=True)
class Side:
    """Who computes, and how."""

    program: str
    tuned: bool
    precision: str = "float32"
    compiled: bool = False

    @property
    def name(self) -> str:
        extra = ["tuned"] * (self.tuned and self.program not in ("ours", "roof"))
        extra += [self.precision] * (self.precision != "float32") + ["compiled"] * self.compiled
        return " ".join([self.program, *extra])


def cases(device: str) -> dict[str, list[Case]]:
    """By name: one case, or the four phases of a training step."""
    found = {}
    for size, base in BASES.items():
        for batch in (1, 4):
            found[f"generate-{size}-batch-{batch}"] = [Case("generate", "stylegan2", size, batch, base)]
    found["stylegan3-t-256-batch-1"] = [Case("generate", "stylegan3-t", 256, 1, 32768)]
    for size in (32, 64, 128) if device == "cpu" else (64, 128, 256):
        batch = 8 if device == "cpu" else 32
        found[f"train-{size}-batch-{batch}"] = [Case(phase, "stylegan2", size, batch, 16384) for phase in INTERVALS]
    return found


class Process:
    """A side, running."""

    def __init__(self, side: Side, options: argparse.Namespace) -> None:
        checkout = getattr(options, side.program, None)
        python = options.python if checkout else sys.executable
        command = [python, str(HERE / "speed_sides.py"), side.program, *([str(checkout)] if checkout else [])]
        command += ["--threads", str(options.threads), "--device", options.device, *["--tuned"] * side.tuned]
        self.side = side
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order; the answer, a line of JSON among what the program itself may print."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise SystemExit(f"{self.side.name}: ended with code {self.process.wait()}")

    def prepare(self, case: Case) -> None:
        own = {"precision": self.side.precision, "compiled": self.side.compiled}
        self.ask(case=asdict(case) | own)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def in_turns(sides: Sequence[Side], case: Case, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Medians of each side: seconds, the process's own seconds, ratios to ours of the same round, memory."""
    processes = [Process(side, options) for side in sides]
    try:
        memory = []
        for process in processes:
            process.prepare(case)
            memory.append(process.ask(memory=True)["bytes"])  # the first time: a warm-up too
        rounds = [[process.ask(run=1) for process in processes] for _ in range(options.rounds)]
        flop = processes[0].ask(flop=True)["flop"] if sides[0].program == "ours" else 0
    finally:
        for process in processes:
            process.end()
    found = {}
    for i, side in enumerate(sides):
        own = [one[i]["user"] + one[i]["system"] for one in rounds]
        found[side.name] = {
            "seconds": statistics.median(one[i]["seconds"] for one in rounds),
            "own_seconds": statistics.median(own),
            "ratio": statistics.median(one[i]["seconds"] / one[0]["seconds"] for one in rounds),
            "own_ratio": statistics.median(
                own[k] / (one[0]["user"] + one[0]["system"]) for k, one in enumerate(rounds)
            ),
            "bytes": memory[i],
        }
        if side.program == "roof":
            found[side.name]["flop_per_second"] = ROOF_FLOP / found[side.name]["seconds"]
    if flop:
        found[sides[0].name]["flop"] = flop
    return found


def sides_of(case: Case, options: argparse.Namespace) -> Iterator[Side]:
    """Ours first, then whoever can compute the case, then the machine."""
    for precision in ("float32", *["bfloat16"] * options.bfloat16):
        for compiled in (False, *[True] * options.compiled):
            yield Side("ours", tuned=True, precision=precision, compiled=compiled)
    for program in ("stylegan3", "ada", "rosinality"):
        if getattr(options, program) and (case.network == "stylegan2" or program == "stylegan3"):
            yield Side(program, tuned=False)
            if options.device == "cpu":
                yield Side(program, tuned=True)
    yield Side("roof", tuned=True)
    if options.bfloat16:
        yield Side("roof", tuned=True, precision="bfloat16")


def measured(name: str, parts: Sequence[Case], options: argparse.Namespace) -> dict[str, Any]:
    """Every part by its name, and the weighted sum of a training step's."""
    found: dict[str, Any] = {}
    for case in parts:
        sides = list(sides_of(case, options))
        found[case.work] = in_turns(sides, case, options)
        if options.alone:
            for side in sides:
                found[case.work][side.name]["alone"] = in_turns([side], case, options)[side.name]["seconds"]
        show(name, case.work, found[case.work])
    if len(parts) == len(INTERVALS):
        found["step"] = weighted(found)
        show(name, "step", found["step"])
    return found


def weighted(phases: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """What a batch costs on average; the memory of the hungriest phase."""
    names = [name for name in phases["Gmain"] if not name.startswith("roof")]
    step: dict[str, dict[str, float]] = {}
    for name in names:
        step[name] = {
            key: sum(phases[phase][name][key] / interval for phase, interval in INTERVALS.items())
            for key in ("seconds", "own_seconds")
        }
        step[name]["bytes"] = max(phases[phase][name]["bytes"] for phase in INTERVALS)
    for values in step.values():
        values["ratio"] = values["seconds"] / step["ours"]["seconds"]
        values["own_ratio"] = values["own_seconds"] / step["ours"]["own_seconds"]
    return step


def show(name: str, part: str, found: dict[str, dict[str, float]]) -> None:
    columns = [f"{side} {values['seconds'] * 1e3:.0f} ms ({values['ratio']:.2f})" for side, values in found.items()]
    print(f"{name} {part}: " + ", ".join(columns), flush=True)


# --- the page ---------------------------------------------------------------------------------------------------------


def page(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"# {machine['name']}",
        "",
        f"{machine['processor']}, {machine['capability']}, {machine['threads']} threads, PyTorch {machine['torch']}, "
        f"{machine['device']}. Made by `benchmarks/speed.py`.",
        "",
        "Milliseconds: medians of computing in turns; in brackets theirs over ours, of the same round, wall clock and",
        "the processes' own seconds. Memory: the most above what the process held before the networks were built.",
        "Roof: the share of one large convolution's speed that ours reaches with all its convolutions and products.",
        "",
    ]
    programs = sorted({side for case in results["cases"].values() for part in case.values() for side in part})
    programs = ["ours", *[name for name in programs if name != "ours" and not name.startswith("roof")]]
    lines += ["| case | " + " | ".join(programs) + " | roof |", "|---|" + "---|" * (len(programs) + 1)]
    for name, case in results["cases"].items():
        for part, found in case.items():
            label = name if part == "generate" else f"{name}: {part}"
            cells = [cell(found.get(program), ours=program == "ours") for program in programs]
            lines.append(f"| {label} | " + " | ".join(cells) + f" | {roof_share(found)} |")
    return "\n".join(lines) + "\n"


def cell(values: dict[str, float] | None, *, ours: bool) -> str:
    if values is None:
        return ""
    text = f"{values['seconds'] * 1e3:.0f}"
    if not ours:
        text += f" (**{values['ratio']:.2f}**, {values['own_ratio']:.2f})"
    text += f", {values['bytes'] / 2**20:.0f} MB"
    return text + (f", alone {values['alone'] * 1e3:.0f}" if "alone" in values else "")


def roof_share(found: dict[str, dict[str, float]]) -> str:
    if "roof" not in found or "flop" not in found["ours"]:
        return ""
    reached = found["ours"]["flop"] / found["ours"]["seconds"]
    return f"{reached / found['roof']['flop_per_second']:.0%} of {found['roof']['flop_per_second'] / 1e9:.0f} GFLOP/s"


def machine_of(options: argparse.Namespace) -> dict[str, Any]:
    processor = platform.processor()
    if Path("/proc/cpuinfo").exists():
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        processor = models[0].split(":", 1)[1].strip() if models else processor
    return {
        "name": options.machine,
        "processor": processor,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": options.threads,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stylegan3", type=Path)
    parser.add_argument("--ada", type=Path)
    parser.add_argument("--rosinality", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--machine", required=True)
    options = parser.parse_args()
    known = cases(options.device)
    wanted = options.only.split(",") if options.only else list(known)
    for name in wanted:
        if name not in known:
            parser.error(f"--only: '{name}' is no case; there are {', '.join(known)}")
    path = RESULTS / f"{options.machine}.json"
    results = json.loads(path.read_text()) if path.exists() else {"cases": {}}
    results["machine"] = machine_of(options)
    for name in wanted:
        results["cases"][name] = measured(name, known[name], options)
        results["cases"] = {one: results["cases"][one] for one in known if one in results["cases"]}
        write_text(path, json.dumps(rounded(results), indent=1) + "\n")
        write_text(path.with_suffix(".md"), page(results))


def rounded(value: Any) -> Any:
    """Numbers of four digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
