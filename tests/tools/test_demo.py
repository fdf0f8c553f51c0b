import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from stylegans.data.images import open_dataset
from stylegans.runs.run import Finished
from stylegans.tools import demo


@pytest.fixture(scope="module")
def made(tmp_path_factory, small_run):
    """A demo of a second, with a network too small to learn anything."""
    out = tmp_path_factory.mktemp("demo")
    plan = demo.prepare(torch.device("cpu"), out, minutes=0.01, seed=0)
    config = small_run(size=(32, 32), kimg=1000, batch=4)
    outputs = replace(config.outputs, tick_kimg=0.008, snapshot_kimg=0.012, device="cpu")
    training = replace(config.training, precision=plan.config.training.precision)
    config = replace(config, data=plan.config.data, training=training, outputs=outputs)
    plan = replace(plan, config=config, data=open_dataset(demo.DATA, size=(32, 32), xflip=True))
    events = list(demo.train(plan, out, stop=lambda: False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "MEASURED", 20)
        saved = list(demo.show(plan, out))
    return plan, out, events, saved


def test_it_trains_until_the_clock_rings_and_says_done(made):
    _, _, events, _ = made
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "done"
    assert events[-1].images > 0


def test_it_leaves_every_figure_the_readme_promises(made):
    _, out, _, saved = made
    names = {"progress.png", "samples.png", "samples-truncated.png", "style-mixing.png", "walk.gif", "curves.png"}
    assert {event.path.name for event in saved} == names | {"report.json"}
    for name in names:
        with Image.open(out / name) as picture:
            assert min(picture.size) >= 100
    with Image.open(out / "walk.gif") as film:
        assert film.n_frames > 20


def test_the_report_holds_the_distance_before_after_and_of_real_from_real(made):
    _, out, _, _ = made
    report = json.loads((out / "report.json").read_text())
    distance = report["fd_mobilenet"]
    assert all(distance[name] > 0 for name in ("untrained", "trained", "real_against_real"))
    assert (distance["num_generated"], distance["num_real"]) == (20, 20)
    assert report["kimg"] > 0


def test_a_finished_demo_does_not_train_again(made):
    plan, out, _, _ = made
    assert list(demo.train(plan, out, stop=lambda: False)) == []


def test_on_a_cpu_it_draws_people_at_32_and_measures_at_least_a_thousand(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "images_per_second", lambda config, data, device: 100.0)
    plan = demo.prepare(torch.device("cpu"), tmp_path, minutes=5, seed=0)
    assert 25 < plan.config.training.kimg < 30
    assert plan.config.training.anneal_to_kimg == plan.config.training.kimg
    assert plan.config.generator.resolution == (32, 32)
    assert plan.config.generator.base == plan.config.discriminator.base == demo.BASE
    assert plan.data.name == "emoji-people"
    assert demo.MEASURED >= 1000
