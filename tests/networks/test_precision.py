import pytest
import torch

from stylegans.config import Discriminator, Mapping, StyleGAN2
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.precision import set_precision
from stylegans.networks.stylegan2 import StyleGAN2Generator

NARROW = {"resolution": (32, 32), "channel_base": 256, "channel_max": 16}


def generator():
    torch.manual_seed(0)
    return StyleGAN2Generator(StyleGAN2(mapping=Mapping(z_dim=16, w_dim=16, num_layers=2), **NARROW))


def discriminator():
    torch.manual_seed(0)
    return StyleGAN2Discriminator(Discriminator(**NARROW))


def test_levels_from_the_resolution_up_are_reduced():
    g, d = generator(), discriminator()
    set_precision(g, torch.bfloat16, from_resolution=16)
    set_precision(d, torch.bfloat16, from_resolution=16)
    low, full = torch.bfloat16, torch.float32
    assert [block.dtype for block in g.synthesis.blocks] == [full, full, low, low]
    assert [block.dtype for block in d.blocks] == [low, low, full]


@pytest.mark.parametrize("make", [generator, discriminator])
def test_bfloat16_stays_close_to_float32(make, relative_error):
    network = make()
    x = torch.randn(8, 16) if make is generator else torch.randn(8, 3, 32, 32)
    exact = network(x)
    set_precision(network, torch.bfloat16)
    reduced = network(x)
    assert reduced.dtype == torch.float32
    assert 0 < relative_error(reduced, exact) < 3e-2
