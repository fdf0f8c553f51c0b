import json
import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--minutes", "0"], "--minutes"), (["--seed", "-1"], "--seed"), (["--device", "gpu"], "--device")],
)
def test_a_wrong_option_is_one_line_that_names_it(words, says, tmp_path, refused):
    refused(["demo", "--out", tmp_path / "demo", *words], says)


@pytest.mark.long
def test_a_minute_and_a_half_already_brings_the_distance_down(tmp_path):
    command = [sys.executable, "-m", "stylegans", "demo", "--minutes", "1.5", "--out", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ, timeout=900)
    assert done.returncode == 0, done.stderr
    distance = json.loads((tmp_path / "demo" / "report.json").read_text())["fd_mobilenet"]
    assert distance["num_generated"] >= 1000
    assert distance["trained"] < distance["untrained"]
    assert distance["real_against_real"] < distance["trained"]
