"""What do several metrics cost together, and alone?

    python benchmarks/measuring.py MODEL [--data emoji-people] [--num 1000]

Processor time, one thread, nothing in the caches: each metric over MobileNetV2's features alone, then all of them in
one call, twice in alternation; what all of them cost over the dearest alone; and what a second network adds. The
numbers go to ``benchmarks/results/measuring.json``.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from stylegans import load
from stylegans.data.images import open_dataset
from stylegans.files.atomic import write_text
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.recipes import recipes_of
from stylegans.metrics.suite import Suite
from stylegans.networks.protocol import Generator

RESULTS = Path(__file__).parent / "results"
SHARING = ("fd_mobilenet", "kd_mobilenet", "pr_mobilenet", "dc_mobilenet", "nn_mobilenet", "is_mobilenet")
TOGETHER = "all of these"
WITH_LPIPS = "all, and lpips_alex"
ROUNDS = 2


def seconds(G: Generator, data: str, names: Sequence[str], *, num: int) -> float:
    """Processor time of measuring by ``names``, from the beginning."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["STYLEGANS_CACHE"] = cache
        suite = Suite(RealFeatures(open_dataset(data, size=G.img_resolution)))
        began = time.process_time()
        found = list(suite.measure(G, [one.with_num(num) for one in recipes_of(names)]))
        assert sum(isinstance(step, Measurement) for step in found) == len(names)
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", default="emoji-people")
    parser.add_argument("--num", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    G = load(options.model)
    cases = {name: (name,) for name in SHARING} | {TOGETHER: SHARING, WITH_LPIPS: (*SHARING, "lpips_alex")}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, metrics in cases.items():
            times[name].append(seconds(G, options.data, metrics, num=options.num))
    medians = {name: statistics.median(values) for name, values in times.items()}
    dearest = max(SHARING, key=lambda name: medians[name])
    facts = {
        "generated": options.num,
        "resolution": list(G.img_resolution),
        "seconds": {name: round(value, 1) for name, value in medians.items()},
        "dearest": dearest,
        "all over the dearest": round(medians[TOGETHER] / medians[dearest], 3),
        "all over the sum": round(medians[TOGETHER] / sum(medians[name] for name in SHARING), 3),
    }
    write_text(RESULTS / "measuring.json", json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
