from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from stylegans.metrics.ms_ssim import WEIGHTS, ms_ssim

GOLDEN = Path(__file__).parent.parent / "golden" / "ms_ssim.npz"


def smooth(n: int = 4, *, channels: int = 3, side: int = 64, seed: int = 0) -> Tensor:
    """Pictures of soft blobs, float32 in [0, 255]."""
    coarse = torch.rand(n, channels, 8, 8, generator=torch.Generator().manual_seed(seed))
    return 255 * F.interpolate(coarse, size=(side, side), mode="bilinear")


def blurred(images: Tensor, size: int) -> Tensor:
    return F.avg_pool2d(images, size, stride=1, padding=size // 2, count_include_pad=False)


@pytest.mark.parametrize("name", ["grey", "colour"])
def test_an_independent_implementation_is_met(name: str) -> None:
    """Three pairs of 176² in grey and of 192² in colour, made of blocks: one noisier, one darker and shifted, one of
    unrelated pictures. The values are scikit-image 0.26's: at each scale the map of ``structural_similarity(a, b,
    channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True)``, five
    pixels cut from each border, at all scales but the last over the luminance term made with scipy's
    ``gaussian_filter(…, truncate=3.5)``; means to the exponents' power; ``block_reduce(…, np.mean)`` between scales.
    (torchmetrics 1.9.0 differs by up to 7e-4: of the last scale it averages the border too.)
    """
    with np.load(GOLDEN) as golden:
        a, b = (torch.from_numpy(golden[f"in/{name}_{side}"]) for side in "ab")
        expected = torch.from_numpy(golden[f"out/{name}"])
    torch.testing.assert_close(ms_ssim(a.double(), b.double()), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ms_ssim(a, b), expected.float(), rtol=1e-5, atol=1e-5)


def test_the_five_exponents_sum_to_one() -> None:
    assert sum(WEIGHTS) == pytest.approx(1, abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 60), width=st.integers(1, 60), channels=st.sampled_from([1, 3, 4]), seed=st.integers(0, 99)
)
def test_similarity_of_any_size_is_one_to_itself_symmetric_and_from_0_to_1(
    height: int, width: int, channels: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    a, b = (
        torch.randint(256, (2, channels, height, width), generator=random, dtype=torch.uint8).double() for _ in "ab"
    )
    there = ms_ssim(a, b)
    assert there.shape == (2,)
    assert ((there >= 0) & (there <= 1)).all()
    torch.testing.assert_close(ms_ssim(b, a), there)
    torch.testing.assert_close(ms_ssim(a, a), torch.ones(2, dtype=torch.float64))


def test_constant_pictures_differ_by_luminance_alone() -> None:
    a, b = torch.full((1, 1, 32, 32), 200.0, dtype=torch.float64), torch.full((1, 1, 32, 32), 100.0).double()
    luminance = (2 * 200 * 100 + 2.55**2) / (200**2 + 100**2 + 2.55**2)
    assert ms_ssim(a, b).item() == pytest.approx(luminance ** WEIGHTS[-1], rel=1e-9)


def test_single_precision_loses_little() -> None:
    a = smooth().round()
    b = (a + 10 * torch.randn(a.shape)).clamp(0, 255).round()
    torch.testing.assert_close(ms_ssim(a, b).double(), ms_ssim(a.double(), b.double()), rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [28, 64])
def test_similarity_falls_with_noise_and_with_blur(side: int) -> None:
    images = smooth(side=side) + 40 * torch.rand(4, 3, side, side)
    noise = torch.randn(images.shape)
    by_noise = [ms_ssim(images, images + sigma * noise).mean().item() for sigma in (0, 4, 16, 64)]
    by_blur = [ms_ssim(images, blurred(images, size)).mean().item() for size in (1, 3, 7, 15)]
    for values in (by_noise, by_blur):
        assert values[0] == pytest.approx(1, abs=1e-5)
        assert values == sorted(values, reverse=True)


def test_pictures_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not \[1, 3, 8, 8\] and \[1, 3, 8, 9\]"):
        ms_ssim(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
