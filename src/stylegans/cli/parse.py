"""From a command line to a frozen dataclass: tyro, with every refusal in one line.

A verb describes its options as a dataclass; the field's docstring is the option's help. ``tyro.conf.Positional[Path]``
makes an argument without a name, ``Annotated[int | None, tyro.conf.arg(name="class")]`` an option whose name is a word
of Python's. Options are spelled with hyphens; the fields of a nested dataclass with its name and a dot
(``--training.batch``).
"""

import contextlib
import difflib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import tyro
from tyro import _errors as tyro_errors  # tyro's only structured account of a refusal; its version is bounded for it

from stylegans.errors import UserError

T = TypeVar("T")

_ONE = {"INT": "a whole number", "FLOAT": "a number", "PATH": "a path", "STR": "a value"}
_MANY = {"INT": "whole numbers", "FLOAT": "numbers", "PATH": "paths", "STR": "values"}
_OPTION = re.compile(r"--[A-Za-z][\w.-]*")
_OPTION_IN_HELP = re.compile(r"^\W? ?(-{1,2}\w.*?)(?:  |$)", re.MULTILINE)  # two spaces part it from its description


def parse(
    cls: type[T], argv: Sequence[str], *, prog: str, default: T | None = None, description: str | None = None
) -> T:
    """The instance of the dataclass ``cls`` that ``argv`` describes.

    Args:
        cls: a dataclass; fields without a default are required.
        argv: the words after the verb.
        prog: the command as the help shows it, like ``stylegans train``.
        default: an instance whose values hold where ``argv`` says nothing. With one, an option that may be None
            takes the word ``None``; without, leaving it out is the only way to say so.
        description: the help's opening; the docstring of ``cls`` unless given.

    Raises:
        UserError: one line that names the option and what it takes.
        SystemExit: with code 0, after ``--help`` was printed to stdout.
    """
    return _refuse_in_one_line(
        lambda: tyro.cli(
            cls, args=argv, prog=prog, description=description, config=_markers(default), **_given(default)
        ),
        argv,
        lambda: _option_names(cls, prog, default),
    )


