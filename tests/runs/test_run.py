import json
import math
import re
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stylegans import models
from stylegans.config import Augment, Guard
from stylegans.data.images import open_dataset
from stylegans.data.pipeline import batches
from stylegans.errors import RunFailed, UserError
from stylegans.files.model_file import read_model_info
from stylegans.models import load
from stylegans.runs import loading, measuring, session
from stylegans.runs.guard import Verdict
from stylegans.runs.report import Tick
from stylegans.runs.run import Finished, Saved, Started, Warned, run
from stylegans.runs.watch import Watch


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
    assert all(list(tick["shares"]) == ["4x4", "8x8", "16x16"] for tick in log)
    assert all(sum(tick["shares"].values()) == pytest.approx(1) for tick in log)


def test_ticks_say_how_long_pictures_were_waited_for_and_a_slow_set_is_warned_of_once(
    small_run, data, tmp_path, monkeypatch
):
    log = tmp_path / "quick" / "log.jsonl"
    assert not [e for e in run(short(small_run), data, tmp_path / "quick") if isinstance(e, Warned)]
    assert all(0 <= json.loads(line)["loading"] <= 1 for line in log.read_text().splitlines())

    def slow(*arguments, **options):
        for batch in batches(*arguments, **options):
            time.sleep(0.05)
            yield batch

    monkeypatch.setattr(session, "batches", slow)
    monkeypatch.setattr(loading, "PATIENCE", 0)
    monkeypatch.setattr(loading, "MOST", 0.0001)  # a busy machine may take long to train
    events = list(run(short(small_run), data, tmp_path / "slow"))
    assert all(0.0001 < e.loading <= 1 for e in events if isinstance(e, Tick))
    (warned,) = [e for e in events if isinstance(e, Warned)]
    assert warned.kind == "loading"
    assert re.search(r"^\d+% of the time goes into waiting for pictures: [^\n]*data build[^\n]*$", warned.message)


def test_more_workers_than_cores_are_noted(small_run, data, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "cores", lambda: 2)
    for workers, noted in ((2, False), (3, True), (None, False)):
        first = next(run(short(small_run, workers=workers), data, tmp_path))
        assert ("--workers 3 are more than the 2 cores; they take turns" in first.notes) is noted


def test_a_run_of_old_with_its_workers_continues(small_run, data, tmp_path):
    list(run(short(small_run, images=12, workers=0), data, tmp_path))
    assert json.loads((tmp_path / "config.json").read_text())["outputs"]["workers"] == 0
    events = list(run(short(small_run), data, tmp_path))
    assert (events[0].images, events[-1].images) == (12, 24)
    assert json.loads((tmp_path / "config.json").read_text())["outputs"]["workers"] is None


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
    whole, parts = ([(t["images"], t["losses"], t["shares"]) for t in map(json.loads, log)] for log in logs)
    assert whole == parts


def test_a_finished_run_has_nothing_to_do_and_a_longer_one_goes_on(small_run, data, tmp_path):
    list(run(short(small_run), data, tmp_path))
    events = list(run(short(small_run), data, tmp_path))
    assert [type(event) for event in events] == [Started, Finished]
    events = list(run(short(small_run, images=32), data, tmp_path))
    assert (events[0].images, events[-1].images) == (24, 32)


def test_other_pictures_are_other_data(small_run, data, tmp_path):
    list(run(short(small_run), data, tmp_path))
    with pytest.raises(UserError, match="the pictures or their labels are others"):
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


@pytest.mark.parametrize(("better", "best"), [("lower", "000000.012"), ("higher", "000000.024")])
def test_metrics_choose_the_best_snapshot(small_run, data, tmp_path, monkeypatch, better, best):
    values = iter([5.0, 9.0])

    def measure(generator, reals, config):
        return [SimpleNamespace(values={"a_metric": next(values), "another": 0.0}, better=better)]

    monkeypatch.setattr(measuring, "measure", measure)
    list(run(short(small_run, metrics=("fd_mobilenet",)), data, tmp_path))
    assert models.find(tmp_path).stem == best
    assert models.find(f"{tmp_path}@newest").stem == "000000.024"


