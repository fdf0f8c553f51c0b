import numpy as np
import pytest
import torch
from torch import Tensor

from stylegans.config import Mapping, StyleGAN2
from stylegans.errors import UserError
from stylegans.metrics import suite
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.suite import RealFeatures, fd_mobilenet, frechet, generated_images
from stylegans.networks.stylegan2 import StyleGAN2Generator


class Means:
    """A feature network that anyone can check: the mean of each channel."""

    name, dim = "means", 3

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        assert images.dtype == torch.uint8
        self.seen.append(images)
        return images.float().mean(dim=(2, 3))


class Colours:
    """A data set of plain pictures; class = number mod c_dim."""

    def __init__(self, count: int, *, c_dim: int = 0, xflip: bool = False) -> None:
        self.values = np.random.default_rng(0).integers(0, 256, (count, 3), dtype=np.uint8)
        self.c_dim, self.xflip = c_dim, xflip

    def __len__(self) -> int:
        return len(self.values) * (1 + self.xflip)

    def image(self, index: int) -> np.ndarray:
        if index >= len(self.values):
            raise AssertionError("a mirrored picture was asked for")
        return np.broadcast_to(self.values[index][:, None, None], (3, 8, 8)).copy()

    def label(self, index: int) -> np.ndarray:
        return np.eye(self.c_dim, dtype=np.float32)[index % self.c_dim] if self.c_dim else np.zeros(0, np.float32)


@pytest.fixture(scope="module")
def generator() -> StyleGAN2Generator:
    return make_generator()


def make_generator(**options: object) -> StyleGAN2Generator:
    torch.manual_seed(0)
    mapping = Mapping(z_dim=7, w_dim=8, num_layers=1, c_dim=int(options.pop("c_dim", 0)))  # type: ignore[call-overload]
    config = StyleGAN2(mapping=mapping, resolution=(8, 8), channel_base=64, channel_max=8, **options)  # type: ignore[arg-type]
    network = StyleGAN2Generator(config).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.5)
    return network


def test_real_statistics_are_of_every_picture_once_though_the_set_be_mirrored() -> None:
    data = Colours(20, xflip=True)
    reals = RealFeatures(data)
    got = reals.statistics(Means(), num=100, seed=0, batch=7, device=torch.device("cpu"))
    assert got.gaussian.count == 20
    np.testing.assert_allclose(got.gaussian.mean, data.values.mean(axis=0), rtol=1e-6)


def test_real_pictures_of_16_bits_are_measured_in_8() -> None:
    data = Colours(20)
    plain = RealFeatures(data).statistics(Means(), num=20, seed=0, batch=7, device=torch.device("cpu"))
    data.values = data.values.astype(np.uint16) * np.uint16(257)
    deep = RealFeatures(data).statistics(Means(), num=20, seed=0, batch=7, device=torch.device("cpu"))
    np.testing.assert_array_equal(plain.gaussian.mean, deep.gaussian.mean)


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_no_feature_network_sees_are_refused_up_front(channels: int) -> None:
    suite.check_channels(4)
    with pytest.raises(UserError, match=f"^--metrics: pictures of {channels} channels cannot be measured"):
        suite.check_channels(channels)


def test_when_there_are_more_real_pictures_than_asked_the_seed_chooses() -> None:
    def chosen(seed: int) -> np.ndarray:
        reals = RealFeatures(Colours(50))
        return reals.statistics(Means(), num=10, seed=seed, batch=7, device=torch.device("cpu")).gaussian.mean

    assert RealFeatures(Colours(50)).count == 50
    np.testing.assert_array_equal(chosen(1), chosen(1))
    assert not np.array_equal(chosen(1), chosen(2))


def test_real_features_are_computed_once_for_each_protocol() -> None:
    network, reals = Means(), RealFeatures(Colours(12))
    for num in (8, 8, 6):
        reals.statistics(network, num=num, seed=0, batch=50, device=torch.device("cpu"))
    assert [len(images) for images in network.seen] == [8, 6]


