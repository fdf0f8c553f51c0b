import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.metrics.collectors import Features, Pairs, Patches, below
from stylegans.metrics.sliced_wasserstein import swd


def images(count: int, size: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Means:
    name, dim = "means", 3

    def __call__(self, images):
        return images.float().mean(dim=(2, 3))


def batches(whole, batch, owner):
    """The pieces of the work that fall to ``owner`` (rank, count)."""
    rank, count = owner
    for piece, start in enumerate(range(0, len(whole), batch)):
        if piece % count == rank:
            yield range(start, min(start + batch, len(whole))), whole[start : start + batch]


def collected(make, whole, batch, count):
    collectors = [make() for _ in range(count)]
    for rank, collector in enumerate(collectors):
        for numbers, some in batches(whole, batch, (rank, count)):
            collector.update(numbers, some)
    return collectors[0].join([collector.share() for collector in collectors])


@given(batch=st.integers(1, 8), count=st.integers(1, 3), num=st.integers(3, 14))
def test_features_are_those_of_the_first_pictures_in_order_whoever_saw_them(batch, count, num):
    whole = images(11)
    got = collected(lambda: Features(Means(), num), whole, batch, count)
    np.testing.assert_allclose(got, whole[:num].float().mean(dim=(2, 3)))


@given(batch=st.sampled_from([2, 4, 10]), count=st.integers(1, 2), num=st.integers(4, 14))
def test_pairs_are_of_neighbours_and_none_is_torn(batch, count, num):
    whole = images(11)
    got = collected(lambda: Pairs(lambda a, b: (a.float() - b.float()).mean(dim=(1, 2, 3)), num), whole, batch, count)
    even = min(num, 11) // 2 * 2
    expected = (whole[0:even:2].float() - whole[1:even:2].float()).mean(dim=(1, 2, 3))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_a_batch_that_begins_in_the_middle_of_a_pair_is_refused():
    with pytest.raises(ValueError, match="pairs begin at even numbers"):
        Pairs(lambda a, b: a, 4).update(range(3, 5), images(2))


def test_patches_do_not_depend_on_who_saw_the_pictures():
    whole = images(12)
    one = collected(lambda: Patches(10, seed=0), whole, 12, 1)
    two = collected(lambda: Patches(10, seed=0), whole, 4, 2)
    assert one.count == two.count == 10
    assert swd(one, two).average == pytest.approx(0, abs=1e-3)


@given(num=st.integers(0, 20), start=st.integers(0, 20), length=st.integers(0, 9))
def test_below_counts_the_numbers_below(num, start, length):
    assert below(num, range(start, start + length)) == sum(number < num for number in range(start, start + length))
