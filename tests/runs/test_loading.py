import time
from types import SimpleNamespace

import pytest
import torch

from stylegans.data.pipeline import Batch
from stylegans.runs import loading
from stylegans.runs.loading import Loading, advice

CPU = torch.device("cpu")


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(loading, "time", SimpleNamespace(monotonic=lambda: self.now))

    def stream(self, *waits):
        for wait in waits:
            self.now += wait
            yield Batch(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.zeros(4, 0))


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_only_the_time_until_a_batch_comes_is_waiting(clock):
    stream = Loading(clock.stream(1, 2, 3), a_pass=100, device=CPU)
    for _ in stream:
        clock.now += 6
    assert stream.share(clock.now) == pytest.approx(6 / 24)
    assert stream.share(10) == 0
    assert (stream.given, len(list(stream))) == (12, 0)


def test_batches_pass_unchanged():
    batches = [Batch(torch.full([2, 1, 2, 2], i, dtype=torch.uint8), torch.zeros(2, 0)) for i in range(3)]
    assert all(a is b for a, b in zip(Loading(batches, a_pass=9, device=CPU), batches, strict=True))


@pytest.mark.parametrize(("a_pass", "slow"), [(8, [False, False, True, True, False]), (10**6, [False] * 5)])
def test_waiting_counts_from_the_second_pass_on(clock, a_pass, slow):
    stream = Loading(clock.stream(3, 3, 3, 3, 1), a_pass=a_pass, device=CPU)
    found = []
    for _ in stream:
        clock.now += 7
        stream.share(10)
        found.append(stream.is_slow)
    assert found == slow


def test_the_first_pass_may_take_minutes_but_no_hours(clock):
    stream = Loading(clock.stream(*[100] * 6), a_pass=10**6, device=CPU)
    found = []
    for _ in stream:
        stream.share(100)
        found.append(stream.is_slow)
    assert found == [False, False, False, True, True, True]


@pytest.mark.parametrize("idle", [True, False])
def test_waiting_costs_a_gpu_nothing_while_it_has_work(clock, monkeypatch, idle):
    monkeypatch.setattr(loading, "idleness", lambda device: lambda: idle)
    stream = Loading(clock.stream(1, 1), a_pass=4, device=CPU)
    list(stream)
    assert stream.share(2) == (1 if idle else 0)


def test_a_cpu_is_always_idle_while_it_waits():
    assert loading.idleness(CPU)()


@pytest.mark.parametrize(
    ("workers", "cores", "expected"),
    [(0, 1, "--workers 1,"), (1, 8, "--workers 2,"), (3, 4, "--workers 4,"), (4, 4, ": let"), (9, 4, ": let")],
)
def test_advice_never_asks_for_more_than_the_cores(workers, cores, expected):
    line = advice(0.432, workers=workers, cores=cores)
    assert line.startswith("43% of the time")
    assert expected in line
    assert ("--workers" in line) is (workers < cores)
    assert "\n" not in line


def test_waiting_is_measured_by_the_clock():
    def slow():
        time.sleep(0.05)
        yield Batch(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.zeros(1, 0))

    stream = Loading(slow(), a_pass=1, device=CPU)
    list(stream)
    assert 0.05 <= stream.seconds < 5