def parse_known(
    cls: type[T], argv: Sequence[str], *, prog: str, default: T | None = None, description: str | None = None
) -> tuple[T, list[str]]:
    """Like :func:`parse`, but the words that ``cls`` does not know come back, in their order, for another to parse."""
    return _refuse_in_one_line(
        lambda: tyro.cli(
            cls,
            args=argv,
            prog=prog,
            description=description,
            config=_markers(default),
            return_unknown_args=True,
            **_given(default),
        ),
        argv,
        lambda: _option_names(cls, prog, default),
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that ``word`` was probably meant to be: one it begins, one it ends, or one spelled alike.

    Leading hyphens do not count, and the part after a name's last dot stands for the name (``--bacth`` finds
    ``--training.batch``).
    """
    bare = word.lstrip("-").replace("_", "-")
    if not bare:
        return None
    short = {name: name.lstrip("-") for name in known}
    for name, text in short.items():
        if text.startswith(bare) or text.endswith(f".{bare}"):
            return name
    for names in (short, {name: text.rpartition(".")[2] for name, text in short.items()}):
        alike = difflib.get_close_matches(bare, names.values(), n=1, cutoff=0.6)
        if alike:
            return next(name for name, text in names.items() if text == alike[0])
    return None


def _markers(default: object | None) -> tuple[Any, ...]:
    names = (tyro.conf.PositionalMetavarFromFieldName, tyro.conf.AvoidSubcommands)  # a union is what its default is
    return names if default is not None else (*names, tyro.conf.DisallowNone)


def _given(default: object | None) -> dict[str, Any]:
    return {} if default is None else {"default": default}


def _refuse_in_one_line(call: Callable[[], Any], argv: Sequence[str], options: Callable[[], list[str]]) -> Any:
    def refuse(event: tyro_errors.ParseErrorEvent) -> None:
        line = _explain(event, argv, options)
        if line is not None:
            raise UserError(line)

    complaint = io.StringIO()
    try:
        with tyro_errors.on_parse_error(refuse), contextlib.redirect_stderr(complaint):
            return call()
    except UserError as error:
        raise UserError(str(error)) from None
    except SystemExit as stop:
        if not stop.code:
            raise
        # A kind of refusal that this file does not know: tyro's own words, its frame taken off.
        raise UserError(" ".join(re.sub(r"[─│╭╮╰╯|+]", " ", complaint.getvalue()).split())) from None


def _explain(event: tyro_errors.ParseErrorEvent, argv: Sequence[str], options: Callable[[], list[str]]) -> str | None:
    more = f"see {event.prog} --help"
    if isinstance(event, tyro_errors.UnrecognizedArgs):
        return _unknown(event.tokens, options(), more)
    if isinstance(event, tyro_errors.MissingArgs):
        names = [_name(missing.arg) for missing in event.missing_arguments]
        for token in filter(_is_option, event.unrecognized_tokens):  # misspelled, or another parser's
            meant = nearest(token.partition("=")[0], options())
            if meant in names:
                return _unknown([token], names, more)
        return f"{', '.join(names)}: missing; {more}"
    if isinstance(event, tyro_errors.InvalidChoice):
        return f"{_name(event.argument)}: '{event.value}' is not {_accepted(event.argument)}"
    if isinstance(event, tyro_errors.BadValue) and event.reason == "too_few_values":
        if not event.argument.is_positional():
            return f"{_name(event.argument)}: needs {_accepted(event.argument)}"
        known = options()  # an unknown option where the argument should stand is the likelier slip
        strange = [word for word in argv if _is_option(word) and word.partition("=")[0] not in known]
        return _unknown(strange, known, more) if strange else f"{_name(event.argument)}: missing; {more}"
    if isinstance(event, tyro_errors.InstantiationFailure):
        if event.argument is None:
            return event.message
        name, value = _name(event.argument), _value(argv, event.argument)
        if event.message.startswith(f"{name}:"):
            return event.message
        if value is None:
            return f"{name}: {event.message.splitlines()[0]}"
        return f"{name}: '{value}' is not {_accepted(event.argument)}"
    return None


def _unknown(tokens: Sequence[str], options: Sequence[str], more: str) -> str:
    token = next((token for token in tokens if _is_option(token)), tokens[0])
    name = token.partition("=")[0]
    if not _is_option(token):
        return f"'{token}': not expected here; {more}"
    meant = nearest(name, options)
    return f"{name}: no such option; " + (f"did you mean {meant}?" if meant else more)


def _is_option(token: str) -> bool:
    return token.startswith("-") and token.lstrip("-")[:1].isalpha()


def _name(argument: Any) -> str:
    return str(argument.lowered.metavar if argument.is_positional() else argument.lowered.name_or_flags[0])


def _accepted(argument: Any) -> str:
    """What the option takes, in words, from its place holder in the help ('INT INT' → '2 whole numbers')."""
    metavar = str(argument.lowered.metavar)
    if metavar.startswith("{") and "|" not in metavar:
        return "one of " + metavar.strip("{}").replace(",", ", ")
    kinds = re.findall(r"\w[\w.-]*", metavar)
    if len(kinds) > 1 and len(set(kinds)) == 1 and "|" not in metavar:
        return ("" if "..." in metavar else f"{len(kinds)} ") + _MANY.get(kinds[0], kinds[0])
    words = [_ONE.get(kind, kind) for kind in dict.fromkeys(kinds) if kind != "None"]
    return " or ".join([*words, "None"] if "None" in kinds else words)


def _value(argv: Sequence[str], argument: Any) -> str | None:
    """What ``argv`` gives to the option, joined by spaces; None for an argument without a name."""
    if argument.is_positional():
        return None
    found = None
    for position, token in enumerate(argv):
        name, equals, value = token.partition("=")
        if name.replace("_", "-") not in argument.lowered.name_or_flags:
            continue
        rest = [value] if equals else argv[position + 1 :]
        end = next((i for i, word in enumerate(rest) if _is_option(word) and not equals), len(rest))
        count = argument.lowered.nargs
        found = " ".join(rest[: min(end, count) if isinstance(count, int) else end])
    return found


def _option_names(cls: type[Any], prog: str, default: object | None) -> list[str]:
    """Every option of ``cls``, read off its help: tyro has no public list of them."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page), contextlib.suppress(SystemExit):
        tyro.cli(cls, args=["--help"], prog=prog, config=_markers(default), **_given(default))
    return [name for line in _OPTION_IN_HELP.findall(page.getvalue()) for name in _OPTION.findall(line)]
