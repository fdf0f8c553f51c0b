import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.cli import data, train
from stylegans.cli.plan import gigabytes, main
from stylegans.errors import UserError


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pictures of shape 3:2 in three sizes, and a broken one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number in range(12):
        height = 40 + 10 * (number % 3)
        noise = np.random.default_rng(number).integers(0, 256, (height, height * 3 // 2, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"x")
    return folder


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line) for line in text.splitlines() if line.strip().startswith("stylegans ")]


def test_the_commands_build_a_training_set_and_resolve_to_a_training(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "--no-trial", "--device", "cpu"]) == 0
    build, training = commands(capsys.readouterr().out)
    assert build[:3] == ["stylegans", "data", "build"]
    assert build[-1] == "48x32"
    assert training[:2] == ["stylegans", "train"]
    assert data.main(build[2:]) == 0
    assert train.main([*training[2:], "--dry-run"]) == 0


def test_a_trial_measures_hours_and_memory(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(photos), "--size", "48x32", "--device", "cpu", "--hours", "0.5"]) == 0
    out = capsys.readouterr().out
    assert "what 0.5 h hold" in out or "the preset's" in out
    assert "at the peak" in out
    assert "not measured" not in out


def test_without_a_trial_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emoji-people", "--no-trial", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "not measured" in out
    assert "hours are not known without a trial" in out
    assert len(commands(out)) == 1
    assert "recommended, with only 997 pictures" in out


def test_json_is_for_programs(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(photos), "--no-trial", "--device", "cpu", "--json", "-"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["facts"]["pictures"] == 12
    assert printed["config"]["training"]["batch"] == 8
    assert [shlex.split(line) for line in printed["commands"]] == [printed["build"], printed["train"]]
    assert main([str(photos), "--no-trial", "--device", "cpu", "--json", "plan.json"]) == 0
    assert "Train:" in capsys.readouterr().out
    assert json.loads(Path("plan.json").read_text("utf-8"))["transfer"] is True


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["absent"], "DATA: nothing at 'absent'"),
        (["empty"], "DATA: 'empty' holds no pictures"),
        ([], "DATA: missing"),
        (["emoji", "--size", "100"], "--size: 100x100"),
        (["emoji", "--hours", "0"], "--hours: 0.0 should be above 0"),
        (["emoji", "--device", "gpu"], "--device: 'gpu' is not a device"),
        (["emoji", "--json", "no/such/plan.json"], "--json: there is no folder no/such"),
    ],
)
def test_what_cannot_be_planned_is_one_line(
    words: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        main(words)
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom stylegans.cli.plan import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.rpartition("LOADED ")[2].split()) & {"torch", "numpy", "PIL", "safetensors"}
    assert "--no-trial" in done.stdout


def test_sizes_of_files_in_words() -> None:
    assert [gigabytes(n) for n in (1_400_000, 400 << 20, 3 << 30)] == ["1.3 MB", "400 MB", "3.0 GB"]
