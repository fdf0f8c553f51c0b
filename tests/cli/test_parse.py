"""Options become dataclasses; every refusal is one line that names the option and what it takes."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro
from hypothesis import given
from hypothesis import strategies as st

from stylegans.cli.parse import nearest, parse, parse_known
from stylegans.errors import UserError


@dataclass(frozen=True)
class Options:
    """Pictures from seeds."""

    model: tyro.conf.Positional[Path]
    """a model"""
    seeds: str = "0-15"
    """which latents; not to be confused with --nothing"""
    class_index: Annotated[int | None, tyro.conf.arg(name="class")] = None
    """which class"""
    from_: Annotated[str | None, tyro.conf.arg(name="from")] = None
    noise: Literal["const", "random", "none"] = "const"
    depth: Literal[8, 16] | None = None
    truncation: float = 1.0
    truncation_layers: int | None = None
    grid: tuple[int, int] = (1, 1)
    metrics: tuple[str, ...] = ()
    flip: bool = False

    def __post_init__(self) -> None:
        if self.truncation_layers == 13:
            raise UserError("--truncation-layers: 13 is unlucky; choose another")


@dataclass(frozen=True)
class Training:
    batch: int = 32
    rampup: float | None = 0.05


@dataclass(frozen=True)
class Config:
    """A run."""

    training: Training = field(default_factory=Training)
    taps: tuple[float, ...] = (1, 3, 3, 1)
    mirror: bool = False


@dataclass(frozen=True)
class Required:
    """A grid."""

    rows: str
    cols: str = "1"


def options(line: str) -> Options:
    return parse(Options, line.split(), prog="stylegans generate")


def config(line: str) -> Config:
    return parse(Config, line.split(), prog="stylegans train", default=Config(training=Training(batch=8)))


def test_options_fill_the_dataclass() -> None:
    line = "m.pt --seeds 1,2 --class 3 --from a --noise none --depth 16 --truncation -1 --grid 2 3 --metrics a b --flip"
    assert options(line) == Options(
        model=Path("m.pt"),
        seeds="1,2",
        class_index=3,
        from_="a",
        noise="none",
        depth=16,
        truncation=-1,
        grid=(2, 3),
        metrics=("a", "b"),
        flip=True,
    )


def test_an_option_may_stand_before_the_argument_and_carry_its_value_with_an_equals_sign() -> None:
    assert options("--truncation=0.7 m") == Options(model=Path("m"), truncation=0.7)


@given(st.integers())
def test_every_whole_number_survives(number: int) -> None:
    assert options(f"m --class {number}").class_index == number


@given(st.floats(allow_nan=False))
def test_every_number_survives(number: float) -> None:
    assert options(f"m --truncation {number!r}").truncation == number


def test_a_default_holds_where_nothing_is_said() -> None:
    assert config("--mirror") == Config(training=Training(batch=8), mirror=True)
    assert config("--training.batch 4 --taps 1 2 1") == Config(training=Training(batch=4), taps=(1, 2, 1))


def test_with_a_default_an_option_can_be_set_to_none() -> None:
    assert config("--training.rampup None") == Config(training=Training(batch=8, rampup=None))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "MODEL: missing; see stylegans generate --help"),
        ("--", "MODEL: missing; see stylegans generate --help"),
        ("m n", "'n': not expected here; see stylegans generate --help"),
        ("m --flip yes", "'yes': not expected here; see stylegans generate --help"),
        ("m --sede 3", "--sede: no such option; did you mean --seeds?"),
        ("m --sede=3", "--sede: no such option; did you mean --seeds?"),
        ("--sede 3 m", "--sede: no such option; did you mean --seeds?"),
        ("m --trunc 1", "--trunc: no such option; did you mean --truncation?"),
        ("m --class-index 3", "--class-index: no such option; did you mean --class?"),
        ("m --from_ x", "--from_: no such option; did you mean --from?"),
        ("m --nothing", "--nothing: no such option; see stylegans generate --help"),
        ("m -z", "-z: no such option; see stylegans generate --help"),
        ("m --class", "--class: needs a whole number"),
        ("m --class x", "--class: 'x' is not a whole number"),
        ("m --class=2.5", "--class: '2.5' is not a whole number"),
        ("m --class None", "--class: 'None' is not a whole number"),
        ("m --noise", "--noise: needs one of const, random, none"),
        ("m --noise loud", "--noise: 'loud' is not one of const, random, none"),
        ("m --depth 9", "--depth: '9' is not one of 8, 16"),
        ("m --seeds --flip", "--seeds: needs a value"),
        ("m --truncation x --flip", "--truncation: 'x' is not a number"),
        ("m --truncation --flip", "--truncation: needs a number"),
        ("m --grid 2", "--grid: needs 2 whole numbers"),
        ("m --grid 2 x", "--grid: '2 x' is not 2 whole numbers"),
        ("m --grid 2 3 4", "'4': not expected here; see stylegans generate --help"),
        ("m --truncation-layers 13", "--truncation-layers: 13 is unlucky; choose another"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_option(line: str, message: str) -> None:
    with pytest.raises(UserError) as refusal:
        options(line)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--bacth 3", "--bacth: no such option; did you mean --training.batch?"),
        ("--batch 3", "--batch: no such option; did you mean --training.batch?"),
        ("--training.bach 3", "--training.bach: no such option; did you mean --training.batch?"),
        ("--training.rampup x", "--training.rampup: 'x' is not a number or None"),
        ("--taps 1 x", "--taps: '1 x' is not numbers"),
    ],
)
def test_a_nested_option_is_refused_by_its_full_name(line: str, message: str) -> None:
    with pytest.raises(UserError) as refusal:
        config(line)
    assert str(refusal.value) == message


def test_a_required_option_that_is_missing_is_named() -> None:
    with pytest.raises(UserError, match=r"^--rows: missing; see stylegans mix --help$"):
        parse(Required, [], prog="stylegans mix")


@given(st.lists(st.text(max_size=8), max_size=5))
def test_no_words_whatever_bring_more_than_one_line(words: list[str]) -> None:
    try:
        parse(Required, words, prog="stylegans mix")
    except UserError as refusal:
        assert str(refusal)  # noqa: PT017 - most words are refused, a few are not
    except SystemExit as stop:
        assert not stop.code  # noqa: PT017 - "-h"


def test_help_goes_to_stdout_with_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        options("--help")
    printed = capsys.readouterr()
    assert stop.value.code == 0
    assert not printed.err
    for expected in ("stylegans generate", "MODEL", "--class INT", "--truncation-layers", "which latents"):
        assert expected in printed.out


def test_a_description_opens_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(Required, ["--help"], prog="stylegans mix", description="Something else.")
    assert "Something else." in capsys.readouterr().out


def test_a_refusal_prints_nothing_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError):
        options("m --sede 3")
    assert capsys.readouterr() == ("", "")


def test_unknown_words_come_back_in_order() -> None:
    known, rest = parse_known(Required, ["--kimg", "3", "--rows", "1", "--more"], prog="stylegans mix")
    assert known == Required(rows="1")
    assert rest == ["--kimg", "3", "--more"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--more", "--rosw", "1"], "--rosw: no such option; did you mean --rows?"),
        (["--more", "3"], "--rows: missing; see stylegans mix --help"),
    ],
)
def test_a_missing_option_is_missing_or_misspelled_whatever_else_is_unknown(argv: list[str], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse_known(Required, argv, prog="stylegans mix")
    assert str(refusal.value) == message


def test_known_words_are_checked_even_when_unknown_ones_are_allowed() -> None:
    with pytest.raises(UserError, match=r"^--training\.batch: 'x' is not a whole number$"):
        parse_known(Config, ["--training.batch", "x", "--more"], prog="stylegans train")


def test_parsing_its_own_result_again_changes_nothing() -> None:
    first = config("--training.batch 4")
    assert parse(Config, [], prog="stylegans train", default=first) == first
    assert parse(Config, [], prog="stylegans train", default=replace(first, mirror=True)).mirror


@pytest.mark.parametrize(
    ("word", "found"),
    [("--gen", "generate"), ("trian", "train"), ("walks", "walk"), ("xyzzy", None), ("", None), ("--", None)],
)
def test_nearest_is_what_was_probably_meant(word: str, found: str | None) -> None:
    assert nearest(word, ["generate", "train", "walk"]) == found
