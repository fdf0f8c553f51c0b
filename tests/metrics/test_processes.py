"""Two processes, started as users start them, must find what one finds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stylegans.metrics.processes import ALONE, Processes

PROGRAM = """
import json, sys
import torch
torch.set_num_threads(1)
from stylegans.config import Mapping, StyleGAN2
from stylegans.data.images import open_dataset
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.processes import from_environment
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.recipes import recipes_of
from stylegans.metrics.suite import Suite
from stylegans.networks.stylegan2 import StyleGAN2Generator

torch.manual_seed(0)
mapping = Mapping(z_dim=8, w_dim=8, num_layers=1)
G = StyleGAN2Generator(StyleGAN2(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8)).eval()
data = open_dataset("emoji-people", size=(16, 16), subset=30)
names = ["fd_mobilenet", "pr_mobilenet", "swd16k", "msssim10k", "lpips_alex", "ppl_alex_wend", "mix_mobilenet"]
with from_environment() as processes:
    suite = Suite(RealFeatures(data), batch=4, processes=processes)
    steps = list(suite.measure(G, [one.with_num(18) for one in recipes_of(names)]))
    found = {step.name: step.values | step.real for step in steps if isinstance(step, Measurement)}
    assert bool(found) == processes.is_first
    if processes.is_first:
        print("FOUND", json.dumps(found))
"""


def found(command: list[str], cache: Path) -> dict[str, dict[str, float]]:
    environment = {**os.environ, "STYLEGANS_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    result: dict[str, dict[str, float]] = json.loads(done.stdout.rpartition("FOUND ")[2])
    return result


def test_alone_there_is_nothing_to_exchange() -> None:
    assert (ALONE.gather(3), ALONE.agree("x"), ALONE.is_first) == ([3], "x", True)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_piece_of_work_is_done_once(count: int) -> None:
    owners = [[Processes(rank, count).mine(piece) for rank in range(count)] for piece in range(7)]
    assert all(sum(row) == 1 for row in owners)


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    one = found([sys.executable, str(program)], tmp_path / "one")
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(program)]
    two = found(run, tmp_path / "two")
    assert one.keys() == two.keys()
    for name in one:
        assert two[name] == pytest.approx(one[name], rel=2e-2 if name.startswith("ppl") else 1e-3, abs=1e-3), name