def test_metrics_may_be_measured_every_so_many_ticks_and_what_was_measured_is_kept(small_run, data, tmp_path):
    outputs = {"tick_kimg": 0.004, "snapshot_kimg": 1.0, "metric_ticks": 2, "metrics": ("msssim10k",), "metric_num": 4}
    list(run(short(small_run, **outputs), data, tmp_path))
    ticks = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    measured = [(tick["images"], tick["snapshot"]) for tick in ticks if tick["metrics"]]
    assert measured == [(8, "000000.008"), (16, "000000.016"), (24, "000000.024")]
    assert len(ticks) == 6
    assert all((tmp_path / "snapshots" / f"{name}.safetensors").exists() for _, name in measured)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": ("fid",)}, "--metrics"),
        ({"device": "warp"}, "--device"),
        ({"workers": -1}, "--workers"),
        ({"tick_kimg": 0.0}, "--tick-kimg"),
        ({"metric_ticks": 0}, "--metric-ticks"),
        ({"metrics": ("fd_mobilenet",), "metric_num": 3}, "fd_mobilenet: --num: needs at least 4 pictures"),
        ({"metrics": ("ppl2_wend",), "features": ("nowhere.pth",)}, "--features: nowhere.pth: no such file"),
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


# --- the guard ------------------------------------------------------------------------------------------------------


def guarded(small_run, on_collapse, *, images=48, **training):
    """A run that is looked at on every twelfth picture."""
    run = short(small_run, images=images)
    run = replace(run, training=replace(run.training, **training))
    return replace(run, guard=Guard(on_collapse=on_collapse, every_kimg=0.012, images=8, rollbacks=2))


def looks(path):
    ticks = map(json.loads, (path / "log.jsonl").read_text().splitlines())
    return [(tick["images"], tick["guard"]) for tick in ticks if tick["guard"]]


def test_the_guard_looks_and_the_best_is_kept(small_run, data, tmp_path):
    events = list(run(guarded(small_run, "warn"), data, tmp_path / "run"))
    assert [images for images, _ in looks(tmp_path / "run")] == [12, 24, 36]  # the end has its snapshot
    distances = {images: seen["distance"] for images, seen in looks(tmp_path / "run")}
    (best,) = (tmp_path / "run" / "best").iterdir()
    assert best.name == f"000000.{min(distances, key=distances.get):03d}.safetensors"
    assert any(isinstance(event, Saved) and event.kind == "best" for event in events)
    assert load(f"{tmp_path / 'run'}@best").img_resolution == (16, 16)


def test_a_watched_run_continues_as_if_undisturbed(small_run, data, tmp_path):
    list(run(guarded(small_run, "rollback"), data, tmp_path / "whole"))
    asked = iter([False] * 4 + [True])
    list(run(guarded(small_run, "rollback"), data, tmp_path / "parts", stop=lambda: next(asked)))
    list(run(guarded(small_run, "rollback"), data, tmp_path / "parts"))
    assert looks(tmp_path / "whole") == looks(tmp_path / "parts")
    states = [tmp_path / kind / "checkpoints/000000.048/state.json" for kind in ("whole", "parts")]
    assert len({json.dumps(json.loads(state.read_text())["beside"]) for state in states}) == 1


def test_the_guard_changes_nothing_that_is_learned(small_run, data, tmp_path):
    for name in ("warn", "off"):
        list(run(guarded(small_run, name, images=24), data, tmp_path / name))
    last = "checkpoints/000000.024/state.safetensors"
    assert (tmp_path / "warn" / last).read_bytes() == (tmp_path / "off" / last).read_bytes()
    assert not (tmp_path / "off" / "best").exists()


def collapsing(monkeypatch, *, until):
    """The guard finds fault with every look after the first until the learning rates are small enough."""

    def judge(watch):
        seen = len(watch.history) > 1 and watch.rollbacks < until
        return Verdict("collapse", "all pictures are alike.") if seen else None

    monkeypatch.setattr(Watch, "judge", judge)


