import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from stylegans.ops.packed import Packed


@pytest.mark.parametrize("size", [(4, 4), (16, 16), (17, 16)])
@pytest.mark.parametrize("n", [1, 3])
@torch.no_grad()
def test_convolutions_equal_pytorchs(size, n):
    packed, weight = Packed(), torch.randn(32, 16, 3, 3)
    for count in (n, n + 1):  # another batch with the same packed weight
        x = torch.randn(count, 16, *size).contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(packed.conv2d(x, weight, padding=1), F.conv2d(x, weight, padding=1))
        expected = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        torch.testing.assert_close(packed.conv_transpose2d(x, weight, stride=2), expected)


@torch.no_grad()
def test_it_is_computed_once_until_the_weight_changes():
    packed, weight = Packed(), torch.randn(4, 4, 3, 3)
    first = packed.squares(weight)
    assert packed.squares(weight) is first
    weight.mul_(2)
    torch.testing.assert_close(packed.squares(weight), 4 * first)
    other = torch.zeros(4, 4, 3, 3)
    assert packed.squares(other).sum() == 0


def test_a_copy_begins_anew():
    packed, weight = Packed(), torch.randn(4, 4, 3, 3)
    first = packed.squares(weight)
    for twin in (copy.deepcopy(packed), pickle.loads(pickle.dumps(packed))):
        assert twin.squares(weight) is not first
