"""Small stand-ins that anyone can check by hand: a generator, a data set, a feature network."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegans.config import Mapping, StyleGAN2
from stylegans.metrics.features.catalogue import Networks
from stylegans.metrics.recipes import Recipe
from stylegans.networks.stylegan2 import StyleGAN2Generator


class Means:
    """A feature network: the mean of each channel. Its classifier takes the brightest for the class."""

    name, dim = "means", 3

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        assert images.dtype == torch.uint8
        self.seen.append(images)
        return images.float().mean(dim=(2, 3))

    def logits(self, features: Tensor) -> Tensor:
        return features / 10


class Differences:
    """A distance of pictures: the mean squared difference."""

    name = "differences"

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().mean(dim=(1, 2, 3))


@dataclass
class Colours:
    """A data set of plain pictures; class = number mod c_dim."""

    count: int
    c_dim: int = 0
    xflip: bool = False
    size: int = 8
    values: np.ndarray = field(init=False)
    seen: list[int] = field(default_factory=list)
    label_names: list[str] | None = None

    def __post_init__(self) -> None:
        self.values = np.random.default_rng(0).integers(0, 256, (self.count, 3), dtype=np.uint8)

    @property
    def label_kind(self) -> str:
        return "classes" if self.c_dim else ""

    def __len__(self) -> int:
        return self.count * (1 + self.xflip)

    def image(self, index: int) -> np.ndarray:
        self.seen.append(index)
        value = self.values[index % self.count]
        return np.broadcast_to(value[:, None, None], (3, self.size, self.size)).copy()

    def label(self, index: int) -> np.ndarray:
        return np.eye(self.c_dim, dtype=np.float32)[index % self.c_dim] if self.c_dim else np.zeros(0, np.float32)


class Simple(Networks):
    """Means for every feature network, Differences for every perceptual distance."""

    def __init__(self) -> None:
        super().__init__()
        self.means, self.differences = Means(), Differences()

    def check(self, recipe: Recipe) -> None:
        pass

    def __call__(self, recipe: Recipe) -> tuple[object, str]:
        if recipe.network == "pixels":
            return None, ""
        return (self.differences if recipe.network.startswith("lpips") else self.means), "0" * 64


@pytest.fixture
def simple() -> Simple:
    return Simple()


@pytest.fixture(scope="session")
def colours() -> type[Colours]:
    return Colours


@pytest.fixture(scope="session")
def make_generator() -> Callable[..., StyleGAN2Generator]:
    """A generator of 8 × 8 pictures with noise that matters."""

    def make(*, c_dim: int = 0, size: int = 8, **options: object) -> StyleGAN2Generator:
        torch.manual_seed(0)
        mapping = Mapping(z_dim=7, w_dim=8, num_layers=1, c_dim=c_dim)
        config = StyleGAN2(mapping=mapping, resolution=(size, size), channel_base=64, channel_max=8, **options)  # type: ignore[arg-type]
        network = StyleGAN2Generator(config).eval().requires_grad_(False)
        for name, parameter in network.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.5)
        return network

    return make
