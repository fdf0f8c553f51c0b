import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.attribute import Calibration, Conditions
from stylegans.tools.latents import Latent, read_latent
from stylegans.tools.project import Step
from stylegans.tools.project_report import Descent, before_after, curve, frames, histogram, psnr, save_result
from stylegans.tools.tune import TuneStep


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def descents(channels: int, *, count: int = 2) -> tuple[torch.Tensor, Descent, Descent]:
    """Targets, a search of three steps and a tuning of one."""
    latent = Latent(torch.randn(count, 8, 16), space="w")
    projected, tuned = Descent(), Descent()
    for number in range(4):
        images = pictures(count, channels, 16, 24, seed=number)
        step = Step(number, 3, torch.full((count,), 0.5**number), images, latent)
        assert list(projected.follow([step])) == [step]
    for number in range(2):
        images = pictures(count, channels, 16, 24, seed=9)
        list(tuned.follow([TuneStep(number, 1, torch.full((count,), 0.01), images, {} if number else None)]))
    return pictures(count, channels, 16, 24, seed=9), projected, tuned


def test_the_psnr_is_of_pictures_as_files_hold_them() -> None:
    black = torch.full((1, 3, 8, 8), -1.0)
    assert psnr(black, black) == [float("inf")]
    assert psnr(black, -black) == [0.0]
    assert psnr(black + 2 / 255 * 10, black) == pytest.approx([20 * np.log10(255 / 10)])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_folder_holds_latent_pictures_and_distances(tmp_path: Path, channels: int) -> None:
    targets, projected, tuned = descents(channels)
    save_result(tmp_path, ["a,b.png", "c.png"], targets, projected, tuned)
    suffix = "npy" if channels == 2 else "png"
    pictures = {f"{stem}{number}.{suffix}" for stem in ("target", "projected", "tuned") for number in (0, 1)}
    figures = {"before_after.png", "distance.png"}
    assert {path.name for path in tmp_path.iterdir()} == pictures | figures | {"latent.safetensors", "distances.csv"}
    assert projected.latent is not None
    assert torch.equal(read_latent(tmp_path / "latent.safetensors").ws, projected.latent.ws)
    with (tmp_path / "distances.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["part", "step", "a,b.png", "c.png"]
    assert [row[:2] for row in rows] == [["project", str(n)] for n in range(4)] + [["tune", "0"], ["tune", "1"]]
    assert [float(row[2]) for row in rows] == [1, 0.5, 0.25, 0.125, 0.01, 0.01]
    for name in figures:
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 300


def captions(figure: Figure) -> list[tuple[str, str]]:
    return [(axes.get_title(), axes.get_xlabel()) for axes in figure.axes]


def test_the_figure_names_every_column_and_says_how_near_each_came() -> None:
    targets, projected, _ = descents(3, count=1)
    assert projected.first is not None
    figure = before_after(["a" * 40], {"target": targets, "start": projected.first}, {"start": [0.5]})
    (title, name), (start, below) = captions(figure)
    assert (title, name, start) == ("target", "a" * 23 + "…", "start")
    assert below.startswith("LPIPS 0.5000, ")
    assert below.endswith(" dB")


def test_the_curve_shows_where_the_tuning_begins() -> None:
    _, projected, tuned = descents(3)
    (axes,) = curve(["a", "b"], {"project": projected.distances, "tune": tuned.distances}).axes
    assert [text.get_text().strip() for text in axes.texts] == ["tuning"]
    (axes,) = curve(["a", "b"], {"project": projected.distances}).axes
    assert not axes.texts


def test_the_histogram_shows_both_kinds_the_threshold_and_the_pictures() -> None:
    calibration = Calibration(Conditions("m", "lpips_alexnet"), (0.01, 0.02, 0.015, 0.03), (0.2, 0.3, 0.5, 0.4))
    (axes,) = histogram(calibration, ["a.png"], [0.02]).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "generated (4)",
        "real (4)",
        f"threshold {calibration.threshold:.3g}",
        "a.png",
    ]
    assert axes.get_title() == "AUC 1.000, balanced accuracy 1.000"


def test_a_video_has_the_targets_above_and_the_first_and_last_step(generator: StyleGAN2Generator) -> None:
    targets = pictures(2, 3, 16, 24)
    latent = Latent(torch.zeros(2, 8, 16))
    steps = [Step(number, 1000, torch.zeros(2), targets, latent) for number in range(1001)]
    film = list(frames(steps, targets))
    assert 280 < len(film) <= 340
    top, bottom = np.split(np.delete(film[-1], np.s_[16 * 11 : 18 * 11], axis=0), 2)
    assert np.array_equal(top, bottom)
