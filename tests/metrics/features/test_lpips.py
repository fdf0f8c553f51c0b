import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from stylegans.data.images import open_dataset
from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import lpips


@pytest.fixture(scope="module")
def network() -> lpips.LPIPS:
    return lpips.load()


@pytest.fixture(scope="module")
def emoji() -> Tensor:
    """Images [12, 3, 64, 64] in [-1, 1]."""
    data = open_dataset("emoji-people")
    return torch.from_numpy(np.stack([data.image(80 * i) for i in range(12)])).float() / 127.5 - 1


def by_the_paper(network: lpips.LPIPS, a: Tensor, b: Tensor) -> Tensor:
    """Equation 1 in float64, as sums: Σ_l 1/(H_l W_l) Σ_hw |w_l ⊙ (ŷ_hw − ŷ0_hw)|², the heads being w²."""
    state = {name: value.double() for name, value in network.state_dict().items()}
    shift, scale = (torch.tensor(v).double().view(3, 1, 1) for v in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
    x = torch.stack([(a.double() - shift) / scale, (b.double() - shift) / scale])
    total = torch.zeros(len(a), dtype=torch.float64)
    for layer, (stride, padding) in enumerate([(4, 2), (1, 2), (1, 1), (1, 1), (1, 1)]):
        if layer in (1, 2):
            x = torch.stack([F.max_pool2d(one, kernel_size=3, stride=2) for one in x])
        weight, bias = state[f"convolutions.{layer}.weight"], state[f"convolutions.{layer}.bias"]
        x = torch.stack([F.conv2d(one, weight, bias, stride=stride, padding=padding).clamp(min=0) for one in x])
        unit = x / (x.square().sum(dim=2, keepdim=True).sqrt() + 1e-10)
        difference = (unit[0] - unit[1]).square()
        total += torch.einsum("nchw,c->nhw", difference, state[f"heads.{layer}"]).mean(dim=(1, 2))
    return total


@pytest.mark.parametrize("size", [(64, 64), (65, 90), (100, 64)])
def test_the_distance_is_the_papers_equation_1(network: lpips.LPIPS, size: tuple[int, int]) -> None:
    a, b = torch.rand(2, 3, 3, *size) * 2 - 1
    torch.testing.assert_close(network(a, b).double(), by_the_paper(network, a, b), rtol=1e-5, atol=0)


def test_the_network_has_the_published_size_and_heads_that_are_not_negative(network: lpips.LPIPS) -> None:
    # torchvision's AlexNet up to its fifth convolution, and 1,152 weights of the heads
    counts = {kind: sum(p.numel() for n, p in network.named_parameters() if kind in n) for kind in ("conv", "heads")}
    assert counts == {"conv": 2_469_696, "heads": 1_152}
    assert all((head >= 0).all() for head in network.heads)


def test_known_distances(network: lpips.LPIPS) -> None:
    """Worked out with the authors' package from the unrounded weights."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    waves, ramps = torch.stack([(9 * x).sin(), (7 * y).cos(), x * y]), torch.stack([x, y, -x])
    expected = torch.tensor([0.610824, 0.130726, 0.652187])
    found = network(torch.stack([waves, waves, ramps]), torch.stack([ramps, waves.flip(2), -ramps]))
    torch.testing.assert_close(found, expected, rtol=2e-4, atol=0)


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


def test_small_pictures_are_enlarged_to_64_and_keep_their_aspect(network: lpips.LPIPS) -> None:
    a, b = torch.rand(2, 2, 3, 32, 48) * 2 - 1
    large = [F.interpolate(x, size=(64, 96), mode="bilinear", align_corners=False) for x in (a, b)]
    assert torch.equal(network(a, b), network(*large))
    assert lpips.enlarge(large[0]) is large[0]


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


def test_a_spread_is_the_mean_over_all_pairs(network: lpips.LPIPS, emoji: Tensor) -> None:
    spread = lpips.Spread()
    for batch in emoji.split(5):
        spread.update(network.features(batch))
    pairs = [network(emoji[i : i + 1], emoji[:i]) for i in range(1, len(emoji))]
    assert spread.mean() == pytest.approx(torch.cat(pairs).mean().item(), rel=1e-5)


def test_a_spread_of_equal_vectors_is_zero_and_of_one_is_refused() -> None:
    spread = lpips.Spread()
    spread.update(torch.full((1, 4), 1e4))
    with pytest.raises(ValueError, match="a pair needs two"):
        spread.mean()
    spread.update(torch.full((9, 4), 1e4))
    assert spread.mean() == pytest.approx(0, abs=1e-5)


def test_weights_that_are_not_the_published_are_refused(tmp_path: Path) -> None:
    copy = tmp_path / "weights.safetensors"
    shutil.copy(lpips.WEIGHTS, copy)
    lpips.load_file(copy)
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(UserError, match="not the feature network that was published"):
        lpips.load_file(copy)
    with pytest.raises(MissingFile, match="missing"):
        lpips.load_file(tmp_path / "nothing")
