import torch
from torch.nn import functional as F

from stylegans.metrics.features.trunk import Block, Trunk


def test_each_block_pools_then_convolves_and_gives_its_last_activation() -> None:
    trunk = Trunk("toy", (Block(4, convolutions=2), Block(6, kernel=5, stride=2, padding=2, pool=3)), smallest=8)
    assert trunk.widths == (4, 6)
    first, second, third = trunk.convolutions
    x = torch.randn(2, 3, 9, 12)
    one = F.relu(second(F.relu(first(x))))
    two = F.relu(third(F.max_pool2d(one, 3, stride=2)))
    layers = trunk(x)
    assert [tuple(layer.shape) for layer in layers] == [(2, 4, 9, 12), (2, 6, 2, 3)]
    assert torch.equal(layers[0], one)
    assert torch.equal(layers[1], two)


def test_its_state_is_named_by_the_number_of_the_convolution() -> None:
    with torch.device("meta"):
        trunk = Trunk("toy", (Block(4, convolutions=2), Block(6, pool=2)), smallest=8)
    assert list(trunk.state_dict()) == [f"convolutions.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
