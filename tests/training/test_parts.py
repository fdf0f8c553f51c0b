import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config.sizes import group_size
from stylegans.nn.minibatch_stddev import minibatch_stddev
from stylegans.ops.random import Rows, randn
from stylegans.training.parts import in_turn, part_rows, split
from stylegans.training.state import Sample

CPU = torch.device("cpu")


def sample(n: int) -> Sample:
    images = torch.arange(n, dtype=torch.float32).reshape(n, 1, 1, 1)
    return Sample(images=images, labels=images.reshape(n, 1), random=torch.Generator().manual_seed(0))


@given(groups=st.integers(1, 12), group=st.integers(1, 6), data=st.data())
def test_parts_are_equal_whole_groups_and_together_the_batch(groups, group, data):
    n = groups * group
    most = data.draw(st.integers(1, n))
    parts = part_rows(n, most=most, group=group)
    assert len({len(part) for part in parts}) == 1
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(n))
    assert len(parts[0]) <= most or len(parts[0]) == group  # a group is never divided
    for part in parts:
        counts = (part % groups).bincount(minlength=groups)
        assert set(counts.tolist()) <= {0, group}


def test_groups_of_the_minibatch_statistic_are_those_of_the_whole_batch():
    x = torch.randn(24, 3, 2, 2)
    whole = minibatch_stddev(x, group=4)
    for rows in part_rows(24, most=8, group=group_size(24, 4)):
        assert torch.equal(minibatch_stddev(x[rows], group=4), whole[rows])


def test_a_batch_in_one_part_is_itself():
    batch = sample(6)
    (part,) = split(batch, 1)
    assert torch.equal(part.images, batch.images)
    assert part.random is batch.random


def test_a_share_is_the_first_of_the_batch_in_parts_no_larger_than_others():
    batch = sample(8)
    (half,) = split(batch, 2, share=2)
    assert half.labels.flatten().tolist() == [0, 1, 2, 3]
    quarters = split(batch, 4, share=2)
    assert [part.labels.flatten().tolist() for part in quarters] == [[0, 1], [2, 3]]
    assert all(isinstance(part.random, Rows) and part.random.total == 4 for part in quarters)


def test_parts_in_turn_see_the_numbers_of_the_whole_batch():
    whole, batch = sample(8), sample(8)
    expected = randn(8, 3, source=whole.random, device=CPU), randn(8, 2, source=whole.random, device=CPU)
    for part in in_turn(split(batch, 4)):
        first = randn(2, 3, source=part.random, device=CPU)
        second = randn(2, 2, source=part.random, device=CPU)
        rows = part.labels.flatten().long()
        assert torch.equal(first, expected[0][rows])
        assert torch.equal(second, expected[1][rows])
    assert torch.equal(batch.random.get_state(), whole.random.get_state())
