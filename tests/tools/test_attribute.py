import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import lpips
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.attribute import (
    Calibration,
    Conditions,
    auc,
    balanced_accuracy,
    best_threshold,
    calibrate,
    density,
    read_calibration,
    write_calibration,
)
from stylegans.tools.perceptual import Perceptual

CONDITIONS = Conditions(model="m", network="lpips_alexnet", steps=12)

distances = st.lists(st.floats(1e-6, 10), min_size=2, max_size=12)


class Noise:
    """Pictures that no model draws."""

    def __init__(self, channels: int = 3, count: int = 20) -> None:
        self.channels, self.count = channels, count
        self.xflip = False

    def __len__(self) -> int:
        return self.count

    def image(self, index: int) -> np.ndarray:
        shape = (self.channels, 32, 32)
        return np.random.default_rng(index).integers(0, 256, shape, dtype=np.uint8)

    def label(self, index: int) -> np.ndarray:
        return np.zeros(0, dtype=np.float32)


def test_the_auc_is_the_share_of_pairs_in_order() -> None:
    assert auc([1, 2], [3, 4]) == 1
    assert auc([3, 4], [1, 2]) == 0
    assert auc([1, 3], [2, 4]) == 0.75
    assert auc([1, 1], [1, 1]) == 0.5


@given(own=distances, real=distances)
def test_no_threshold_tells_better_than_the_best(own: list[float], real: list[float]) -> None:
    best = balanced_accuracy(own, real, best_threshold(own, real))
    values = sorted({*own, *real})
    between = [(a * b) ** 0.5 for a, b in pairwise(values)]
    assert best >= max((balanced_accuracy(own, real, each) for each in between), default=0.5) - 1e-9


def test_of_equally_good_thresholds_it_is_the_middle_of_the_widest_gap() -> None:
    assert best_threshold([0.001, 0.002], [0.2, 0.3]) == pytest.approx(0.02)


def test_a_density_sums_to_one_over_the_logarithm() -> None:
    logs = np.linspace(-12, 6, 4000)
    for values in ([0.01, 0.02, 0.03, 0.5], [0.1] * 5):
        assert np.trapezoid(density(values, np.exp(logs)), logs) == pytest.approx(1, abs=0.01)


def test_own_pictures_are_told_from_others(generator: StyleGAN2Generator) -> None:
    perceptual = Perceptual(lpips.load())
    conditions = Conditions(model="m", network=perceptual.name, steps=8, start="mean")
    *going, end = calibrate(generator, Noise(), perceptual, conditions, count=4, batch=4)
    assert all(step.calibration is None for step in going)
    assert [step.done for step in going] == sorted(step.done for step in going)
    assert end.done == end.total == 2 * 4 * 8
    assert end.calibration is not None
    assert (len(end.calibration.own), len(end.calibration.real)) == (4, 4)
    assert end.calibration.auc == end.calibration.accuracy == 1


def test_calibrations_that_cannot_be_are_refused(generator: StyleGAN2Generator) -> None:
    perceptual = Perceptual(lpips.load())
    for reals, count, complaint in (
        (Noise(), 3, "--calibrate: 3 pictures"),
        (Noise(count=2), 8, "--data: 2 real pictures"),
        (Noise(channels=1), 8, "--data: its pictures have 1 channels, the model's 3"),
    ):
        with pytest.raises(UserError, match=complaint):
            calibrate(generator, reals, perceptual, CONDITIONS, count=count)


def test_a_calibration_is_read_as_it_was_written_for_the_same_conditions_alone(tmp_path: Path) -> None:
    kept, path = Calibration(CONDITIONS, (0.1, 0.2, 0.1, 0.3), (1.0, 2.0, 1.5, 3.0)), tmp_path / "c.json"
    write_calibration(path, kept)
    assert read_calibration(path, CONDITIONS) == kept
    for other, complaint in (
        (Conditions("n", "lpips_alexnet", 12), "made with another model"),
        (Conditions("m", "lpips_vgg16", 12), "made with network lpips_alexnet, not lpips_vgg16"),
        (Conditions("m", "lpips_alexnet", 13), "made with steps 12, not 13"),
    ):
        with pytest.raises(UserError, match=complaint):
            read_calibration(path, other)


def test_what_is_no_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"--calibration: .*with --data it is made"):
        read_calibration(tmp_path / "none.json", CONDITIONS)
    for text in ("", "[]", "{}", json.dumps({"format": "stylegans-attribution", "own": [1]})):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(UserError, match="is no calibration"):
            read_calibration(tmp_path / "c.json", CONDITIONS)
