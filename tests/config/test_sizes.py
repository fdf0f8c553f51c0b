import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import sizes
from stylegans.errors import UserError


@pytest.mark.parametrize(
    ("size", "base"),
    [((256, 256), (4, 4)), ((384, 640), (3, 5)), ((96, 96), (3, 3)), ((28, 28), (7, 7)), ((1024, 1024), (4, 4))],
)
def test_bases_of_the_design(size, base):
    assert sizes.base_grid(size) == base


def test_a_size_without_a_small_base_is_refused_with_the_two_nearest():
    with pytest.raises(UserError, match=r"--size: 100x100 .* 96x96 or 104x104"):
        sizes.base_grid((100, 100))


@given(st.tuples(st.integers(3, 300), st.integers(3, 300)))
def test_the_base_doubles_back_to_the_size_and_suggestions_are_good(size):
    if sizes.is_good(size):
        base = sizes.base_grid(size)
        assert max(base) <= 16
        steps = sizes.levels(base, size) - 1
        assert (base[0] << steps, base[1] << steps) == size
    else:
        smaller, larger = sizes.nearest_good(size)
        assert sizes.is_good(larger)
        assert smaller is None or sizes.is_good(smaller)


def test_channels_are_the_published_ones_from_four_by_four():
    widths = [sizes.channels((4, 4), level, channel_base=32768, channel_max=512) for level in range(9)]
    assert widths == [512, 512, 512, 512, 512, 256, 128, 64, 32]


@pytest.mark.parametrize(("text", "size"), [("256", (256, 256)), ("640x384", (384, 640)), ("640X384", (384, 640))])
def test_sizes_are_written_width_first(text, size):
    assert sizes.parse_size(text) == size
    assert sizes.parse_size(sizes.format_size(size)) == size


@pytest.mark.parametrize("text", ["", "x", "3x", "1x2x3", "0", "-4", "4.5"])
def test_nonsense_is_refused(text):
    with pytest.raises(UserError, match="--size"):
        sizes.parse_size(text)


def test_a_resolution_that_is_not_doubled_from_its_base_is_refused():
    with pytest.raises(UserError, match="doubled"):
        sizes.levels((4, 4), (24, 24))
