import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stylegans.networks.pyramid import (
    active_ws,
    at_lod,
    blend,
    enlarge,
    fade,
    lod_of,
    present,
    register_lod,
    set_lod,
    shrink,
    to_size,
)

LODS = st.floats(0, 3)


def has_stage(network):
    """Whether the network keeps a stage of growth."""
    return any(name.endswith("lod") for name, _ in network.named_buffers())


def pictures():
    return torch.randn(2, 3, 16, 48)


def growing():
    part = nn.Linear(1, 1)
    register_lod(part)
    return nn.Sequential(nn.Linear(1, 1), part)


# --- fade -----------------------------------------------------------------------------------------------------------


@given(lod=LODS)
def test_at_every_stage_one_picture_is_drawn_and_at_most_one_more_fades(lod):
    fades = [fade(lod, level_lod) for level_lod in range(5)]
    assert sorted(fades, reverse=True) == fades  # finer levels come later
    assert sum(0 < f < 1 for f in fades) == (not float(lod).is_integer())
    assert sum(fades) == pytest.approx(lod)


def test_a_level_is_still_to_come_for_one_unit_of_lod_and_then_there():
    assert [fade(lod, 2) for lod in (4, 3, 2.75, 2, 0)] == [1, 1, 0.75, 0, 0]


# --- pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_shrinking_undoes_enlarging(factor):
    x = pictures()
    assert enlarge(x, factor).shape == (2, 3, 16 * factor, 48 * factor)
    torch.testing.assert_close(shrink(enlarge(x, factor), factor), x)


def test_at_lod_0_pictures_are_as_they_are():
    x = pictures()
    assert torch.equal(at_lod(x, 0), x)


@pytest.mark.parametrize("lod", [1, 2, 3])
def test_at_a_whole_lod_a_picture_is_one_of_that_size_with_its_pixels_repeated(lod):
    x = pictures()
    torch.testing.assert_close(at_lod(x, lod), enlarge(shrink(x, 2**lod), 2**lod))


@given(lod=LODS)
def test_between_whole_lods_the_two_are_blended(lod):
    x = pictures()
    below = math.floor(lod)
    torch.testing.assert_close(at_lod(x, lod), at_lod(x, below).lerp(at_lod(x, below + 1), lod - below))


@given(lod=LODS)
def test_a_picture_keeps_its_size_and_its_mean_at_every_lod(lod):
    x = pictures()
    assert at_lod(x, lod).shape == x.shape
    torch.testing.assert_close(at_lod(x, lod).mean(dim=(2, 3)), x.mean(dim=(2, 3)))


@given(fine=st.integers(0, 3), coarse=st.integers(0, 3))
def test_of_two_whole_lods_the_coarser_decides(fine, coarse):
    x = pictures()
    torch.testing.assert_close(at_lod(at_lod(x, fine), coarse), at_lod(x, max(fine, coarse)))


# --- layers ---------------------------------------------------------------------------------------------------------


def test_two_ws_fewer_are_read_for_every_level_that_is_not_there():
    assert [active_ws(18, lod) for lod in (0, 0.9, 1, 1.5, 2, 8)] == [18, 18, 16, 16, 14, 2]


def test_one_w_for_the_whole_network_is_always_read():
    assert [active_ws(1, lod) for lod in (0, 1, 4)] == [1, 1, 1]


# --- networks -------------------------------------------------------------------------------------------------------


def test_the_stage_reaches_a_growing_part_and_is_saved_with_it():
    network = growing()
    assert lod_of(network) == 0
    set_lod(network, 1.5)
    assert lod_of(network) == 1.5
    other = growing()
    other.load_state_dict(network.state_dict())
    assert lod_of(other) == 1.5


def test_a_network_that_does_not_grow_is_whole_at_every_stage():
    network = nn.Linear(1, 1)
    assert not has_stage(network)
    assert has_stage(growing())
    set_lod(network, 2)
    assert lod_of(network) == 0


@pytest.mark.parametrize(
    ("lod", "there"),
    [
        (0, [("4", 0, False), ("8", 0, False), ("16", 0, True)]),
        (0.25, [("4", 0, False), ("8", 0, True), ("16", 0.25, True)]),
        (1, [("4", 0, False), ("8", 0, True)]),
        (1.5, [("4", 0, True), ("8", 0.5, True)]),
        (2, [("4", 0, True)]),
        (9, [("4", 0, True)]),
    ],
)
def test_a_level_is_there_as_far_as_it_has_come_and_draws_until_it_is_replaced(lod, there):
    assert list(present(["4", "8", "16"], lod)) == there


def test_the_finer_picture_fades_in_over_the_coarser():
    finer, coarser = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)
    assert (blend(finer, coarser, 0.75) == 0.25).all()
    assert blend(finer, None, 0.75) is finer


def test_pictures_of_any_stage_come_to_full_size():
    assert to_size(torch.ones(2, 3, 3, 5), (12, 20)).shape == (2, 3, 12, 20)
