import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config.sizes import is_good
from stylegans.data.sizing import build_command, centre_crop, default_size, mend_command, same_aspect

SIDES = st.integers(1, 5000)
SIZES = st.tuples(SIDES, SIDES)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(300, 400), (600, 500), (1000, 1000)], 256),  # the median shorter side is 500
        ([(1024, 1024)] * 3, 1024),
        ([(96, 96)] * 3, 96),
        ([(28, 28)] * 3, 28),
        ([(500, 500)] * 3, 256),
        ([(100, 64)] * 3, 64),
        ([(5, 9), (5, 9)], 5),
        ([(1, 1)], 3),
    ],
)
def test_the_default_size(sizes: list[tuple[int, int]], expected: int) -> None:
    assert default_size(sizes) == (expected, expected)


@given(st.lists(SIZES, min_size=1, max_size=9))
def test_the_default_size_is_a_good_square(sizes: list[tuple[int, int]]) -> None:
    height, width = default_size(sizes)
    assert height == width
    assert is_good((height, width))


@given(SIZES, st.tuples(st.integers(3, 2000), st.integers(3, 2000)))
def test_a_centre_crop_lies_inside_touches_two_sides_and_is_centred(
    size: tuple[int, int], aspect: tuple[int, int]
) -> None:
    left, top, right, bottom = centre_crop(size, aspect)
    assert 0 <= left < right <= size[1]
    assert 0 <= top < bottom <= size[0]
    assert (right - left == size[1]) or (bottom - top == size[0])
    assert abs(left - (size[1] - right)) <= 1
    assert abs(top - (size[0] - bottom)) <= 1


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((200, 400), True),
        ((100, 202), True),
        ((100, 203), False),
        ((100, 198), True),
        ((100, 197), False),
        ((200, 100), False),
    ],
)
def test_shapes_within_one_percent_are_the_same(other: tuple[int, int], same: bool) -> None:
    assert same_aspect((100, 200), other) is same


def test_the_mending_command_survives_a_shell() -> None:
    words = shlex.split(mend_command("my photos/it's", [(300, 300), (400, 270)]))
    assert words == ["stylegans", "data", "build", "my photos/it's", "my photos/it's-256.zip", "--size", "256"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("data/cifar-10-python.tar.gz", "data/cifar-10-python.zip"),
        ("mnist", "mnist.zip"),
        ("hf://user/cats:train", "cats.zip"),
        (".", "pictures.zip"),
    ],
)
def test_a_source_becomes_a_zip_of_its_name(source: str, target: str) -> None:
    assert build_command(source) == f"stylegans data build {source} {target}"
