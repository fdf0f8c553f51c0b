import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Growth
from stylegans.data.pipeline import Batch
from stylegans.presets import get
from stylegans.training import schedule
from stylegans.training.loop import train
from stylegans.training.setup import start


def scheduled(**options):
    """A run at 1024² with these options of the training."""
    run = get("stylegan-b")
    return replace(run, training=replace(run.training, **({"growth": None} | options)))


PUBLISHED = Growth(
    start=8, stable_kimg=600, fade_kimg=600, batch=((8, 256), (16, 128)), lr=((128, 0.0015), (1024, 0.003))
)


def test_without_growth_the_pyramid_is_whole():
    assert schedule.lod(scheduled(), 0) == 0
    assert schedule.resolution(scheduled(), 0) == 1024


@pytest.mark.parametrize(
    ("kimg", "lod"),
    [(0, 7), (600, 7), (900, 6.5), (1200, 6), (1800, 6), (2100, 5.5), (8399, 1 / 600), (8400, 0), (25000, 0)],
)
def test_the_published_schedule_holds_600_kimg_and_fades_600(kimg, lod):
    assert schedule.lod(scheduled(growth=PUBLISHED), kimg * 1000) == pytest.approx(lod)


@pytest.mark.parametrize(
    ("kimg", "resolution"), [(0, 8), (600, 8), (600.1, 16), (1200, 16), (1800.1, 32), (8399, 1024)]
)
def test_a_stage_has_the_resolution_that_fades_in(kimg, resolution):
    assert schedule.resolution(scheduled(growth=PUBLISHED), round(kimg * 1000)) == resolution


@pytest.mark.parametrize(("kimg", "batch"), [(0, 256), (601, 128), (1801, 32), (9000, 32)])
def test_a_stage_has_its_own_batch(kimg, batch):
    assert schedule.batch_size(scheduled(growth=PUBLISHED), kimg * 1000) == batch


def test_a_stage_has_its_own_learning_rate():
    run = scheduled(growth=PUBLISHED)
    rates = [schedule.learning_rate_factor(run, run.training.g_optimizer, kimg * 1000) for kimg in (0, 5000, 9000)]
    assert rates == pytest.approx([1, 1.5, 3])


@pytest.mark.parametrize(("start", "lod"), [(4, 8), (8, 7), (1, 8), (1024, 0), (4096, 0), (12, 6)])
def test_the_first_stage_is_the_nearest_there_is(start, lod):
    growth = Growth(start=start)
    assert schedule.first_lod(scheduled(growth=growth), growth) == lod


@given(st.integers(0, 10**7), st.integers(0, 10**5), st.floats(0, 2000), st.floats(0, 2000))
def test_growth_never_goes_back(images, more, stable, fade):
    run = scheduled(growth=Growth(stable_kimg=stable, fade_kimg=fade))
    assert 0 <= schedule.lod(run, images + more) <= schedule.lod(run, images) <= 7


@pytest.mark.parametrize(
    ("before", "now", "grew"), [(2, 2, False), (2, 1.9, True), (1.9, 1.1, False), (1.1, 1, True), (1.1, 0.9, True)]
)
def test_a_growth_step_is_where_a_fade_begins_or_ends(before, now, grew):
    assert schedule.grew(before, now) == grew


def test_rates_stay_unless_asked():
    run = scheduled()
    assert schedule.learning_rate_factor(run, run.training.g_optimizer, 10**9) == 1


@pytest.mark.parametrize(("images", "factor"), [(0, 1), (1000, 1), (2000, 0.5), (3000, 0), (9000, 0)])
def test_rates_fall_linearly_to_zero(images, factor):
    run = scheduled(anneal_from_kimg=1, anneal_to_kimg=3)
    assert schedule.learning_rate_factor(run, run.training.g_optimizer, images) == factor


def test_both_optimizers_follow(small_run):
    run = small_run(anneal_from_kimg=0.0, anneal_to_kimg=0.016)
    state, phases = start(run, device=torch.device("cpu"))
    full = state.g_optimizer.param_groups[0]["lr"]
    batch = Batch(torch.zeros(4, 3, 16, 16, dtype=torch.uint8), torch.zeros(4, 0))
    rates = []
    for _ in itertools.islice(train(state, itertools.repeat(batch), phases), 5):
        rates.append(state.g_optimizer.param_groups[0]["lr"] / full)
    assert rates == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert state.d_optimizer.param_groups[0]["lr"] == 0
