import pytest

from stylegans.cli.verbs import run_verb
from stylegans.errors import UserError

VERBS = {"look": lambda words: len(words), "leap": lambda words: 7}


def test_the_first_word_chooses_and_the_rest_is_the_verbs() -> None:
    assert run_verb("do", ["look", "a", "b"], VERBS, help_text="") == 2
    assert run_verb("do", ["leap"], VERBS, help_text="") == 7


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_without_a_verb_help_is_printed(words, capsys) -> None:
    assert run_verb("do", words, VERBS, help_text="how to do") == 0
    assert capsys.readouterr().out == "how to do\n"


def test_another_word_is_refused_with_the_verbs() -> None:
    with pytest.raises(UserError, match="do: 'lok' is not one of look, leap"):
        run_verb("do", ["lok"], VERBS, help_text="")
