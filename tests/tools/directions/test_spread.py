import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stylegans.config import DCGAN
from stylegans.errors import UserError
from stylegans.networks.families import build_generator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.spread import oriented, space_of, spread, spread_of
from stylegans.tools.generate import styles


@given(sizes=st.lists(st.integers(1, 20), min_size=2, max_size=6), offset=st.sampled_from([0.0, 1e4]))
def test_batches_of_any_size_give_the_moments_of_all(sizes: list[int], offset: float) -> None:
    x = torch.randn(sum(sizes), 5, dtype=torch.float64, generator=torch.Generator().manual_seed(len(sizes))) + offset
    found = spread(x.split(sizes))
    np.testing.assert_allclose(found.mean, x.mean(dim=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.numpy(), rowvar=False, bias=True), rtol=1e-6, atol=1e-9)


def test_along_is_the_standard_deviation_whatever_the_length() -> None:
    x = torch.randn(100, 3) * torch.tensor([1.0, 5.0, 2.0])
    assert spread([x]).along(torch.tensor([0.0, 7.0, 0.0])) == pytest.approx(float(x[:, 1].std(correction=0)), rel=1e-5)


def test_it_is_that_of_the_seeds_that_generate_draws(generator: StyleGAN2Generator) -> None:
    w = styles(generator, range(40))[:, 0].double()
    torch.testing.assert_close(spread_of(generator, samples=40).mean, w.mean(dim=0))


def test_a_class_has_its_own(conditional: StyleGAN2Generator) -> None:
    w = styles(conditional, range(40), label=3)[:, 0].double()
    torch.testing.assert_close(spread_of(conditional, samples=40, label=3).mean, w.mean(dim=0))


def test_one_latent_does_not_vary(generator: StyleGAN2Generator) -> None:
    with pytest.raises(UserError, match="--samples: 1 is too few"):
        spread_of(generator, samples=1)


def test_without_a_mapping_network_the_space_is_z(generator: StyleGAN2Generator, one_style: nn.Module) -> None:
    assert space_of(generator) == "w"
    assert space_of(one_style) == "z"  # type: ignore[arg-type]
    assert space_of(build_generator(DCGAN(z_dim=4, resolution=(8, 8), channel_base=16, channel_max=4))) == "z"


def test_an_axis_has_one_sign() -> None:
    torch.testing.assert_close(oriented(torch.tensor([[1.0, -3.0], [-1.0, 3.0]])), torch.tensor([[-1.0, 3.0]] * 2))
