"""The metrics order degraded pictures rightly, as ``benchmarks/degradations.py`` measures it on more of them."""

import importlib.util
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stylegans.metrics.features import mobilenet

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "degradations.py"


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """The script as a module, with fewer pairs."""
    spec = importlib.util.spec_from_file_location("degradations_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    module.PAIRS = 100
    yield module
    del sys.modules[spec.name]


def test_of_sixty_emoji_noise_and_blur_cost_precision_and_few_pictures_cost_recall(benchmark: ModuleType) -> None:
    network = mobilenet.load()
    real, other, kinds = benchmark.emoji(60)
    reals, others = benchmark.look(real, network), benchmark.look(other, network)
    floor = benchmark.compare(reals, others)
    noise = [benchmark.compare(reals, benchmark.look(benchmark.noisy(other, sigma), network)) for sigma in (16, 64)]
    blur = benchmark.compare(reals, benchmark.look(benchmark.blurred(other, 2), network))
    few = benchmark.compare(reals, others.only(benchmark.kept(kinds, 10)))
    for name in benchmark.DISTANCES:
        assert floor[name] < noise[0][name] < noise[1][name]
        assert floor[name] < blur[name]
        assert floor[name] < few[name]
    assert noise[1]["precision"] < 0.5 * floor["precision"]
    assert noise[1]["density"] < 0.5 * floor["density"]
    assert few["recall"] < 0.3 * floor["recall"]
    assert few["coverage"] < 0.5 * floor["coverage"]
    assert few["precision"] > 0.7 * floor["precision"]
    assert few["ms_ssim"] > floor["ms_ssim"]


@pytest.mark.parametrize("name", ["blur", "noise", "jpeg", "square"])
def test_the_sliced_wasserstein_distance_rises_with_every_degradation(benchmark: ModuleType, name: str) -> None:
    real, other, _ = benchmark.emoji(40)
    change, strengths = benchmark.DEGRADATIONS[name]
    values = [benchmark.compare_pixels(real, x)["swd"] for x in (other, *(change(other, s) for s in strengths))]
    assert all(a < b for a, b in pairwise(values))


def test_the_finest_level_sees_noise_most_of_all(benchmark: ModuleType) -> None:
    real, other, _ = benchmark.emoji(40)
    floor, noisy = (benchmark.compare_pixels(real, x) for x in (other, benchmark.noisy(other, 16)))
    assert noisy["swd_32"] - floor["swd_32"] > 2 * (noisy["swd_16"] - floor["swd_16"])


def test_degradations_do_what_they_say(benchmark: ModuleType) -> None:
    images, _, kinds = benchmark.emoji(20)
    for name, (change, strengths) in benchmark.DEGRADATIONS.items():
        errors = [np.abs(change(images, s).numpy().astype(float) - images.numpy()).mean() for s in strengths]
        assert errors[0] > 0, name
        assert errors == sorted(errors), name
    assert list(benchmark.kept(kinds, 10)) == [0, 1] * 10
    assert list(benchmark.kept(np.array([3, 1, 0, 1]), 2)) == [2, 2, 2, 2]


@pytest.mark.long
def test_statements_hold_on_more_emoji(benchmark: ModuleType) -> None:
    found = benchmark.statements(benchmark.curves(*benchmark.emoji(150), mobilenet.load()))
    assert [statement for statement, holds in found.items() if not holds] == []
