import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stylegans.errors import UserError
from stylegans.metrics.sliced_wasserstein import (
    PATCHES,
    Descriptors,
    from_pyramid,
    laplacian_pyramid,
    level_sizes,
    swd,
)


def noise(n: int, *, channels: int = 3, height: int = 32, width: int = 32, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, channels, height, width), generator=random, dtype=torch.uint8)


def described(images: Tensor, *, seed: int = 0) -> Descriptors:
    descriptors = Descriptors(seed=seed)
    descriptors.update(images)
    return descriptors


def whole(descriptors: Descriptors, level: int) -> Tensor:
    return torch.cat(descriptors.level(level))


def burt_adelson_down(x: np.ndarray) -> np.ndarray:
    """REDUCE of one row, tap by tap."""
    padded = np.pad(x, 2, mode="reflect")
    return np.array([padded[2 * i : 2 * i + 5] @ np.array([1, 4, 6, 4, 1]) / 16 for i in range(len(x) // 2)])


def burt_adelson_up(x: np.ndarray) -> np.ndarray:
    """EXPAND of one row: even pixels are 1/8, 6/8, 1/8 of three, odd ones the mean of two."""
    left, right = np.concatenate([x[1:2], x[:-1]]), np.concatenate([x[1:], x[-1:]])
    return np.stack([(left + 6 * x + right) / 8, (x + right) / 2], axis=1).ravel()


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((1024, 1024), [1024, 512, 256, 128, 64, 32, 16]),
        ((64, 64), [64, 32, 16]),
        ((32, 32), [32, 16]),
        ((28, 28), [28]),
        ((31, 64), [31]),
        ((48, 96), [48, 24]),
        ((16, 512), [16]),
    ],
)
def test_levels_are_halved_down_to_16(size: tuple[int, int], sizes: list[int]) -> None:
    assert [min(level) for level in level_sizes(*size)] == sizes


@settings(max_examples=15, deadline=None)
@given(height=st.integers(7, 70), width=st.integers(7, 70), channels=st.sampled_from([1, 3, 4]))
def test_the_pyramid_gives_the_pictures_back(height: int, width: int, channels: int) -> None:
    images = noise(2, channels=channels, height=height, width=width).float()
    levels = laplacian_pyramid(images)
    assert [tuple(level.shape[2:]) for level in levels] == level_sizes(height, width)
    torch.testing.assert_close(from_pyramid(levels), images, rtol=0, atol=1e-3)


def test_the_pyramid_is_burt_and_adelsons() -> None:
    image = np.random.default_rng(0).integers(256, size=(32, 64)).astype(float)
    down = np.apply_along_axis(burt_adelson_down, 0, np.apply_along_axis(burt_adelson_down, 1, image))
    up = np.apply_along_axis(burt_adelson_up, 0, np.apply_along_axis(burt_adelson_up, 1, down))
    fine, rest = laplacian_pyramid(torch.from_numpy(image)[None, None])
    np.testing.assert_allclose(rest[0, 0], down, atol=1e-10)
    np.testing.assert_allclose(fine[0, 0], image - up, atol=1e-10)


def test_a_constant_picture_is_all_in_the_last_level() -> None:
    *fine, rest = laplacian_pyramid(torch.full((1, 1, 64, 64), 77.0))
    assert all((level == 0).all() for level in fine)
    assert (rest == 77).all()


def test_descriptors_are_128_windows_of_each_level() -> None:
    images = noise(3)
    descriptors = described(images)
    assert descriptors.count == 3
    assert descriptors.resolutions == [32, 16]
    for number, level in enumerate(laplacian_pyramid(images.float())):
        patches = whole(descriptors, number)
        assert patches.shape == (3, PATCHES, 3, 7, 7)
        windows = (128 * level).round().unfold(2, 7, 1).unfold(3, 7, 1)
        for picture, patch in ((0, 0), (2, 100)):
            same = (windows[picture] == patches[picture, patch][:, None, None]).all(dim=(0, 3, 4))
            assert same.sum() >= 1


def test_patches_lie_anywhere_in_the_picture_alike() -> None:
    ramp = torch.arange(16, dtype=torch.uint8).expand(200, 1, 16, 16)
    columns = whole(described(ramp), 0)[..., 0, 0].flatten() // 128
    counts = torch.bincount(columns, minlength=10)
    assert len(counts) == 10
    assert (counts / len(columns) - 0.1).abs().max() < 0.01


@given(cuts=st.lists(st.integers(0, 12), max_size=3))
def test_batches_in_any_cut_and_processes_in_any_number_give_the_same_descriptors(cuts: list[int]) -> None:
    images = noise(12, channels=1)
    alone, cut, joined = described(images), Descriptors(), Descriptors()
    for numbers in np.split(np.arange(12), sorted(cuts)):
        cut.update(images[numbers])
        share = Descriptors()
        share.update(images[numbers], numbers=numbers.tolist())
        joined.extend(share)
    for descriptors in (cut, joined):
        assert descriptors.count == 12
        for level in range(2):
            assert whole(descriptors, level).equal(whole(alone, level))


def test_other_seeds_take_other_patches() -> None:
    images = noise(2)
    assert not whole(described(images), 0).equal(whole(described(images, seed=1), 0))


def test_a_set_is_at_zero_from_itself_and_symmetric_to_others() -> None:
    a, b = described(noise(4)), described(noise(4, seed=1) // 2)
    assert swd(a, a).average == 0
    assert swd(a, b, seed=3) == swd(b, a, seed=3)
    assert list(swd(a, b).levels) == [32, 16]
    assert swd(a, b).average == pytest.approx(np.mean(list(swd(a, b).levels.values())))


def test_brightness_and_contrast_of_a_channel_do_not_matter() -> None:
    images = noise(8) // 2
    changed = images.clone()
    changed[:, 0] = 2 * changed[:, 0]
    changed[:, 1] = changed[:, 1] + 100
    assert swd(described(images), described(changed)).average == pytest.approx(0, abs=0.2)
    assert swd(described(images), described(noise(8, seed=1) // 2)).average > 3


def test_the_distance_is_the_mean_over_directions_of_sorted_projections() -> None:
    """The definition in a few lines of numpy, for grey pictures of one level."""
    images = [noise(5, channels=1, height=16, width=16), noise(5, channels=1, height=16, width=16, seed=1) ** 2]
    sets = [described(x) for x in images]
    directions = np.random.RandomState(7).randn(512, 49)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    projected = []
    for descriptors in sets:
        x = whole(descriptors, 0).double().numpy().reshape(-1, 49)
        projected.append(np.sort((x - x.mean()) / x.std() @ directions.T, axis=0))
    expected = 1000 * np.abs(projected[0] - projected[1]).mean()
    assert swd(*sets, seed=7).levels[16] == pytest.approx(expected, rel=1e-5)


def test_gaussian_patches_of_other_correlation_differ_by_their_deviations_along_directions() -> None:
    """Along v the patches of a picture of columns have the deviation of v's column sums: a closed form of the mean
    difference of two centred normal distributions, |σa − σb| √(2/π)."""
    random = np.random.default_rng(0)

    def pictures(shape: tuple[int, ...]) -> Tensor:
        values = np.clip(128 + 30 * random.standard_normal(shape), 0, 255).round()
        return torch.from_numpy(np.broadcast_to(values, (150, 1, 20, 20)).astype(np.uint8))

    white, columns = pictures((150, 1, 20, 20)), pictures((150, 1, 1, 20))
    directions = np.random.RandomState(0).randn(512, 7, 7)
    directions /= np.linalg.norm(directions.reshape(512, 49), axis=1)[:, None, None]
    deviations = np.linalg.norm(directions.sum(axis=1), axis=1)
    expected = 1000 * np.sqrt(2 / np.pi) * np.abs(deviations - 1).mean()
    assert swd(described(white), described(columns)).average == pytest.approx(expected, rel=0.05)


def test_a_constant_channel_is_no_division_by_zero() -> None:
    images = noise(3)
    images[:, 2] = 9
    assert swd(described(images), described(images)).average == 0
    assert np.isfinite(swd(described(images), described(noise(3))).average)


def test_blocks_of_directions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = described(noise(3)), described(noise(3, seed=1))
    at_once = swd(a, b).average
    monkeypatch.setattr("stylegans.metrics.sliced_wasserstein.BLOCK_BYTES", 4 * 3 * PATCHES * 100)
    assert swd(a, b).average == pytest.approx(at_once, rel=1e-6)


def test_descriptors_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UserError, match="hold no patch"):
        described(noise(1, height=6))
    with pytest.raises(ValueError, match="uint8"):
        Descriptors().update(torch.zeros(1, 3, 32, 32))
    grown = described(noise(1))
    with pytest.raises(ValueError, match="after those of"):
        grown.update(noise(1, channels=1))
    with pytest.raises(ValueError, match="1 numbers of 2 images"):
        grown.update(noise(2), numbers=[0])
    with pytest.raises(ValueError, match="of images of"):
        grown.extend(described(noise(1, channels=1)))
    with pytest.raises(ValueError, match="equally many"):
        swd(grown, described(noise(2)))
    with pytest.raises(ValueError, match="equally many"):
        swd(Descriptors(), Descriptors())
