import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from stylegans.config import Run
from stylegans.config.adjust import with_augment, with_size
from stylegans.data.pipeline import Batch
from stylegans.tools import trial as tool
from stylegans.tools.trial import DoesNotFit, divisions, noise, timed, trial, work
from stylegans.training.phases import Phase
from stylegans.training.setup import start
from stylegans.training.state import State

CPU = torch.device("cpu")
GIB = 1 << 30


def test_a_trial_trains_real_batches_and_finds_time_and_memory(small_run: Callable[..., Run]) -> None:
    found = trial(small_run(), device=CPU, seconds=0.2)
    assert found.size == (16, 16)
    assert found.batch == found.pictures == 4
    assert found.seconds_per_kimg > 0
    assert found.memory is None or found.memory > 50 << 20
    assert found.accumulate == 1
    assert found.is_memory_measured


@pytest.mark.parametrize("channels", [1, 4, 5])
def test_labels_channels_and_rectangles_are_tried_as_they_will_be_trained(
    small_run: Callable[..., Run], channels: int
) -> None:
    config = with_augment(small_run(size=(12, 16), channels=channels, labels=3), mode="ada", pipe="bg")
    assert trial(config, device=CPU, pictures=2, seconds=0.1).pictures == 2
    batch = noise(config)
    assert batch.images.shape == (4, channels, 12, 16)
    assert batch.labels.tolist() == [[1, 0, 0]] * 4


def test_lazy_terms_count_as_often_as_they_come(small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense 10 s, path length 3 s on every 2nd batch, R1 5 s on every 4th, 1 s of each beside the steps."""

    def clock(state: State, phases: list[Phase], batch: Batch, *, seconds: float) -> float:
        costs = {"loss_G": 4, "loss_D": 5, "path_length": 2, "R1": 4}
        return 1 + sum(costs[term.name] for phase in phases for term in phase.terms)

    monkeypatch.setattr(tool, "timed", clock)
    found = trial(small_run(pl_interval=2, r1_interval=4), device=CPU)
    assert found.seconds_per_kimg == pytest.approx((10 + 2 / 2 + 4 / 4) / 4 * 1000)


def test_a_timed_batch_is_one_step_of_the_phases_given_and_no_other(small_run: Callable[..., Run]) -> None:
    state, phases = start(small_run(), device=CPU)
    before = [parameter.clone() for parameter in state.generator.parameters()]
    (r1,) = [phase for phase in phases if phase.terms[0].name == "R1"]
    began = time.perf_counter()
    assert 0 < timed(state, [r1], noise(small_run()), seconds=0) <= time.perf_counter() - began
    assert all(map(torch.equal, before, state.generator.parameters()))
    assert state.images == 4


@pytest.mark.parametrize(("free", "parts"), [(100, 1), (7.6, 1), (7.4, 2), (5.1, 2), (4.9, 4)])
def test_the_fewest_parts_that_fit_are_chosen_and_a_fifth_of_the_memory_left(
    small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, free: float, parts: int
) -> None:
    """2 GiB that do not depend on the batch and 1 GiB a picture: a batch of 4 needs 6, in two parts 4, in four 3."""
    config = small_run()
    config = replace(config, discriminator=replace(config.discriminator, mbstd_group=1))
    monkeypatch.setattr(tool, "_measure", lambda config, **_: tool._Cost(1.0, peak=4 * GIB, fixed=2 * GIB))
    monkeypatch.setattr(tool, "free_memory", lambda device: int(free * GIB))
    found = trial(config, device=CPU, pictures=2)
    assert found.accumulate == parts
    assert found.memory == (2 + 4 // parts) * GIB
    assert found.memory <= tool.ROOM * free * GIB
    assert found.is_memory_measured is (parts == 2)
    assert found.seconds_per_kimg == 500


def test_too_little_memory_for_any_part_is_said(small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "free_memory", lambda device: 1 << 20)
    with pytest.raises(DoesNotFit, match="does not fit"):
        trial(small_run(), device=CPU, seconds=0.1)


def test_on_a_gpu_parts_are_tried_until_they_fit(
    small_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_run(batch=8)
    config = replace(config, discriminator=replace(config.discriminator, mbstd_group=2))

    def measure(config: Run, **_: object) -> tool._Cost:
        if config.training.accumulate < 4:
            raise torch.OutOfMemoryError
        return tool._Cost(1.0, peak=GIB, fixed=0)

    monkeypatch.setattr(tool, "_measure", measure)
    found = trial(config, device=torch.device("cuda"))
    assert found.accumulate == 4
    assert divisions(config) == [1, 2, 4]


def test_larger_and_wider_networks_are_more_work(small_run: Callable[..., Run]) -> None:
    sizes = [work(with_size(small_run(), (side, side))) for side in (16, 32, 64)]
    assert sizes == sorted(sizes)
    wide = small_run()
    assert work(replace(wide, generator=replace(wide.generator, channel_base=256))) > work(wide)
