import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops.random import Rows, generator_of, per_sample, rand, randn

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


@given(indices=st.lists(st.integers(0, 60_000), min_size=1, max_size=8), cut=st.integers(1, 7))
def test_a_samples_own_numbers_do_not_depend_on_its_batch(indices, cut):
    def drawn(batch):
        source = per_sample(batch, seed=5, device=CPU)
        return [
            draw(len(batch), *shape, source=source, device=CPU) for draw in (randn, rand) for shape in ((1, 4, 6), ())
        ]

    whole = drawn(indices)
    parts = [drawn(part) for part in (indices[:cut], indices[cut:]) if part]
    for number, drawing in enumerate(whole):
        assert torch.equal(drawing, torch.cat([part[number] for part in parts]))


def test_a_sample_draws_what_its_generator_alone_would_one_drawing_after_the_other():
    first = per_sample([7], seed=1, device=CPU).generators[0]
    source = per_sample([3, 7], seed=1, device=CPU)
    for shape in ((5,), (1, 4, 4)):
        assert torch.equal(randn(2, *shape, source=source, device=CPU)[1], torch.randn(shape, generator=first))


def test_samples_of_one_index_draw_the_same_and_others_nothing_in_common():
    pairs = [(seed, index) for seed in range(20) for index in range(20)]
    numbers = torch.cat([randn(1, 64, source=per_sample([i], seed=s, device=CPU), device=CPU) for s, i in pairs])
    again = torch.cat([randn(1, 64, source=per_sample([i], seed=s, device=CPU), device=CPU) for s, i in pairs])
    assert torch.equal(numbers, again)
    cosines = torch.nn.functional.normalize(numbers, dim=1) @ torch.nn.functional.normalize(numbers, dim=1).T
    assert (cosines - torch.eye(400)).abs().max() < 0.75  # 6 standard deviations: equal ones would be at 1


def test_the_own_numbers_of_many_samples_are_independent_and_normal():
    count = 4000
    x = randn(count, 16, source=per_sample(range(count), seed=0, device=CPU), device=CPU).double()
    noise = count**-0.5
    assert x.mean(dim=0).abs().max() < 4.5 * noise
    assert (x.square().mean(dim=0) - 1).abs().max() < 4.5 * 2**0.5 * noise
    assert (x.T.corrcoef() - torch.eye(16)).abs().max() < 5 * noise
    for lag in (1, 2, 256):
        assert (x[lag:] * x[:-lag]).mean(dim=0).abs().max() < 5 * noise


def test_another_number_of_samples_is_refused():
    for draw in (randn, rand):
        with pytest.raises(ValueError, match="3 samples cannot draw from generators for 2"):
            draw(3, 4, source=per_sample(range(2), seed=0, device=CPU), device=CPU)
