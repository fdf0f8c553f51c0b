import pytest
import torch

from stylegans.errors import UserError
from stylegans.metrics.features.network import to_rgb


def test_grey_is_the_same_in_all_three_channels() -> None:
    grey = torch.randint(0, 256, (2, 1, 3, 4), dtype=torch.uint8)
    rgb = to_rgb(grey)
    assert rgb.shape == (2, 3, 3, 4)
    assert all(torch.equal(rgb[:, [c]], grey.float()) for c in range(3))


def test_rgb_keeps_its_values() -> None:
    picture = torch.randint(0, 256, (2, 3, 3, 4), dtype=torch.uint8)
    assert torch.equal(to_rgb(picture), picture.float())


def test_transparent_is_white_opaque_is_itself_and_half_is_between() -> None:
    picture = torch.tensor([10, 20, 30], dtype=torch.uint8).repeat(3, 1)
    alpha = torch.tensor([[0], [255], [51]], dtype=torch.uint8)
    rgb = to_rgb(torch.cat([picture, alpha], dim=1)[..., None, None])[..., 0, 0]
    torch.testing.assert_close(rgb, torch.tensor([[255.0] * 3, [10, 20, 30], [206, 208, 210]]))


def test_other_channels_and_other_types_are_refused() -> None:
    with pytest.raises(UserError, match="pictures of 2 channels cannot be measured"):
        to_rgb(torch.zeros(1, 2, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="uint8"):
        to_rgb(torch.zeros(1, 3, 4, 4))
