import torch

from stylegans.nn.inputs import ConstantInput


def test_every_sample_starts_from_the_same_constant():
    x = ConstantInput(5, (3, 4))(2)
    assert x.shape == (2, 5, 3, 4)
    assert torch.equal(x[0], x[1])
