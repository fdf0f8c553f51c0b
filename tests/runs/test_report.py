import json

import numpy as np
import pytest
from PIL import Image

from stylegans.data.images import open_dataset
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.runs import report


@pytest.mark.parametrize(
    ("before", "after", "every", "expected"),
    [(0, 100, 0.2, False), (100, 200, 0.2, True), (199, 201, 0.2, True), (200, 300, 0.2, False), (0, 1000, 0.3, True)],
)
def test_multiples_are_noticed_when_crossed(before, after, every, expected):
    assert report.crossed(before, after, every) is expected


def test_labelled_grids_have_one_class_to_a_row(small_run):
    data = open_dataset("emoji-people", labels=True)
    generator = StyleGAN2Generator(small_run(labels=data.c_dim).generator)
    latents = report.grid_latents(generator, data, seed=0)
    rows = latents.c.reshape(-1, latents.columns, data.c_dim)
    assert (rows == rows[:, :1]).all()
    assert len(np.unique(rows[:, 0], axis=0)) == min(len(rows), data.c_dim)


def test_every_class_has_a_row_where_there_is_room(small_run, tmp_path):
    data = labelled(tmp_path, [[f"{i}.png", i] for i in range(10)])
    latents = report.grid_latents(StyleGAN2Generator(small_run(labels=10).generator), data, seed=0)
    assert latents.c.reshape(-1, latents.columns, 10)[:, 0].argmax(dim=1).sort().values.tolist() == list(range(10))


def test_vectors_are_shown_from_end_to_end(small_run, tmp_path):
    data = labelled(tmp_path, [[f"{i}.png", [i / 199]] for i in range(200)])
    latents = report.grid_latents(StyleGAN2Generator(small_run(labels=1).generator), data, seed=0)
    shown = latents.c.reshape(-1, latents.columns)[:, 0]
    assert (shown.max(), shown.min()) == (1, 0)
    assert shown.diff().abs().max() < 0.1


def labelled(folder, labels):
    for name, _ in labels:
        Image.new("RGB", (16, 16), (len(list(folder.iterdir())) % 256, 0, 0)).save(folder / name)
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return open_dataset(folder, labels=True)


def test_grids_are_pictures_of_the_generator(small_run):
    data = open_dataset("emoji-people", size=(16, 16))
    generator = StyleGAN2Generator(small_run().generator)
    latents = report.grid_latents(generator, data, seed=0)
    grid = report.sample_grid(generator, latents)
    assert grid.dtype == np.uint8
    assert grid.shape == (16 * (len(latents.z) // latents.columns), 16 * latents.columns, 3)


@pytest.mark.parametrize(("channels", "dtype"), [(2, np.uint8), (5, np.uint8), (5, np.uint16), (1, np.uint16)])
def test_grids_show_something_of_pictures_that_no_png_holds(small_run, tmp_path, channels, dtype):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.full((channels, 16, 16), np.iinfo(dtype).max, dtype))
    data = open_dataset(tmp_path)
    reals = report.real_grid(data, columns=2, rows=1, seed=0)
    generator = StyleGAN2Generator(small_run(channels=channels).generator)
    fakes = report.sample_grid(generator, report.grid_latents(generator, data, seed=0))
    shown = 1 if channels < 3 else 3
    assert (reals.shape, reals.dtype, reals.min()) == ((16, 32, shown), np.uint8, 255)
    assert (fakes.shape[2], fakes.dtype) == (shown, np.uint8)


def test_curves_are_drawn(tmp_path):
    losses = {"loss_G": 1.0, "loss_D": 2.0, "scores_real": 0.1, "scores_fake": -0.2}
    ticks = [{"kimg": k, "losses": losses | ({"R1": 0.1} if k % 2 else {})} for k in range(5)]
    report.draw_curves(ticks, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > picture.height > 200


def test_a_tick_is_a_line_and_all_its_numbers_are_tensorboards_scalars(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = report.Log(tmp_path / "log.jsonl", images=0)
    shares = {"4x4": 0.75, "8x8": 0.25}
    seen = {"guard": {"diversity": 1.5}, "shares": shares, "loading": 0.25}
    log.write(report.Tick(8, 0.008, 1.0, 2.0, {"loss_G": 0.5}, None, **seen))
    log.close()
    assert json.loads((tmp_path / "log.jsonl").read_text())["shares"] == shares
    events = accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    found = {name: events.Scalars(name)[0].value for name in events.Tags()["scalars"]}
    times = {"sec_per_kimg": 2.0, "loading": 0.25}
    assert found == {"loss_G": 0.5, "diversity": 1.5, "shares/4x4": 0.75, "shares/8x8": 0.25} | times
