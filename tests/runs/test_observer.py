import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stylegans.data.images import open_dataset
from stylegans.metrics.suite import RealFeatures
from stylegans.networks.pyramid import register_lod, set_lod
from stylegans.nn.dropout import Dropout
from stylegans.runs.observer import Observer, Seen, shrink


class Playback(nn.Module):
    """A generator that plays back given pictures [N, C, H, W] in [-1, 1], from the first at every look."""

    z_dim, c_dim, has_noise = 2, 0, False

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self.pictures = nn.Parameter(pictures)
        self.at = 0
        register_lod(self)

    def forward(self, z: Tensor, c: Tensor | None = None, **_: object) -> Tensor:
        index = torch.arange(self.at, self.at + len(z)) % len(self.pictures)
        self.at += len(z)
        return self.pictures[index]


class Pictures:
    """A data set of given pictures, uint8 [N, C, H, W]."""

    xflip = False

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def image(self, index: int) -> np.ndarray:
        return self.pictures[index]

    def label(self, index: int) -> np.ndarray:
        return np.zeros(0, np.float32)


@pytest.fixture(scope="module")
def emoji() -> np.ndarray:
    data = open_dataset("emoji-people", size=(32, 32))
    return np.stack([data.image(int(i)) for i in np.random.default_rng(0).permutation(len(data))[:80]])


def observer(pictures: np.ndarray, *, num: int = 20) -> Observer:
    reals = RealFeatures(Pictures(pictures))
    return Observer(reals, channels=pictures.shape[1], num=num, seed=0, device=torch.device("cpu"))


def as_images(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).float() / 127.5 - 1


def look(pictures: np.ndarray, generated: Tensor):
    return observer(pictures).look(Playback(generated), Playback(generated), images=7, averages={"loss_G": 1.0})


def test_other_real_pictures_are_as_varied_as_the_real_ones_and_near_them(emoji):
    seen = look(emoji[::2], as_images(emoji[1::2]))
    assert (seen.images, seen.lod, seen.averages) == (7, 0.0, {"loss_G": 1.0})
    assert 0.8 < seen.diversity < 1.25
    assert 0.6 < seen.diversity_raw < 1.6  # five pictures only
    assert 0.7 < seen.nearest < 1.4
    noise = look(emoji[::2], torch.rand(20, 3, 32, 32) * 2 - 1)
    assert noise.distance > 3 * seen.distance > 0


def test_one_picture_again_and_again_has_no_variety(emoji):
    seen = look(emoji, as_images(emoji[:1]))
    assert seen.diversity == pytest.approx(0, abs=1e-6)
    assert seen.diversity_raw == pytest.approx(0, abs=1e-6)
    assert seen.nearest == pytest.approx(0, abs=1e-3)


def test_four_pictures_again_and_again_are_varied_but_repeated(emoji):
    seen = look(emoji, as_images(emoji[::20]))
    assert seen.diversity > 0.6
    assert seen.nearest == pytest.approx(0, abs=1e-3)


def test_a_look_repeats_to_the_last_bit_and_disturbs_nothing(emoji):
    generator = Playback(as_images(emoji[:10]))
    generator.drop = Dropout(0.5)
    state = torch.get_rng_state()
    looks = []
    for training in (True, False):
        generator.train(training)
        generator.at = 0
        average = Playback(as_images(emoji[:10]))
        looks.append(observer(emoji).look(average.eval(), generator, images=0, averages={}))
        assert generator.training is generator.drop.training is training
    assert looks[0] == looks[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_raw_generator_is_looked_at_too(emoji):
    seen = observer(emoji).look(Playback(as_images(emoji[:20])), Playback(as_images(emoji[:1])), images=0, averages={})
    assert seen.diversity > 0.5
    assert seen.diversity_raw == pytest.approx(0, abs=1e-6)


def test_pictures_without_a_network_for_them_are_compared_by_their_pixels():
    pictures = np.random.default_rng(0).integers(0, 256, (12, 5, 8, 8), dtype=np.uint8)
    seen = look(pictures, as_images(pictures))
    assert seen.distance is None
    assert seen.diversity == pytest.approx(1, abs=0.1)
    assert look(pictures, as_images(pictures[:1])).diversity == pytest.approx(0, abs=1e-6)


def test_sixteen_bits_are_seen_like_eight(emoji):
    deep = emoji.astype(np.uint16) * 257
    eight, sixteen = (look(pictures, as_images(emoji)) for pictures in (emoji, deep))
    assert sixteen.diversity == pytest.approx(eight.diversity, rel=1e-3)
    assert sixteen.distance == pytest.approx(eight.distance, rel=1e-2, abs=1e-2)


def test_a_growing_generator_is_held_to_the_variety_it_can_draw(emoji):
    coarse = Playback(
        torch.nn.functional.avg_pool2d(as_images(emoji), 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    )
    seen = {}
    for lod in (0.0, 2.0):
        set_lod(coarse, lod)
        coarse.at = 0
        seen[lod] = observer(emoji, num=80).look(coarse, coarse, images=0, averages={})
    assert seen[2.0].lod == 2
    assert seen[2.0].diversity == pytest.approx(1, rel=0.01)
    assert seen[2.0].distance == seen[0.0].distance  # to the pictures as they are
    assert seen[0.0].nearest < 0.8 * seen[2.0].nearest  # blocks are more like each other than pictures are


def test_what_is_known_of_the_real_pictures_is_worked_out_once(emoji, monkeypatch):
    here = observer(emoji)
    real = here.real(0.0)
    assert here.real(1.5) is not real
    assert len(here.real(1.25).summaries) == 20
    monkeypatch.setattr(here, "see", None)
    assert here.real(0.0) is real


def test_repetition_is_the_median_distance_to_the_nearest_other():
    seen = Seen(variety=0.0, summaries=np.array([[0.0], [1.0], [3.0], [6.0], [10.0]]))
    assert seen.repetition(5) == pytest.approx(2)  # of 1, 1, 2, 3, 4
    assert seen.repetition(2) == pytest.approx(1)


def test_large_pictures_are_shrunk_to_64_and_keep_their_aspect():
    assert shrink(torch.zeros(1, 3, 128, 192)).shape == (1, 3, 64, 96)
    small = torch.zeros(1, 3, 64, 900)
    assert shrink(small) is small


def test_a_set_of_equal_pictures_gives_numbers_too(emoji):
    seen = look(np.repeat(emoji[:1], 5, axis=0), as_images(emoji[:1]))
    assert np.isfinite([seen.diversity, seen.diversity_raw, seen.distance]).all()


def test_drawing_a_small_set_by_heart_is_not_taken_for_a_few_repeated_pictures(emoji):
    by_heart = as_images(emoji)[torch.randint(80, (200,), generator=torch.Generator().manual_seed(0))]
    seen = observer(emoji, num=200).look(Playback(by_heart), Playback(by_heart), images=0, averages={})
    assert seen.nearest > 0.5
    assert look(emoji[:31], as_images(emoji)).nearest is None  # too few to tell
