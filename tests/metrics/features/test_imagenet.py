import numpy as np
import pytest
import torch

from stylegans.metrics.features import imagenet

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_shrinking_is_antialiased(mode: str) -> None:
    checks = (np.indices((896, 896)).sum(axis=0) % 2 * 255).astype(np.uint8)
    prepared = imagenet.prepare(torch.from_numpy(checks)[None, None], mode=mode)
    grey = ((0.5 - MEAN) / STD).flatten()
    torch.testing.assert_close(prepared.mean(dim=(0, 2, 3)), grey, rtol=0, atol=0.01)
    assert prepared.std(dim=(2, 3)).max() < 0.05


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_a_picture_of_the_right_size_is_only_normalised_and_a_plain_one_stays_plain(mode: str) -> None:
    picture = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    torch.testing.assert_close(imagenet.prepare(picture, mode=mode), (picture / 255 - MEAN) / STD)
    plain = torch.full((1, 1, 30, 50), 51, dtype=torch.uint8)
    torch.testing.assert_close(imagenet.prepare(plain, mode=mode)[0], ((0.2 - MEAN) / STD).expand(-1, 224, 224))


def test_what_a_bicubic_filter_overshoots_is_cut_off() -> None:
    edge = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    edge[..., 32:] = 255
    x = imagenet.prepare(edge, mode="bicubic") * STD + MEAN
    assert x.min() >= -1e-6
    assert x.max() <= 1 + 1e-6