def test_the_floor_is_the_distance_between_two_disjoint_halves() -> None:
    data = Colours(11)
    got = RealFeatures(data).statistics(Means(), num=11, seed=3, batch=4, device=torch.device("cpu"))
    order = np.random.default_rng(3).permutation(11)
    first, second = (statistics(data.values[part].astype(float)) for part in (order[:6], order[6:]))
    assert got.floor == pytest.approx(frechet_distance(first, second), rel=1e-6)


def test_latents_and_labels_do_not_depend_on_the_batch_but_on_the_seed() -> None:
    G = make_generator(c_dim=3, use_noise=False)
    reals = RealFeatures(Colours(9, c_dim=3))

    def pictures(batch: int, seed: int) -> Tensor:
        return torch.cat(list(generated_images(G, reals, num=10, seed=seed, batch=batch))).int()

    assert (pictures(10, 0) - pictures(3, 0)).abs().max() <= 1
    assert (pictures(10, 0) - pictures(10, 1)).abs().max() > 1


def test_the_first_picture_is_that_of_the_seed(generator: StyleGAN2Generator) -> None:
    (picture,) = generated_images(generator, RealFeatures(Colours(4)), num=1, seed=5, batch=1)
    z = torch.from_numpy(np.random.RandomState(5).randn(1, 7).astype(np.float32))
    noise = torch.Generator().manual_seed(5)
    expected = generator(z, noise="random", generator=noise)
    assert torch.equal(picture, (expected * 127.5 + 128).clamp(0, 255).to(torch.uint8))


def test_labels_are_drawn_as_the_set_has_them() -> None:
    labels = RealFeatures(Colours(30, c_dim=3)).labels(300, c_dim=3, seed=0)
    assert labels.shape == (300, 3)
    assert labels.sum(dim=0).min() > 60


def test_measuring_repeats_to_the_last_bit_and_leaves_the_callers_random_numbers_alone(
    generator: StyleGAN2Generator,
) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    measure = [
        frechet(generator, RealFeatures(Colours(20)), Means(), num=12, seed=1, batch=5, name="fd_means")
        for _ in range(2)
    ]
    assert measure[0] == measure[1]
    assert torch.equal(torch.get_rng_state(), state)
    assert (measure[0].num_generated, measure[0].num_real, measure[0].features) == (12, 12, "means")


def test_the_distance_is_of_generated_against_real(generator: StyleGAN2Generator) -> None:
    data = Colours(20)
    got = frechet(generator, RealFeatures(data), Means(), num=12, seed=1, batch=5, name="fd_means")
    fake = torch.cat(list(generated_images(generator, RealFeatures(data), num=12, seed=1, batch=5)))
    chosen = np.random.default_rng(1).permutation(20)[:12]
    expected = frechet_distance(
        statistics(fake.float().mean(dim=(2, 3)).numpy()), statistics(data.values[chosen].astype(float))
    )
    assert got.value == pytest.approx(expected, rel=1e-5)


def test_fd_mobilenet_is_written_with_its_protocol_and_never_called_fid(generator: StyleGAN2Generator) -> None:
    measurement = fd_mobilenet(generator, RealFeatures(Colours(6)), num=5, seed=2)
    assert measurement.name == "fd_mobilenet"
    assert measurement.value > 0
    text = str(measurement)
    assert "5 generated, 5 real" in text
    assert "mobilenet_v2" in text
    assert "real against real" in text
    assert "seed 2" in text
    assert "fid" not in text.lower()
    assert not any("fid" in name for name in suite.METRICS)


def test_what_cannot_be_measured_is_refused(generator: StyleGAN2Generator) -> None:
    def measure(G: StyleGAN2Generator, data: Colours, num: int) -> None:
        frechet(G, RealFeatures(data), Means(), num=num, seed=0, batch=5, name="fd_means")

    with pytest.raises(UserError, match="at least 4 generated pictures, not 3"):
        measure(generator, Colours(9), 3)
    with pytest.raises(UserError, match="at least 4 real pictures, not 3"):
        measure(generator, Colours(3), 9)
    conditional = make_generator(c_dim=3)
    with pytest.raises(UserError, match="labels of length 3, the data set has none"):
        measure(conditional, Colours(9), 9)
    with pytest.raises(UserError, match="labels of length 3, the data set has labels of length 2"):
        measure(conditional, Colours(9, c_dim=2), 9)
