import runpy
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import inception
from stylegans.metrics.features.inception_weights import NAMES

ROOT = Path(__file__).parents[3]

RelativeError = Callable[[Tensor, Tensor], float]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """How the golden file was made: the random weights, the pictures, torch-fidelity's network."""
    return runpy.run_path(str(ROOT / "scripts" / "build_inception_golden.py"))


@pytest.fixture(scope="module")
def state(made: dict[str, Any]) -> dict[str, Tensor]:
    return made["random_state"]()


@pytest.fixture(scope="module")
def network(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> inception.Inception:
    path = tmp_path_factory.mktemp("weights") / "pt_inception.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as the community's file is
    found = inception.load_file(path)
    path.unlink()
    return found


def test_features_and_logits_are_torch_fidelitys_for_pictures_of_any_size(
    network: inception.Inception, made: dict[str, Any], relative_error: RelativeError
) -> None:
    with np.load(made["GOLDEN"]) as golden:
        expected = {name: torch.from_numpy(golden[name]) for name in golden.files}
    for i, picture in enumerate(made["pictures"]()):
        features = network(picture)
        assert relative_error(features[0], expected["features"][i]) < 1e-5
        assert relative_error(network.logits(features)[0], expected["logits"][i]) < 1e-5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not find_spec("torch_fidelity") or not find_spec("torchvision"), reason="needs torch-fidelity")
def test_the_live_torch_fidelity_agrees(
    network: inception.Inception, state: dict[str, Tensor], made: dict[str, Any], relative_error: RelativeError
) -> None:
    oracle = made["oracle"](state)
    images = torch.randint(0, 256, (2, 3, 50, 70), dtype=torch.uint8)
    features, logits = oracle(images)
    assert relative_error(network(images), features) < 1e-5
    assert relative_error(network.logits(network(images)), logits) < 1e-5


def test_the_network_has_the_published_size() -> None:
    net = inception.Inception()
    convolutions = net.convolutions()
    weights = sum(c.weight.numel() for c in convolutions)
    norms = sum(2 * c.out_channels for c in convolutions)
    assert len(convolutions) == 94
    assert weights + norms + 2049 * 1000 == 23_834_568  # torchvision's, of 1000 classes
    assert net.classifier.weight.shape == (1008, 2048)


def test_features_are_finite_float32_whatever_the_size_and_channels(network: inception.Inception) -> None:
    assert (network.name, network.dim) == ("inception", 2048)
    for channels, size in ((1, (28, 28)), (4, (5, 300))):
        features = network(torch.randint(0, 256, (2, channels, *size), dtype=torch.uint8))
        assert features.shape == (2, 2048)
        assert features.dtype == torch.float32
        assert features.isfinite().all()
        assert not features.requires_grad


def test_grey_is_seen_as_the_same_in_three_channels(network: inception.Inception) -> None:
    grey = torch.randint(0, 256, (1, 1, 32, 32), dtype=torch.uint8)
    assert torch.equal(network(grey), network(grey.expand(-1, 3, -1, -1)))


# --- what differs from other networks of this name --------------------------------------------------------------------


def test_the_resize_has_no_half_pixel_centres_and_repeats_the_last_row() -> None:
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 4, 4)
    expected = (torch.arange(299) * 4 / 299).clamp(max=3)
    torch.testing.assert_close(inception.resize(ramp), expected.expand(1, 1, 299, 299))
    turned = inception.resize(ramp.mT)
    torch.testing.assert_close(turned, expected[:, None].expand(1, 1, 299, 299))


def test_the_resize_does_not_smooth_where_pictures_shrink() -> None:
    images = torch.rand(1, 3, 598, 897)
    assert torch.equal(inception.resize(images), images[..., ::2, ::3])


def test_pictures_of_the_networks_own_size_are_left_alone() -> None:
    images = torch.randint(0, 256, (1, 3, 299, 299), dtype=torch.uint8)
    assert torch.equal(inception.prepare(images), (images.float() - 128) / 128)


@given(height=st.integers(1, 700), width=st.integers(1, 700), value=st.integers(0, 255))
def test_a_picture_of_one_colour_stays_that_colour(height: int, width: int, value: int) -> None:
    prepared = inception.prepare(torch.full((1, 3, height, width), value, dtype=torch.uint8))
    assert prepared.shape == (1, 3, 299, 299)
    assert (prepared == (value - 128) / 128).all()


def test_average_pools_leave_the_padding_out_of_the_count() -> None:
    ones = torch.ones(1, 2, 8, 8)
    pools = [module for module in inception.Inception().modules() if isinstance(module, nn.AvgPool2d)]
    assert len(pools) == 8  # three at 35 × 35, four at 17 × 17, one at 8 × 8
    assert all(torch.equal(pool(ones), ones) for pool in pools)


def test_the_last_block_pools_maxima_and_the_one_before_it_means() -> None:
    *_, before, last = inception.Inception().blocks
    x = torch.rand(1, 2, 8, 8)
    assert torch.equal(last[-1][0](x), nn.functional.max_pool2d(x, 3, stride=1, padding=1))
    assert isinstance(before[-1][0], nn.AvgPool2d)


def test_logits_are_linear_in_the_features_without_a_bias(network: inception.Inception) -> None:
    assert network.logits(torch.zeros(1, 2048)).abs().max() == 0
    assert network.logits(torch.rand(3, 2048)).shape == (3, 1008)


# --- loading ----------------------------------------------------------------------------------------------------------


def test_loading_leaves_the_callers_random_numbers_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    torch.save({"w": torch.zeros(2)}, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth: not FID's Inception of 2015: 94 convolutions were expected"):
        inception.load_file(tmp_path / "x.pth")
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(MissingFile, match="no such file"):
        inception.load_file(tmp_path / "nothing")


class Layer(nn.Module):
    """A convolution in the way of TensorFlow's graph."""

    def __init__(self, weight: Tensor, beta: Tensor, mean: Tensor, var: Tensor) -> None:
        super().__init__()
        self.weight, self.beta = nn.Parameter(weight), nn.Parameter(beta)
        self.register_buffer("mean", mean)
        self.register_buffer("var", var)

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_archive_with_names_of_its_own_is_the_same_network(
    made: dict[str, Any], state: dict[str, Tensor], network: inception.Inception, tmp_path: Path
) -> None:
    whole = nn.Module()
    for i, name in enumerate(NAMES):
        parts = [state[f"{name}.{own}"] for own in ("conv.weight", "bn.bias", "bn.running_mean", "bn.running_var")]
        parts[0] = parts[0] * state[f"{name}.bn.weight"].view(-1, 1, 1, 1)  # gamma γ(Wx − μ) goes into W and μ
        parts[2] = parts[2] * state[f"{name}.bn.weight"]
        whole.add_module(f"conv_{i}", Layer(*parts))
    whole.output = nn.Linear(2048, 1008)
    whole.output.weight = nn.Parameter(state["fc.weight"])
    path = tmp_path / "x.pt"
    torch.jit.script(whole).save(str(path))
    found = inception.load_file(path)
    for a, b in zip(found.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
