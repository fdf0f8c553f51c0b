import torch

from stylegans.nn.normalization import pixel_norm


def test_vectors_come_to_lie_on_the_sphere_of_radius_root_dim():
    x = pixel_norm(torch.randn(5, 64) * 7)
    torch.testing.assert_close(x.square().mean(dim=1), torch.ones(5))
