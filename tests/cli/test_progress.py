import pytest

from stylegans.cli.progress import progress, tracked


def test_tracked_things_are_the_same_and_nothing_is_drawn_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(tracked(iter("abc"), "drawing", 3)) == ["a", "b", "c"]
    with progress() as show:
        show("reading", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_bar_says_what_is_done_and_goes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with progress() as show:
        show("reading", 1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reading" in err
    assert "1/2" in err
    assert err.endswith("\x1b[2K")  # the line is erased


def test_things_are_counted_when_they_were_worked_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    things = tracked(iter("abc"), "drawing", 3)
    assert next(things) == "a"
    assert list(things) == ["b", "c"]
    assert "3/3" in capsys.readouterr().err
