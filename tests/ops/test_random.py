import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops.random import Rows, generator_of, rand, randn

CPU = torch.device("cpu")


@given(n=st.integers(1, 9), data=st.data())
def test_the_parts_of_a_batch_draw_the_numbers_of_the_whole(n, data):
    index = torch.tensor(data.draw(st.lists(st.integers(0, n - 1), min_size=1)))
    for draw in (randn, rand):
        whole = draw(n, 2, 3, source=torch.Generator().manual_seed(1), device=CPU)
        rows = Rows(torch.Generator().manual_seed(1), n, index)
        assert torch.equal(draw(len(index), 2, 3, source=rows, device=CPU), whole[index])


def test_a_part_moves_the_generator_as_far_as_the_whole():
    one, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    randn(6, 5, source=one, device=CPU)
    randn(2, 5, source=Rows(other, 6, torch.tensor([0, 3])), device=CPU)
    assert torch.equal(one.get_state(), other.get_state())


def test_without_a_source_pytorchs_own_numbers_are_drawn():
    torch.manual_seed(3)
    expected = torch.randn(4, 2)
    torch.manual_seed(3)
    assert torch.equal(randn(4, 2, source=None, device=CPU), expected)


def test_numbers_that_all_share_come_from_the_generator_itself():
    generator = torch.Generator()
    assert generator_of(generator) is generator_of(Rows(generator, 3, torch.tensor([1]))) is generator
