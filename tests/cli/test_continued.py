from pathlib import Path

import pytest

from stylegans.cli import continued as module
from stylegans.cli.continued import Count, bar, continued, counted, left, with_progress
from stylegans.errors import MissingFile, RunFailed


def test_a_count_is_said_in_words() -> None:
    count = Count(20, "frame")
    count.done = 3
    assert str(count) == "3 of 20 frames"
    assert (counted(1), counted(0), counted(2)) == ("1 picture", "0 pictures", "2 pictures")


def test_ctrl_c_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (False, True):
        with pytest.raises(SystemExit) as ended, continued(Path("out"), Count(9, "picture"), quiet=quiet):
            raise KeyboardInterrupt
        assert ended.value.code == 130
    assert capsys.readouterr().err == "stylegans: stopped at 0 of 9 pictures; the same command continues\n"


def test_what_the_disk_refuses_is_a_failure_and_what_the_user_got_wrong_is_not() -> None:
    count = Count(9, "picture")
    with (
        pytest.raises(RunFailed, match=r"out cannot be written \(Disk full\) at 0 of 9"),
        continued(Path("out"), count),
    ):
        raise OSError(28, "Disk full")
    with pytest.raises(MissingFile, match="gone"), continued(Path("out"), count):
        raise MissingFile("gone")


def test_progress_counts_and_without_a_terminal_says_so_each_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", -1)
    count = Count(4, "picture")
    with_progress([1, 2], count)
    assert count.done == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["1 of 4 pictures", "2 of 4 pictures"]
    assert lines[0].endswith(" left")
    with bar(count, quiet=True) as show:
        show(3)
    assert (count.done, capsys.readouterr().err) == (3, "")


def test_the_time_left_is_hours_minutes_and_seconds() -> None:
    assert left(5025, 1) == "1:23:45"
    assert left(10, 0) == "an unknown time"
