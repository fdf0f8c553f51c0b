"""The command finds its verb, and whatever goes wrong becomes one line and an exit code."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from stylegans.cli import main as command
from stylegans.errors import MissingFile, RunFailed, UserError

Verb = Callable[[Callable[[list[str]], int]], None]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Registers a function as the verb ``probe``."""

    def register(run: Callable[[list[str]], int]) -> None:
        monkeypatch.setitem(sys.modules, "probe_module", SimpleNamespace(main=run))
        monkeypatch.setitem(command.VERBS, "probe", ("probe_module", "nothing"))

    return register


def raising(error: BaseException) -> Callable[[list[str]], int]:
    def run(argv: list[str]) -> int:
        raise error

    return run


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_names_every_verb(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(argv) == 0
    printed = capsys.readouterr()
    assert not printed.err
    for name, (_, line) in command.VERBS.items():
        assert f"  {name} " in printed.out
        assert line in printed.out


@pytest.mark.parametrize("name", command.VERBS)
def test_every_verb_has_a_module_with_a_main(name: str) -> None:
    assert callable(importlib.import_module(command.VERBS[name][0]).main)


@pytest.mark.parametrize("name", command.VERBS)
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([name, "--help"]) == 0
    printed = capsys.readouterr()
    assert f"stylegans {name}" in printed.out
    assert not printed.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"stylegans {version('stylegans')}\n"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("trian", "'trian' is not a verb; did you mean train?"),
        ("gen", "'gen' is not a verb; did you mean generate?"),
        ("--seeds", "--seeds: no such option before the verb; see stylegans --help"),
    ],
)
def test_an_unknown_verb_is_one_line(word: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([word]) == 2
    assert capsys.readouterr() == ("", f"stylegans: {line}\n")


def test_a_word_near_no_verb_brings_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["xyzzy"]) == 2
    assert "'xyzzy' is not a verb; the verbs are demo, data, plan, train" in capsys.readouterr().err


def test_the_verb_gets_the_words_after_it_and_its_answer_is_the_exit_code(verb: Verb) -> None:
    seen: list[str] = []

    def run(argv: list[str]) -> int:
        seen.extend(argv)
        return 1

    verb(run)
    assert command.main(["probe", "a", "--b"]) == 1
    assert seen == ["a", "--b"]


@pytest.mark.parametrize("error", [UserError("--size: too\n  small"), MissingFile("--size: too small")])
def test_what_the_user_can_put_right_is_one_line_and_code_2(
    error: UserError, verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raising(error))
    assert command.main(["probe"]) == 2
    assert capsys.readouterr() == ("", "stylegans: --size: too small\n")


def test_a_run_that_cannot_go_on_is_one_line_and_code_1(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(RunFailed("the disk is full")))
    assert command.main(["probe"]) == 1
    assert capsys.readouterr() == ("", "stylegans: the disk is full\n")


def test_our_bug_is_one_line_that_says_how_to_see_more_and_code_1(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raising(KeyError("generator")))
    assert command.main(["probe"]) == 1
    expected = "stylegans: KeyError: 'generator'; run again with --debug for the traceback\n"
    assert capsys.readouterr() == ("", expected)


@pytest.mark.parametrize("argv", [["--debug", "probe", "a"], ["probe", "--debug", "a"], ["probe", "a", "--debug"]])
@pytest.mark.parametrize(("error", "code"), [(UserError("bad"), 2), (KeyError("bug"), 1), (RunFailed("stop"), 1)])
def test_debug_anywhere_shows_the_traceback(
    argv: list[str], error: Exception, code: int, verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def run(words: list[str]) -> int:
        seen.extend(words)
        raise error

    verb(run)
    assert command.main(argv) == code
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    assert seen == ["a"]


def test_ctrl_c_is_quiet_and_code_130(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(KeyboardInterrupt()))
    assert command.main(["probe"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_goes_away_is_no_error_of_ours() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "stylegans", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait() == 141


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "stylegans", "xyzzy"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("stylegans: 'xyzzy' is not a verb")
