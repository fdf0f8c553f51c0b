import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.metrics.processes import Processes
from stylegans.metrics.sampling import Sampling, batch_for, latents, pictures, these


def drawn(G, sampling):
    return np.concatenate([images.numpy() for _, images in pictures(G, sampling)]).astype(int)


def test_latents_are_the_rows_that_everyone_draws(make_generator):
    G = make_generator()
    rows = torch.cat([some.z for some in latents(G, Sampling(11, seed=5, batch=4))])
    assert torch.equal(rows, torch.from_numpy(np.random.RandomState(5).randn(11, 7).astype(np.float32)))


@given(batch=st.integers(1, 12), count=st.integers(1, 4))
def test_a_picture_is_the_same_whatever_the_batch_and_the_number_of_processes(make_generator, batch, count):
    G = make_generator()
    whole = drawn(G, Sampling(10, seed=1, batch=10))
    shares = {}
    for rank in range(count):
        for numbers, images in pictures(G, Sampling(10, seed=1, batch=batch, processes=Processes(rank, count))):
            shares |= {number: image.numpy() for number, image in zip(numbers, images, strict=True)}
    assert sorted(shares) == list(range(10))
    assert np.abs(np.stack([shares[number] for number in range(10)]).astype(int) - whole).max() <= 1


def test_another_seed_draws_other_latents_and_other_noise(make_generator):
    G = make_generator()
    assert np.abs(drawn(G, Sampling(4, seed=0)) - drawn(G, Sampling(4, seed=1))).max() > 1
    still = make_generator()
    still.mapping.forward = lambda z, c=None, **options: torch.zeros(len(z), G.num_ws, G.w_dim)
    assert np.abs(drawn(still, Sampling(4, seed=0)) - drawn(still, Sampling(4, seed=1))).max() > 1


def test_single_pictures_are_those_of_the_measurement(make_generator):
    G = make_generator(c_dim=2)
    labels = torch.eye(2)[torch.arange(9) % 2]
    sampling = Sampling(9, seed=2, batch=4, labels=labels)
    numbers = np.array([7, 0, 3, 7])
    assert np.abs(these(G, sampling, numbers).astype(int) - drawn(G, sampling)[numbers]).max() <= 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_batches_are_even_and_fall_with_the_size(device):
    sizes = [batch_for((side, side), torch.device(device)) for side in (16, 64, 256, 1024, 4096)]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size % 2 == 0 and size >= 4 for size in sizes)
