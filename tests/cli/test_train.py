"""The command as people use it: in a process of its own, interrupted, killed, continued, mistyped."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stylegans.cli import train
from stylegans.cli.main import main
from stylegans.cli.parse import parse_known
from stylegans.config.codec import from_json
from stylegans.config.run import Run
from stylegans.errors import UserError

QUICK = [
    *("--data", "emoji-people", "--size", "16", "--channel-base", "64", "--channel-max", "8"),
    *("--generator.mapping.z-dim", "8", "--generator.mapping.w-dim", "8", "--batch", "4"),
    *("--aug", "ada", "--training.augment.target", "0.1", "--training.augment.speed-kimg", "0.1"),
    *("--training.ema-power", "0.1", "--accumulate", "1"),
    *("--kimg", "0.2", "--tick-kimg", "0.04", "--snapshot-kimg", "0.1", "--checkpoint-kimg", "0.02"),
]
LAST = Path("snapshots/000000.200.safetensors")
STATE = Path("checkpoints/000000.200/state.safetensors")


def command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "stylegans", "train", "tiny", *QUICK, "--out", str(out), *more]


def run(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command(out, *more), capture_output=True, text=True, check=False, env=environment, timeout=300
    )


def begin(out: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command(out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait_for_a_checkpoint(out: Path, process: subprocess.Popen[str]) -> None:
    before = set((out / "checkpoints").glob("0*"))
    deadline = time.monotonic() + 120
    while set((out / "checkpoints").glob("0*")) <= before and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    done = run(out)
    assert done.returncode == 0, done.stderr
    return out


def assert_equal(out: Path, undisturbed: Path) -> None:
    for name in (LAST, STATE):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes(), name
    ours, theirs = (
        [
            (tick["images"], tick["losses"], tick["shares"])
            for tick in map(json.loads, (path / "log.jsonl").read_text().splitlines())
        ]
        for path in (out, undisturbed)
    )
    assert ours == theirs


def test_a_run_leaves_what_the_design_promises(undisturbed: Path) -> None:
    assert {p.name for p in undisturbed.iterdir()} >= {
        "config.json",
        "log.jsonl",
        "samples",
        "snapshots",
        "checkpoints",
    }
    assert [p.name for p in sorted((undisturbed / "checkpoints").iterdir())] == ["000000.180", "000000.200"]
    assert list((undisturbed / "samples").glob("*.png"))
    assert list(undisturbed.glob("events.out.tfevents.*"))
    assert len((undisturbed / "log.jsonl").read_text().splitlines()) == 6  # five ticks, and one for the snapshot at 0.1


def test_half_and_half_equals_the_whole_bit_for_bit(undisturbed: Path, tmp_path: Path) -> None:
    first = run(tmp_path / "halves", "--kimg", "0.1")
    assert first.returncode == 0, first.stderr
    second = run(tmp_path / "halves")
    assert "continuing tiny at 0.1 kimg" in second.stdout
    assert_equal(tmp_path / "halves", undisturbed)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_and_exits_with_zero(undisturbed: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = begin(tmp_path / "run")
    wait_for_a_checkpoint(tmp_path / "run", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "the same command continues" in out
    assert run(tmp_path / "run").returncode == 0
    assert_equal(tmp_path / "run", undisturbed)


def kill_again_and_again(out: Path, *, times: int, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(times):
        process = begin(out)
        if moments.random() < 0.7:
            wait_for_a_checkpoint(out, process)
            time.sleep(moments.random() * 0.06)  # often in the middle of the next save
        else:
            time.sleep(moments.random() * 4)  # also while it starts
        process.kill()
        process.communicate()
        if (out / LAST).exists() and (out / STATE).exists():
            return


def test_killed_at_random_moments_it_ends_as_if_undisturbed(undisturbed: Path, tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "run", times=3, seed=1)
    done = run(tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert_equal(tmp_path / "run", undisturbed)
    assert not list(tmp_path.rglob(".tmp-*"))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_killed_twenty_times_it_ends_as_if_undisturbed(undisturbed: Path, tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path / "run", times=20, seed=100 + seed)
    done = run(tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert_equal(tmp_path / "run", undisturbed)


@pytest.mark.long
def test_workers_change_nothing(undisturbed: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "run", "--workers", "2").returncode == 0
    assert_equal(tmp_path / "run", undisturbed)


def test_changed_options_are_refused_with_old_and_new(undisturbed: Path) -> None:
    done = run(undisturbed, "--gamma", "77", "--seed", "3")
    assert done.returncode == 2
    assert "--gamma was 1.0, is 77.0" in done.stderr
    assert "--seed was 0, is 3" in done.stderr
    assert len(done.stderr.splitlines()) == 1


WRONG = [
    (["--data", "emoji"], "PRESET"),
    (["tinny"], "did you mean tiny?"),
    (["tiny"], "--data"),
    (["tiny", "--data", "emoji"], "--out"),
    (["tiny", "--data", "nowhere", "--out", "x"], "nowhere"),
    (["tiny", "--data", "emoji", "--out", "x", "--size", "100"], "--size: 100x100 does not halve"),
    (["tiny", "--data", "emoji", "--out", "x", "--size", "big"], "--size"),
    (["tiny", "--data", "emoji", "--out", "x", "--size", "64x32"], "--size"),
    (["tiny", "--data", "emoji", "--out", "x", "--batch", "0"], "--batch"),
    (["tiny", "--data", "emoji", "--out", "x", "--batch", "many"], "--batch"),
    (["tiny", "--data", "emoji", "--out", "x", "--batch", "100000"], "--batch"),
    (["tiny", "--data", "emoji", "--out", "x", "--bacth", "4"], "--bacth"),
    (["tiny", "--data", "emoji", "--out", "x", "--lr", "0"], "--lr"),
    (["tiny", "--data", "emoji", "--out", "x", "--gamma", "-1"], "--gamma"),
    (["tiny", "--data", "emoji", "--out", "x", "--loss", "mse"], "--loss"),
    (["tiny", "--data", "emoji", "--out", "x", "--kimg", "nan"], "--kimg"),
    (["tiny", "--data", "emoji", "--out", "x", "--tick-kimg", "0"], "--tick-kimg"),
    (["tiny", "--data", "emoji", "--out", "x", "--device", "gpu"], "--device"),
    (["tiny", "--data", "emoji", "--out", "x", "--precision", "float8"], "--precision"),
    (["tiny", "--data", "emoji", "--out", "x", "--metrics", "fid"], "--metrics"),
    (["tiny", "--data", "emoji", "--out", "x", "--grow-kimg", "5"], "--grow-kimg"),
    (["tiny", "--data", "emoji", "--out", "x", "--training.style-mixing", "2"], "--training.style-mixing"),
    (["tiny", "--data", "emoji", "--out", "x", "--training.accumulate", "3"], "--accumulate"),
    (["tiny", "--data", "emoji", "--out", "x", "--accumulate", "8"], "--accumulate: 8 does not divide a batch of 8"),
    (["dcgan", "--data", "emoji", "--out", "x", "--accumulate", "2"], "--accumulate"),
    (["tiny", "--data", "emoji", "--out", "x", "--aug", "more"], "--aug"),
    (["tiny", "--data", "emoji", "--out", "x", "--aug", "fixed"], "--aug-p"),
    (["tiny", "--data", "emoji", "--out", "x", "--aug", "ada", "--aug-p", "1.5"], "--aug-p"),
    (["tiny", "--data", "emoji", "--out", "x", "--aug-p", "0.5"], "--aug-p"),
    (["tiny", "--data", "emoji", "--out", "x", "--aug", "ada", "--loss", "wgan-gp"], "--aug"),
    (["tiny", "--data", "emoji", "--out", "x", "--aug", "ada", "--aug-pipe", "bgcx"], "--aug-pipe"),
    (["tiny", "--data", "emoji", "--out", "x", "--penalty", "none"], "--penalty"),
    (["tiny", "--data", "emoji", "--out", "x", "--penalty", "approx", "--precision", "bfloat16"], "--precision"),
    (
        ["tiny", "--data", "emoji", "--out", "x", "--precision", "float16", "--device", "cpu"],
        "--precision: float16 needs",
    ),
    (
        ["dcgan", "--data", "emoji", "--out", "x", "--precision", "bfloat16"],
        "--precision: the networks of family dcgan",
    ),
    (["stylegan", "--data", "emoji", "--out", "x", "--precision", "float16"], "--precision: the networks of family"),
    (["tiny", "--data", "emoji", "--out", "x", "--freeze-d", "2"], "--freeze-d"),
    (["tiny", "--data", "emoji", "--out", "x", "--accumulate", "0"], "--accumulate"),
    (["tiny", "--data", "emoji", "--out", "x", "--kimg", "inf"], "--kimg"),
    (["tiny", "--data", "emoji", "--out", "x", "--lr", "inf"], "--lr"),
    (["tiny", "--data", "emoji", "--out", "x", "--gamma", "inf"], "--gamma"),
    (["tiny", "--data", "emoji", "--out", "x", "--tick-kimg", "inf"], "--tick-kimg"),
    (["tiny", "--data", "emoji", "--out", "x", "--subset", "99999"], "--subset"),
    (["tiny", "--data", "emoji", "--out", "x", "--on-collapse", "panic"], "--on-collapse"),
    (["tiny", "--data", "emoji", "--out", "x", "--guard.images", "0"], "--guard.images"),
    (["tiny", "--data", "emoji", "--out", "x", "--training.ema-power", "0.5"], "--training.ema-power"),
    (["tiny", "--data", "emoji", "--out", "x", "--generator.resolution", "8", "8"], "--size"),
    (["tiny", "--data", "emoji", "--out", "x", "--from", "gone.safetensors"], "--from"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_option_is_one_line_that_names_it(words, says, tmp_path, monkeypatch, refused) -> None:
    monkeypatch.chdir(tmp_path)
    refused(["train", *words], says)


def test_a_set_of_three_pictures_is_refused_by_the_batch(tmp_path, refused) -> None:
    from PIL import Image

    for number in range(3):
        (tmp_path / "data").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (number, 0, 0)).save(tmp_path / "data" / f"{number}.png")
    for said in ("--batch", "3 pictures"):
        refused(["train", "tiny", "--data", tmp_path / "data", "--out", tmp_path / "run"], said)


def test_labels_of_a_set_without_are_refused(tmp_path, refused) -> None:
    from PIL import Image

    (tmp_path / "data").mkdir()
    for number in range(10):
        Image.new("L", (16, 16), number).save(tmp_path / "data" / f"{number}.png")
    refused(["train", "tiny", "--data", tmp_path / "data", "--out", tmp_path / "run", "--labels"], "--labels")


def resolved(*words: str, preset: str = "tiny") -> Run:
    options, rest = parse_known(train.Options, ["--data", "emoji-people", "--out", "x", *words], prog="t")
    return train.resolve(preset, options, rest, prog="t")[0]


def test_the_pictures_decide_size_channels_and_labels() -> None:
    run = resolved("--labels")
    assert run.generator.resolution == run.discriminator.resolution == (64, 64)
    assert run.generator.mapping.c_dim == run.discriminator.c_dim == 4
    assert resolved("--size", "32").generator.base == (4, 4)


def test_short_options_reach_both_players_and_fields_come_last() -> None:
    run = resolved("--channel-max", "40", "--lr", "0.01", "--mapping-layers", "3", "--training.d-optimizer.lr", "0.5")
    assert run.generator.channel_max == run.discriminator.channel_max == 40
    assert (run.training.g_optimizer.lr, run.training.d_optimizer.lr) == (0.01, 0.5)
    assert run.generator.mapping.num_layers == 3


def test_stylegan2_ada_goes_by_size_and_batch_that_are_asked_for() -> None:
    words = ["--data", "emoji-people", "--out", "x", "--size", "32", "--batch", "8"]
    options, rest = parse_known(train.Options, words, prog="train stylegan2-ada")
    run, _ = train.resolve("stylegan2-ada", options, rest, prog="train stylegan2-ada")
    assert (run.training.batch, run.training.augment.mode) == (8, "ada")
    assert run.training.r1_gamma == pytest.approx(0.0002 * 32**2 / 8)
    assert run.training.ema_kimg == 2.5


def test_augmentation_and_transfer_reach_their_fields() -> None:
    run = resolved("--aug", "fixed", "--aug-p", "0.2", "--aug-pipe", "bg", "--loss", "relativistic", "--gamma", "0.5")
    assert (run.training.augment.mode, run.training.augment.p, run.training.augment.pipe) == ("fixed", 0.2, "bg")
    assert (run.training.r1_gamma, run.training.r2_gamma) == (0.5, 0.5)
    run = resolved("--aug", "ada", "--from", "anything")
    assert (run.training.augment.speed_kimg, run.training.ema_rampup) == (100, None)
    run = resolved("--aug", "ada", "--from", "anything", "--training.augment.speed-kimg", "300")
    assert run.training.augment.speed_kimg == 300


def test_dry_run_prints_a_config_that_reads_back(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "small-32", "--data", "emoji-people", "--size", "32", "--out", "x", "--dry-run"]) == 0
    printed = from_json(Run, capsys.readouterr().out)
    assert printed.preset == "small-32"
    assert list(tmp_path.iterdir()) == []


def test_the_preset_may_stand_anywhere() -> None:
    assert train.split_preset(["--data", "x", "tiny"]) == ("tiny", ["--data", "x"])
    with pytest.raises(UserError, match="PRESET"):
        train.split_preset(["--data", "x"])


def test_help_of_a_preset_shows_every_short_option_and_field(capsys) -> None:
    assert main(["train", "tiny", "--help"]) == 0
    text = capsys.readouterr().out
    for option in (
        *("--kimg", "--batch", "--size", "--seed", "--gamma", "--lr", "--loss", "--channel-base", "--channel-max"),
        *("--mapping-layers", "--grow-kimg", "--device", "--precision", "--workers", "--tick-kimg", "--snapshot-kimg"),
        *("--accumulate", "--penalty", "--aug", "--aug-p", "--aug-pipe", "--freeze-d", "--on-collapse", "--subset"),
        *("--guard.every-kimg", "--training.ema-power", "--training.augment.target"),
        *("--checkpoint-kimg", "--metrics", "--from", "--dry-run", "--generator.mapping.w-dim", "--training.pl-weight"),
    ):
        assert option in text
