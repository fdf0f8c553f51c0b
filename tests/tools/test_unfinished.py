from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.tools.unfinished import (
    LOCK,
    OPTIONS,
    differing,
    folder_beside,
    folder_inside,
    left,
    refuse_others,
    unfinished,
)

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60)
OPTION_SETS = st.dictionaries(st.text(min_size=1, max_size=8), VALUES | st.lists(VALUES, max_size=3), max_size=4)


def test_what_is_marked_is_done_for_whoever_continues(tmp_path: Path) -> None:
    folder, options = tmp_path / "new" / "work", {"--seeds": "0-9", "--layers": (1, 2)}
    with unfinished(folder, options) as work:
        assert work.done() == set()
        work.mark("a")
    with unfinished(folder, options) as work:
        assert work.done() == {"a"}
    assert left(folder) == {"--seeds": "0-9", "--layers": [1, 2]}


def test_finished_work_leaves_nothing_and_binds_no_one(tmp_path: Path) -> None:
    with unfinished(tmp_path / "work", {"a": 1}) as work:
        work.finish()
    assert not (tmp_path / "work").exists()
    refuse_others(tmp_path / "work", {"a": 2})


def test_a_removal_that_was_interrupted_is_rubbish(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with unfinished(folder, {"a": 1}) as work:
        work.mark("piece")
        (folder / "part").touch()
    (folder / OPTIONS).unlink()
    with unfinished(folder, {"a": 2}) as work:
        assert work.done() == set()
        assert not (folder / "part").exists()


def test_other_options_are_refused_by_the_first_that_differs_and_change_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with unfinished(folder, {"--seeds": "0-9", "--truncation": 1.0}) as work:
        work.mark("piece")
    with pytest.raises(UserError, match=r"with --truncation 1\.0, now 0\.7; finish it .* or remove .*work"):
        unfinished(folder, {"--seeds": "0-9", "--truncation": 0.7}).__enter__()
    with unfinished(folder, {"--seeds": "0-9", "--truncation": 1.0}) as work:
        assert work.done() == {"piece"}


def test_two_processes_do_not_do_the_same_work(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with unfinished(folder, {}), pytest.raises(UserError, match="another process is writing it"):
        unfinished(folder, {}).__enter__()
    with FileLock(folder / LOCK, timeout=0):
        pass  # and it is free again


def test_options_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / OPTIONS).write_text("{")
    with pytest.raises(UserError, match=r"options.json cannot be read .* to start anew"):
        left(tmp_path)


@given(options=OPTION_SETS)
def test_the_same_options_do_not_differ(options: dict[str, object]) -> None:
    assert differing(options, options) == ""


@given(options=OPTION_SETS, name=st.text(min_size=1, max_size=8), value=st.integers())
def test_a_changed_option_is_named(options: dict[str, object], name: str, value: int) -> None:
    changed = options | {name: value}
    if options.get(name) != value:
        assert differing(options, changed).startswith(f"{name} ")
        assert len(differing(options, changed)) < 120


def test_an_option_that_was_not_given_is_said_so() -> None:
    assert differing({"--class": None}, {"--class": 3}) == "--class not given, now 3"
    assert differing({"--old": 1}, {}) == "--old 1, now not given"


def test_the_work_is_hidden_beside_a_file_and_inside_a_folder() -> None:
    assert folder_beside(Path("a/b.zip")) == Path("a/.b.zip.unfinished")
    assert folder_inside(Path("a/b")) == Path("a/b/.unfinished")


def test_a_placed_file_is_whole_and_leaves_no_other(tmp_path: Path) -> None:
    with unfinished(tmp_path / "work", {}) as work:
        before = set(work.folder.iterdir())
        work.place(tmp_path / "file", b"content")
        assert set(work.folder.iterdir()) == before
    assert (tmp_path / "file").read_bytes() == b"content"
