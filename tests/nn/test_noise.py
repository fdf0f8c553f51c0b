import torch

from stylegans.nn.noise import NoiseInput


def make():
    layer = NoiseInput((4, 6))
    torch.nn.init.ones_(layer.noise_strength)
    return layer


def test_strength_starts_at_zero():
    x = torch.randn(2, 3, 4, 6)
    assert torch.equal(NoiseInput((4, 6))(x, noise="const"), x)


def test_the_same_noise_goes_to_all_channels():
    added = make()(torch.zeros(2, 3, 4, 6), noise="random")
    assert torch.equal(added[:, 0], added[:, 2])
    assert not torch.equal(added[0], added[1])


def test_random_noise_repeats_with_its_generator():
    first, second = (
        make()(torch.zeros(1, 1, 4, 6), noise="random", generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first, second)


def test_none_adds_nothing_and_const_the_stored_map():
    layer, x = make(), torch.randn(2, 3, 4, 6)
    assert torch.equal(layer(x, noise="none"), x)
    assert torch.equal(layer(x, noise="const"), x + layer.noise_const)
