import pytest

from stylegans.data.source_image import LazyImages, SourceImage, broken, extra, stream_of
from stylegans.errors import UserError


def lazy(length: int) -> tuple[LazyImages, list[int]]:
    made: list[int] = []

    def make(position: int) -> SourceImage:
        made.append(position)
        return SourceImage(str(position), broken("why"), None)

    return LazyImages(length, make), made


def test_pictures_are_made_when_they_are_asked_for() -> None:
    images, made = lazy(10**12)
    assert (len(images), made) == (10**12, [])
    assert images[5].name == "5"
    assert images[-1].name == str(10**12 - 1)
    assert made == [5, 10**12 - 1]


@pytest.mark.parametrize("index", [3, -4])
def test_a_position_outside_is_an_index_error(index: int) -> None:
    images, made = lazy(3)
    with pytest.raises(IndexError):
        images[index]
    assert made == []


def test_they_are_a_sequence() -> None:
    images, _ = lazy(3)
    assert [image.name for image in images] == ["0", "1", "2"]
    assert [image.name for image in images[::-1]] == ["2", "1", "0"]
    assert not lazy(0)[0]


def test_a_broken_picture_says_why() -> None:
    with pytest.raises(ValueError, match=r"^why$"):
        broken("why")()


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "is empty"), (b"", "is empty"), (b"12345", "5 bytes: too large")]
)
def test_streams_are_of_some_bytes_and_not_too_many(content: bytes | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        stream_of(content, largest=4)
    assert stream_of(b"1234", largest=4).read() == b"1234"


def test_a_missing_library_is_one_line_with_the_command() -> None:
    assert extra("json", what="x").loads("1") == 1
    with pytest.raises(UserError, match=r"^SRC: an LMDB needs a library .* pip install 'stylegans\[data\]'$"):
        extra("no_such_module_here", what="an LMDB")
