from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import lpips
from stylegans.tools.perceptual import Perceptual, open_perceptual, views


@pytest.fixture(scope="module")
def perceptual() -> Perceptual:
    return Perceptual(lpips.load())


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def test_of_rgb_it_is_lpips(perceptual: Perceptual) -> None:
    a, b = pictures(2, 3, 64, 64), pictures(2, 3, 64, 64, seed=1)
    assert torch.allclose(perceptual(a, b), perceptual.network(a, b), rtol=1e-5)


@settings(max_examples=8, deadline=None)
@given(channels=st.integers(1, 6), height=st.integers(8, 40), width=st.integers(8, 40))
def test_any_channels_and_size_have_a_distance_that_is_0_only_to_themselves(
    perceptual: Perceptual, channels: int, height: int, width: int
) -> None:
    a, b = pictures(1, channels, height, width), pictures(1, channels, height, width, seed=1)
    assert float(perceptual(a, a)) == 0
    assert float(perceptual(a, b)) > 0.001


def test_every_channel_counts(perceptual: Perceptual) -> None:
    for channels in (2, 4, 5):
        a = pictures(1, channels, 32, 32)
        for channel in range(channels):
            b = a.clone()
            b[:, channel] = pictures(1, 32, 32, seed=9)
            assert float(perceptual(a, b)) > 1e-4


def test_what_is_transparent_has_no_colour() -> None:
    a, b = pictures(1, 4, 8, 8), pictures(1, 4, 8, 8, seed=1)
    a[:, 3], b[:, 3] = -1, -1
    assert torch.equal(views(a), views(b))
    assert views(a)[0, 0].eq(1).all()
    assert views(a)[0, 1].eq(-1).all()


def test_large_pictures_are_seen_as_means_over_squares(perceptual: Perceptual) -> None:
    small = pictures(1, 1, 256, 256)
    large = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.allclose(perceptual.features(large), perceptual.features(small), atol=1e-6)


def test_without_vgg16_it_is_the_embedded_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGANS_CACHE", str(tmp_path))
    assert open_perceptual().name == "lpips_alexnet"


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="--features"):
        open_perceptual([tmp_path / "none.pth"])
    with pytest.raises(UserError, match=r"--features: .* does not hold VGG16"):
        open_perceptual([lpips.WEIGHTS])
