from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.metrics.mixing import crossovers, mix
from stylegans.networks import styles


def labelled_ws(k: int, n: int, num_ws: int, w_dim: int = 3) -> torch.Tensor:
    """ws in which every number tells the latent, the picture and the layer."""
    latent, picture, layer = torch.arange(k) * 10_000, torch.arange(n) * 100, torch.arange(num_ws)
    return (latent[:, None, None] + picture[:, None] + layer)[..., None].expand(-1, -1, -1, w_dim).float()


shapes = st.integers(1, 18).flatmap(lambda num_ws: st.tuples(st.integers(1, min(4, num_ws)), st.just(num_ws)))


@given(shape=shapes, n=st.integers(1, 6), seed=st.integers(0, 99))
def test_each_layer_comes_from_one_latent_and_all_latents_come_in_order(shape, n, seed):
    k, num_ws = shape
    where = crossovers(n, k, num_ws=num_ws, random=np.random.default_rng(seed))
    mixed = mix(labelled_ws(k, n, num_ws), where)
    assert mixed.shape == (n, num_ws, 3)
    assert (mixed == mixed[..., :1]).all()
    numbers = mixed[..., 0].long()
    assert (numbers % 10_000 == torch.arange(n)[:, None] * 100 + torch.arange(num_ws)).all()
    latents = numbers // 10_000
    assert (latents[:, 0] == 0).all()
    assert (latents[:, -1] == k - 1).all()
    assert ((latents.diff(dim=1) == 0) | (latents.diff(dim=1) == 1)).all()
    for picture, changes in zip(where, latents.diff(dim=1), strict=True):
        assert (changes.nonzero()[:, 0] + 1).tolist() == picture.tolist()


def test_one_latent_stays_what_it_is():
    ws = torch.randn(1, 5, 8, 4)
    where = crossovers(5, 1, num_ws=8, random=np.random.default_rng(0))
    assert where.shape == (5, 0)
    assert torch.equal(mix(ws, where), ws[0])


@pytest.mark.parametrize("cutoff", [1, 3, 7])
def test_two_latents_are_mixed_as_in_training(cutoff):
    ws = torch.randn(2, 5, 8, 4)
    assert torch.equal(mix(ws, torch.full((5, 1), cutoff)), styles.mix(ws[0], ws[1], cutoff))


@given(shape=shapes, n=st.integers(1, 50), seed=st.integers(0, 99))
def test_crossovers_are_different_layers_that_rise(shape, n, seed):
    k, num_ws = shape
    where = crossovers(n, k, num_ws=num_ws, random=np.random.default_rng(seed))
    assert where.dtype == torch.int64
    assert where.shape == (n, k - 1)
    assert ((where >= 1) & (where <= num_ws - 1)).all()
    assert (where.diff(dim=1) > 0).all()


@pytest.mark.parametrize("k", [2, 3, 4])
def test_every_choice_of_crossovers_is_equally_likely(k):
    num, num_ws = 20_000, 6
    where = crossovers(num, k, num_ws=num_ws, random=np.random.default_rng(1))
    counts = Counter(map(tuple, where.tolist()))
    choices = list(combinations(range(1, num_ws), k - 1))
    assert set(counts) == set(choices)
    expected = num / len(choices)
    chi2 = sum((counts[choice] - expected) ** 2 / expected for choice in choices)
    assert chi2 < 28  # the one in a thousand for 9 degrees of freedom


@given(cut=st.integers(0, 20))
def test_batches_of_any_size_draw_the_same_series(cut):
    whole = crossovers(20, 3, num_ws=10, random=np.random.default_rng(2))
    random = np.random.default_rng(2)
    parts = [crossovers(n, 3, num_ws=10, random=random) for n in (cut, 20 - cut)]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize(("k", "num_ws"), [(0, 8), (3, 2), (2, 1)])
def test_latents_without_a_layer_are_refused(k, num_ws):
    with pytest.raises(UserError, match=f"mixing: {k} latents cannot share the {num_ws} styles"):
        crossovers(4, k, num_ws=num_ws, random=np.random.default_rng(0))
