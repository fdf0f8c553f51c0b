from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from stylegans.config import Mapping, StyleGAN2
from stylegans.networks.protocol import Noise
from stylegans.networks.stylegan2 import StyleGAN2Generator


def make_generator(*, resolution: tuple[int, int] = (32, 32), c_dim: int = 0, channels: int = 3) -> StyleGAN2Generator:
    torch.manual_seed(0)
    base = (resolution[0] // 8, resolution[1] // 8)
    mapping = Mapping(z_dim=16, w_dim=16, num_layers=2, c_dim=c_dim)
    config = StyleGAN2(
        mapping=mapping, resolution=resolution, base=base, img_channels=channels, channel_base=256, channel_max=16
    )
    network = StyleGAN2Generator(config).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.3)
    network.mapping.w_avg.normal_()
    return network


class OneStyle(nn.Module):
    """A generator without a mapping network, as DCGAN's: z is w, one for all layers, and there is no noise."""

    z_dim = w_dim = 4
    c_dim, num_ws, img_channels, img_resolution, has_noise = 0, 1, 3, (4, 4), False

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def mapping(
        self, z: Tensor, c: Tensor | None = None, *, truncation: float = 1.0, truncation_layers: int | None = None
    ) -> Tensor:
        return z[:, None]

    def synthesis(self, ws: Tensor, *, noise: Noise = "const", generator: torch.Generator | None = None) -> Tensor:
        return (self.weight * ws).tanh()[..., None].expand(-1, -1, -1, 4).repeat(1, 3, 1, 1)


@pytest.fixture(scope="session")
def generator() -> StyleGAN2Generator:
    return make_generator()


@pytest.fixture(scope="session")
def conditional() -> StyleGAN2Generator:
    return make_generator(c_dim=5)


@pytest.fixture(scope="session")
def make() -> Callable[..., StyleGAN2Generator]:
    return make_generator


@pytest.fixture(scope="session")
def one_style() -> OneStyle:
    return OneStyle()