def test_a_collapsing_run_is_rolled_back_to_its_best_state(small_run, data, tmp_path, monkeypatch):
    collapsing(monkeypatch, until=1)
    events = list(run(guarded(small_run, "rollback"), data, tmp_path / "run"))
    assert [event.kind for event in events if isinstance(event, Warned)] == ["collapse", "rollback"]
    assert [event.images for event in events if isinstance(event, Tick)] == [8, 12, 16, 24, 16, 24, 32, 36, 40, 48]
    assert [images for images, _ in looks(tmp_path / "run")] == [12, 24, 36]  # the log is of the course that counts
    aside = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run" / "rolled-back-1").rglob("*")}
    assert "rolled-back-1/snapshots/000000.024.safetensors" in aside
    state = json.loads((tmp_path / "run" / "checkpoints/000000.048/state.json").read_text())
    assert state["lr_scale"] == 0.25
    assert state["beside"]["rollbacks"] == 1
    assert events[-1].reason == "done"


def test_a_run_killed_after_a_rollback_goes_on_from_there(small_run, data, tmp_path, monkeypatch):
    collapsing(monkeypatch, until=1)
    whole = list(run(guarded(small_run, "rollback"), data, tmp_path / "whole"))
    assert whole[-1].images == 48
    for event in run(guarded(small_run, "rollback"), data, tmp_path / "killed"):
        if isinstance(event, Warned) and event.kind == "rollback":
            break  # a process that ends here has saved nothing more
    continued = list(run(guarded(small_run, "rollback"), data, tmp_path / "killed"))
    assert continued[0].images == 12
    last = "checkpoints/000000.048/state.safetensors"
    assert (tmp_path / "whole" / last).read_bytes() == (tmp_path / "killed" / last).read_bytes()


def test_rolling_back_in_vain_ends_the_run(small_run, data, tmp_path, monkeypatch):
    collapsing(monkeypatch, until=99)
    with pytest.raises(RunFailed, match=r"all pictures are alike.*rolled back 2 times"):
        list(run(guarded(small_run, "rollback"), data, tmp_path / "run"))


def test_numbers_that_are_not_finite_are_rolled_back_too(small_run, data, tmp_path, monkeypatch):
    """Before the first look there is nothing better than the beginning."""
    from stylegans.training import loop

    spoil = iter([False, True])

    def average(state, original=loop.average_generator):
        original(state)
        if next(spoil, False):
            state.averages.add("loss_G", torch.tensor(math.nan))

    monkeypatch.setattr(loop, "average_generator", average)
    events = list(run(guarded(small_run, "rollback"), data, tmp_path / "run"))
    assert [event.kind for event in events if isinstance(event, Warned)] == ["divergence", "rollback"]
    assert "back to 0 kimg" in next(e.message for e in events if isinstance(e, Warned) and e.kind == "rollback")
    assert events[-1].reason == "done"


def test_a_run_may_be_stopped_instead_or_only_warned_of(small_run, data, tmp_path, monkeypatch):
    collapsing(monkeypatch, until=1)
    with pytest.raises(RunFailed, match=r"all pictures are alike\. The best model so far is .*@best"):
        list(run(guarded(small_run, "stop"), data, tmp_path / "stop"))
    events = list(run(guarded(small_run, "warn"), data, tmp_path / "warn"))
    assert [event.kind for event in events if isinstance(event, Warned)] == ["collapse", "collapse"]
    assert events[-1].reason == "done"


def test_augmentation_that_cannot_act_on_the_pictures_is_refused_first(small_run, data, tmp_path):
    folder = tmp_path / "five"
    folder.mkdir()
    for number in range(8):
        np.save(folder / f"{number}.npy", np.full((5, 16, 16), number, dtype=np.uint8))
    five = open_dataset(folder)
    config = replace(short(small_run, images=8), generator=small_run(channels=5).generator)
    config = replace(config, discriminator=small_run(channels=5).discriminator)
    for augment in (Augment(mode="ada"), Augment(mode="diffaugment")):
        with pytest.raises(UserError, match=r"--(aug|training\.augment)"):
            list(run(replace(config, training=replace(config.training, augment=augment)), five, tmp_path / "out"))
    geometry = Augment(mode="fixed", pipe="bg", p=0.5)
    list(run(replace(config, training=replace(config.training, augment=geometry)), five, tmp_path / "out"))
