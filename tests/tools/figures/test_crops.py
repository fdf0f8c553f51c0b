import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.tools.figures.crops import busiest, detail_size


@pytest.mark.parametrize(
    ("size", "detail"), [((1024, 1024), (256, 256)), ((24, 40), (6, 10)), ((16, 16), (8, 8)), ((8, 8), (8, 8))]
)
def test_a_detail_is_a_share_of_the_picture_and_of_its_shape(size: tuple[int, int], detail: tuple[int, int]) -> None:
    assert detail_size(size) == detail


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_the_window_lies_in_the_picture_where_the_sum_is_largest(height: int, width: int, seed: int) -> None:
    strength = np.random.default_rng(seed).random((height, width))
    size = (max(height // 2, 1), max(width // 3, 1))
    top, left = busiest(strength, size)
    sums = [
        strength[y : y + size[0], x : x + size[1]].sum()
        for y in range(height - size[0] + 1)
        for x in range(width - size[1] + 1)
    ]
    assert strength[top : top + size[0], left : left + size[1]].sum() == pytest.approx(max(sums))


def test_where_all_is_equal_the_window_is_in_the_middle() -> None:
    assert busiest(np.zeros([8, 12]), (4, 4)) == (2, 4)
    assert busiest(np.full([8, 12], 0.1), (4, 4)) == (2, 4)
