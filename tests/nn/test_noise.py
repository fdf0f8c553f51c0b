import torch

from stylegans.nn.noise import NoiseInput, stored_maps


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


def test_there_is_one_strength_or_one_per_channel():
    assert make().noise_strength.shape == ()
    layer = NoiseInput((4, 6), 3)
    assert {name: value.shape for name, value in layer.state_dict().items()} == {
        "noise_strength": (3,),
        "noise_const": (4, 6),
    }


def test_every_channel_scales_the_noise_by_its_own_strength():
    layer = NoiseInput((4, 6), 3)
    layer.noise_strength.data = torch.tensor([0.0, 1.0, 2.0])
    for noise in ("const", "random"):
        added = layer(torch.zeros(2, 3, 4, 6), noise=noise)
        assert torch.equal(added[:, 0], torch.zeros(2, 4, 6))
        assert torch.equal(added[:, 2], 2 * added[:, 1])
        assert added[:, 1].abs().sum() > 0


def test_the_stored_maps_have_the_names_of_their_buffers():
    network = torch.nn.Sequential(torch.nn.ReLU(), NoiseInput((4, 6)), torch.nn.Sequential(NoiseInput((8, 12), 3)))
    maps = stored_maps(network)
    assert list(maps) == ["1.noise_const", "2.0.noise_const"]
    assert all(found is network.get_buffer(name) for name, found in maps.items())
    assert stored_maps(network[0]) == {}
