import math

import pytest
import torch

from stylegans.config import Mapping, StyleGAN2, StyleGAN3
from stylegans.errors import UserError
from stylegans.metrics.equivariance import Error, check, draw_translation, translated, translation_error, valid
from stylegans.networks.families import build_generator

NARROW = {"mapping": Mapping(z_dim=8, w_dim=8, num_layers=1), "channel_base": 128, "channel_max": 8}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_generator(StyleGAN3(**NARROW, resolution=(24, 40), base=(3, 5), num_layers=5)).eval()


def test_a_whole_translation_moves_pixels():
    x = torch.randn(1, 2, 6, 7)
    found = translated(x, 2, -1)
    assert torch.equal(found[:, :, :5, 2:], x[:, :, 1:, :5])
    assert (valid(7, 2), valid(6, -1)) == (slice(2, 7), slice(0, 5))


def test_a_fractional_translation_moves_a_slow_wave():
    def wave(x, y):
        rows, columns = torch.arange(32.0)[:, None] - y, torch.arange(40.0)[None, :] - x
        return (torch.sin(columns / 4) + torch.cos(rows / 5))[None, None]

    found = translated(wave(0, 0), 1.3, -2.6)
    rows, columns = valid(32, -2.6), valid(40, 1.3)
    assert (columns.start, columns.stop, rows.start, rows.stop) == (4, 39, 0, 27)
    error = (found - wave(1.3, -2.6))[:, :, rows, columns].abs().max()
    assert error < 0.05


@pytest.mark.parametrize(("x", "y"), [(3, -2), (2.4, 1.7)])
def test_a_stylegan3_moves_as_asked_and_another_way_it_does_not(network, x, y):
    with torch.no_grad():
        ws = network.mapping(torch.randn(2, 8))
        scale = network.synthesis(ws).square().mean().sqrt().item()
    right = translation_error(network, ws, x=x, y=y)
    assert torch.equal(network.synthesis.input.transform, torch.eye(3))
    error = math.sqrt(right.total / right.values) / scale
    assert error < 0.2
    network.synthesis.units *= -1  # the input moves the other way
    wrong = translation_error(network, ws, x=x, y=y)
    assert math.sqrt(wrong.total / wrong.values) / scale > 0.5
    assert wrong.psnr < right.psnr


def test_decibels_of_a_range_of_two():
    assert Error(4.0, 1).psnr == pytest.approx(0)
    assert Error(0.08, 2).psnr == pytest.approx(20)
    assert Error(0.0, 5).psnr == math.inf


def test_translations_are_within_an_eighth():
    random = torch.Generator().manual_seed(0)
    drawn = torch.tensor([draw_translation((32, 64), generator=random) for _ in range(500)])
    assert drawn[:, 0].abs().max() <= 8
    assert drawn[:, 1].abs().max() <= 4
    assert drawn[:, 0].abs().max() > 7


def test_other_families_have_none():
    with pytest.raises(UserError, match="eqt50k_int"):
        check(build_generator(StyleGAN2(**NARROW, resolution=(16, 16))), "eqt50k_int")
