import pytest

from stylegans.data.words import printable, reason


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ünï cödé [x].png", "Ünï cödé [x].png"),
        ("two\nlines.png", r"two\nlines.png"),
        ("\x1b[2Jclears.png", r"\x1b[2Jclears.png"),
        ("not\udcffunicode.png", r"not\udcffunicode.png"),
        ("right\u202eleft.png", r"right\u202eleft.png"),
    ],
)
def test_a_name_is_shown_in_one_line_that_any_terminal_takes(name: str, shown: str) -> None:
    assert printable(name) == shown
    printable(name).encode()


def test_a_reason_is_one_line_without_a_path() -> None:
    assert reason(PermissionError(13, "Permission denied", "/secret/place.png")) == "Permission denied"
    assert reason(OSError("image file\nis truncated")) == "image file is truncated"
    assert reason(KeyError()) == "KeyError"
