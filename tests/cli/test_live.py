import io

import pytest
from rich.console import Console

from stylegans.cli.live import Clock, Goal, duration, guard_line, tick_line, watch
from stylegans.runs.report import Tick
from stylegans.runs.run import Finished, Saved, Stepped


def tick(**more):
    losses = {"loss_G": 0.8, "loss_D": 1.2} | more
    return Tick(images=12_000, kimg=12, seconds=60, sec_per_kimg=5.0, losses=losses, memory=900_000_000)


def test_a_tick_says_how_far_how_fast_how_good_how_long():
    line = tick_line(tick(r1_penalty=0.5), Goal(kimg=500))
    assert line == "kimg 12.0/500 · 5.0 s/kimg · loss G 0.80 D 1.20 · R1 0.500 · 41 min left · 0.9 GB"


def test_a_clock_ends_a_run_as_well():
    goal = Goal(seconds=300)
    assert goal.share(5, 75) == 0.25
    assert goal.left(5, 75, 1.0) == "4 min left"
    assert goal.count(12_000) == "kimg 12.0"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")]
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


def test_pace_is_known_after_the_first_batch():
    clock = Clock(images=100, seconds=50)
    assert clock.seconds() >= 50
    assert clock.pace(100) is None
    assert clock.pace(200) > 0


def test_watching_prints_ticks_and_saves_and_returns_the_end(tmp_path):
    text = io.StringIO()
    end = Finished("done", 16, 1.0)
    events = [Stepped(8), Stepped(16), tick(), Saved("snapshot", tmp_path / "s"), Saved("samples", tmp_path / "p"), end]
    assert watch(events, console=Console(file=text, width=200), goal=Goal(kimg=1)) == end
    assert "loss G 0.80" in text.getvalue()
    assert "snapshot" in text.getvalue()
    assert watch([], console=Console(file=text), goal=Goal(kimg=1)) is None


def test_what_the_guard_saw_is_a_line_of_its_own() -> None:
    seen = {"diversity": 0.523, "diversity_raw": 0.48, "nearest": 0.41, "distance": 253.7}
    assert guard_line(seen) == ("  guard: 52% as varied as the real pictures (raw 48%), nearest 0.41, distance 254")
    assert "distance" not in guard_line({"diversity": 1.0, "diversity_raw": 1.0})
