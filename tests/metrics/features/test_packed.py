import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import lpips, mobilenet
from stylegans.metrics.features.packed import SCALE, pack, unpack


@given(st.integers(1, 8), st.integers(1, 4), st.integers(1, 3), st.floats(1e-6, 1e3))
def test_a_weight_comes_back_to_half_a_step_of_its_channels_largest(outputs, inputs, size, spread) -> None:
    weight = torch.randn(outputs, inputs, size, size) * spread * torch.logspace(-3, 3, outputs).view(-1, 1, 1, 1)
    integers, scale = pack(weight)
    assert integers.dtype == torch.int16
    back = unpack({"w": integers, "w" + SCALE: scale, "b": torch.ones(2)})
    assert set(back) == {"w", "b"}
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    assert ((back["w"] - weight).abs() <= largest / 32767 * 0.51).all()


@given(st.integers(1, 8), st.integers(1, 40))
def test_a_dense_layers_weight_is_a_1x1_convolutions(outputs, inputs) -> None:
    weight = torch.randn(outputs, inputs)
    integers, scale = pack(weight)
    as_convolution = pack(weight[..., None, None])
    assert scale.shape == (outputs, 1)
    assert torch.equal(integers, as_convolution[0][..., 0, 0])
    assert torch.equal(scale, as_convolution[1][..., 0, 0])


def test_a_channel_of_zeros_stays_zero() -> None:
    integers, scale = pack(torch.zeros(2, 3, 1, 1))
    assert torch.equal(unpack({"w": integers, "w" + SCALE: scale})["w"], torch.zeros(2, 3, 1, 1))


@pytest.mark.parametrize("embedded", [lpips, mobilenet])
def test_weights_that_are_not_the_published_are_refused(embedded: ModuleType, tmp_path: Path) -> None:
    copy = tmp_path / "weights.safetensors"
    shutil.copy(embedded.WEIGHTS, copy)
    embedded.load_file(copy)
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(UserError, match="not the feature network that was published"):
        embedded.load_file(copy)
    with pytest.raises(MissingFile, match="missing"):
        embedded.load_file(tmp_path / "nothing")
