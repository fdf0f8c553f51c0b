import math

import pytest
import torch
from torch import Tensor

from stylegans.config import Mapping, StyleGAN2, StyleGAN3
from stylegans.errors import UserError
from stylegans.metrics.equivariance import check
from stylegans.metrics.recipes import recipe
from stylegans.metrics.rotation import (
    SMALLEST,
    draw_angle,
    pseudo_rotated,
    rotated,
    rotation_error,
    shared_kernel,
    sources,
    turned,
    valid,
)
from stylegans.metrics.suite import Suite, last
from stylegans.networks.families import build_generator

NARROW = {"mapping": Mapping(z_dim=8, w_dim=8, num_layers=1), "channel_base": 128, "channel_max": 8}


def waves(x: Tensor, y: Tensor) -> Tensor:
    """A sum of waves of up to 0.3 periods a pixel, defined everywhere."""
    random = torch.Generator().manual_seed(1)
    total = torch.zeros_like(x)
    for _ in range(30):
        frequency, angle, phase = torch.rand(3, generator=random) * torch.tensor([0.3, 2 * math.pi, 2 * math.pi])
        total += torch.sin(2 * math.pi * frequency * (x * angle.cos() + y * angle.sin()) + phase) / 8
    return total[None, None].float()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_generator(
        StyleGAN3(**NARROW, resolution=(32, 40), base=(4, 5), num_layers=5, conv_kernel=1, use_radial_filters=True)
    ).eval()


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 4, math.pi / 2, 2.5, -1.1])
@pytest.mark.parametrize(("height", "width"), [(48, 48), (40, 56)])
def test_turning_samples_and_turning_the_function_beneath_agree(angle, height, width):
    still = waves(*sources(height, width, 0.0))
    moved = waves(*sources(height, width, angle))
    mask = valid(height, width, angle)
    assert mask.any()
    difference = (rotated(still, angle) - pseudo_rotated(moved, angle))[:, :, mask]
    assert difference.abs().max() < (2e-4 if angle in (0.0, math.pi / 2) else 0.03)
    wrong = (rotated(still, angle + 0.1) - pseudo_rotated(moved, angle))[:, :, mask]
    assert wrong.abs().max() > 0.3


def test_a_quarter_turn_is_clockwise():
    picture = torch.zeros(1, 1, 41, 41)
    picture[:, :, 10:14, 18:23] = 1  # above the middle
    found = rotated(picture, math.pi / 2)
    y, x = divmod(int(found.argmax()), 41)
    assert x > 25
    assert 15 < y < 25


@pytest.mark.parametrize("angle", [0.2, math.pi / 4, -0.5])
def test_the_kernel_passes_what_lies_in_both_squares_and_nothing_else(angle):
    kernel = shared_kernel(angle)
    half = kernel.shape[0] // 2
    at = torch.arange(-half, half + 1, dtype=torch.float64) / 4

    def response(fx: float, fy: float) -> float:
        return float((kernel * torch.cos(2 * math.pi * (fx * at[None, :] + fy * at[:, None]))).sum())

    cos, sin = math.cos(angle), math.sin(angle)
    assert response(0, 0) == pytest.approx(1)
    assert response(0.3, 0.1) == pytest.approx(1, abs=0.05)
    assert abs(response(0.75, 0)) < 0.05  # outside the upright square
    assert abs(response(0.75 * cos, -0.75 * sin)) < 0.05  # outside the turned one
    assert response(0.45, 0.45) < 0.4  # a corner of the upright square, cut off by the turned one


def test_a_stylegan3_r_turns_as_asked_and_another_way_it_does_not(network):
    with torch.no_grad():
        ws = network.mapping(torch.randn(2, 8))
        scale = network.synthesis(ws).square().mean().sqrt().item()
    right = rotation_error(network, ws, angle=0.7)
    assert torch.equal(network.synthesis.input.transform, torch.eye(3))
    assert math.sqrt(right.total / right.values) / scale < 0.1
    with turned(network, -1.4):  # so the input turns the other way
        other = network.synthesis(ws)
    with turned(network, 0.7):
        found = network.synthesis(ws)
    assert (other - found).square().mean().sqrt() / scale > 0.3


def test_angles_fill_the_circle():
    random = torch.Generator().manual_seed(0)
    drawn = [draw_angle(generator=random) for _ in range(500)]
    assert max(drawn) > 3
    assert min(drawn) < -3
    assert max(map(abs, drawn)) <= math.pi


@pytest.mark.parametrize("name", ["eqt50k_int", "eqt50k_frac", "eqr50k"])
def test_the_published_names_measure_and_repeat_themselves_whatever_the_batch(network, name):
    one = recipe(name).with_num(10)
    values = [last(Suite(None, batch=batch).measure(network, [one])).values[name] for batch in (2, 10)]
    assert values[0] == values[1]
    assert 10 < values[0] < 150
    assert last(Suite(None, seed=1).measure(network, [one])).values[name] != values[0]


def test_what_cannot_be_turned_is_refused(network):
    other = build_generator(StyleGAN2(**NARROW, resolution=(32, 32)))
    with pytest.raises(UserError, match="eqr50k: only a StyleGAN3"):
        Suite(None).check(other, [recipe("eqr50k")])
    network.img_resolution = (16, 40)
    with pytest.raises(UserError, match=f"at least {SMALLEST} pixels"):
        check(network, "eqr50k", smallest=SMALLEST)
