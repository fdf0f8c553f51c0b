import json
import math
from dataclasses import replace

import pytest
import torch

from stylegans.data.images import open_dataset
from stylegans.errors import RunFailed, UserError
from stylegans.files.model_file import read_model_info
from stylegans.models import load
from stylegans.runs.report import Tick
from stylegans.runs.run import Finished, Saved, Started, run


@pytest.fixture(scope="module")
def data():
    return open_dataset("emoji-people", size=(16, 16))


def short(small_run, *, images=24, **outputs):
    config = small_run(kimg=images / 1000)
    every = {"tick_kimg": 0.008, "snapshot_kimg": 0.012, "checkpoint_kimg": 0.012}
    return replace(config, outputs=replace(config.outputs, **(every | outputs)))


def test_a_run_reports_saves_and_ends(small_run, data, tmp_path):
    events = list(run(short(small_run), data, tmp_path / "run"))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "done"
    assert [e.images for e in events if isinstance(e, Tick)] == [8, 12, 16, 24]
    saved = [e.path.name for e in events if isinstance(e, Saved)]
    assert saved.count("000000.012.safetensors") == saved.count("000000.024.safetensors") == 1
    names = {p.relative_to(tmp_path / "run").parts[0] for p in (tmp_path / "run").rglob("*")}
    assert names >= {"config.json", "log.jsonl", "samples", "snapshots", "checkpoints"}
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [tick["images"] for tick in log] == [8, 12, 16, 24]
    assert all(math.isfinite(value) for tick in log for value in tick["losses"].values())


def test_stopping_and_continuing_equals_not_stopping(small_run, data, tmp_path):
    list(run(short(small_run), data, tmp_path / "whole"))
    asked = iter([False, False, True])
    events = list(run(short(small_run), data, tmp_path / "parts", stop=lambda: next(asked)))
    assert events[-1].reason == "stopped"
    assert events[-1].images == 12
    events = list(run(short(small_run), data, tmp_path / "parts"))
    assert events[0].images == 12
    assert events[0].notes == ()
    for name in (
        "snapshots/000000.024.safetensors",
        "checkpoints/000000.024/state.safetensors",
        "samples/000000.024.png",
    ):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name
    logs = [(tmp_path / kind / "log.jsonl").read_text().splitlines() for kind in ("whole", "parts")]
    whole, parts = ([(t["images"], t["losses"]) for t in map(json.loads, log)] for log in logs)
    assert whole == parts


def test_a_finished_run_has_nothing_to_do_and_a_longer_one_goes_on(small_run, data, tmp_path):
    list(run(short(small_run), data, tmp_path))
    events = list(run(short(small_run), data, tmp_path))
    assert [type(event) for event in events] == [Started, Finished]
    events = list(run(short(small_run, images=32), data, tmp_path))
    assert (events[0].images, events[-1].images) == (24, 32)


def test_other_pictures_are_other_data(small_run, data, tmp_path):
    list(run(short(small_run), data, tmp_path))
    with pytest.raises(UserError, match=r"data\.hash"):
        list(run(short(small_run), open_dataset("emoji", size=(16, 16)), tmp_path))


def test_snapshots_hold_the_average_and_open_as_models(small_run, data, tmp_path):
    list(run(short(small_run), data, tmp_path))
    info = read_model_info(tmp_path / "snapshots" / "000000.024.safetensors")
    assert (info.parts, info.data, info.family) == (("generator_ema",), "emoji-people", "stylegan2")
    generator = load(tmp_path)
    assert generator(torch.zeros(1, 8)).shape == (1, 3, 16, 16)


def test_divergence_leaves_the_last_checkpoint_and_says_so(small_run, data, tmp_path, monkeypatch):
    from stylegans.losses import adversarial

    list(run(short(small_run, images=12), data, tmp_path))
    before = (tmp_path / "checkpoints" / "000000.012" / "state.safetensors").read_bytes()
    spoilt = replace(adversarial.GAMES["non-saturating"], generator=lambda fake: fake.squeeze(1) * math.nan)
    monkeypatch.setitem(adversarial.GAMES, "non-saturating", spoilt)
    with pytest.raises(RunFailed, match="loss_G"):
        list(run(short(small_run), data, tmp_path))
    assert (tmp_path / "checkpoints" / "000000.012" / "state.safetensors").read_bytes() == before
    monkeypatch.undo()
    assert list(run(short(small_run), data, tmp_path))[-1].images == 24


def test_metrics_choose_the_best_snapshot(small_run, data, tmp_path, monkeypatch):
    from stylegans import models
    from stylegans.metrics import suite

    values = iter([5.0, 9.0])

    class Value:
        def __init__(self):
            self.value = next(values)

    monkeypatch.setitem(suite.METRICS, "fd_mobilenet", lambda generator, reals: Value())
    list(run(short(small_run, metrics=("fd_mobilenet",)), data, tmp_path))
    assert models.find(tmp_path).stem == "000000.012"
    assert models.find(f"{tmp_path}@newest").stem == "000000.024"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": ("fid",)}, "--metrics"),
        ({"device": "warp"}, "--device"),
        ({"workers": -1}, "--workers"),
        ({"tick_kimg": 0.0}, "--tick-kimg"),
    ],
)
def test_wrong_options_are_named_before_anything_is_written(small_run, data, tmp_path, change, says):
    with pytest.raises(UserError, match=says):
        list(run(short(small_run, **change), data, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_continued_run_keeps_its_precision_on_any_machine(small_run, data, tmp_path, monkeypatch):
    from stylegans.runs import machine

    config = short(small_run, images=12)
    config = replace(config, training=replace(config.training, precision="auto"))
    for fast, images in ((True, 12), (False, 24)):
        monkeypatch.setattr(machine, "computes_bfloat16", lambda device, fast=fast: fast)
        longer = replace(config, training=replace(config.training, kimg=images / 1000))
        events = list(run(longer, data, tmp_path))
        assert events[0].config.training.precision == "bfloat16"
    assert events[-1].images == 24


def test_a_full_disk_is_said_in_one_line_and_leaves_the_last_checkpoint(small_run, data, tmp_path, monkeypatch):
    from stylegans.files import pictures

    list(run(short(small_run, images=12), data, tmp_path))

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pictures, "save_png", full)
        with pytest.raises(RunFailed, match=r"No space left on device.*last checkpoint is intact"):
            list(run(short(small_run), data, tmp_path))
    assert list(run(short(small_run), data, tmp_path))[-1].images == 24
