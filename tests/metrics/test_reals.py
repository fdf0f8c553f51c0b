import numpy as np
import pytest
import torch

from stylegans.data.images import open_dataset
from stylegans.errors import UserError
from stylegans.files.cache import cache_folder
from stylegans.metrics.reals import Choice, RealFeatures

CPU = torch.device("cpu")


def features(reals, network, choice=None, *, batch=7, sha256=""):
    steps = reals.features(network, choice or Choice(), batch=batch, device=CPU, sha256=sha256)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def test_every_picture_enters_once_though_the_set_be_mirrored(simple, colours):
    data = colours(20, xflip=True)
    got = features(RealFeatures(data), simple.means)
    assert got.gaussian.count == 20
    np.testing.assert_allclose(got.features, data.values)
    np.testing.assert_allclose(got.gaussian.mean, data.values.mean(axis=0), rtol=1e-6)


def test_mirrored_pictures_enter_where_a_protocol_wants_them(simple, colours):
    assert features(RealFeatures(colours(20, xflip=True)), simple.means, Choice(mirrored=True)).gaussian.count == 40
    assert features(RealFeatures(colours(20)), simple.means, Choice(mirrored=True)).gaussian.count == 20


def test_pictures_of_16_bits_are_measured_in_8(simple, colours):
    data = colours(20)
    plain = features(RealFeatures(data), simple.means)
    data.values = data.values.astype(np.uint16) * np.uint16(257)
    np.testing.assert_array_equal(plain.features, features(RealFeatures(data), simple.means).features)


def test_when_there_are_more_pictures_than_asked_the_seed_chooses(simple, colours):
    def chosen(seed):
        return features(RealFeatures(colours(50)), simple.means, Choice(num=10, seed=seed)).features

    np.testing.assert_array_equal(chosen(1), chosen(1))
    assert len(chosen(1)) == 10
    assert not np.array_equal(chosen(1), chosen(2))


def test_features_are_computed_once_for_each_choice_and_those_of_some_are_among_those_of_all(simple, colours):
    reals = RealFeatures(colours(12))
    some = [features(reals, simple.means, Choice(num=num), batch=50) for num in (8, 8, 6)]
    assert [len(images) for images in simple.means.seen] == [8, 6]
    features(reals, simple.means, batch=50)
    again = RealFeatures(colours(12))
    features(again, simple.means, batch=50)
    simple.means.seen.clear()
    np.testing.assert_array_equal(features(again, simple.means, Choice(num=8)).features, some[0].features)
    assert not simple.means.seen


def test_labels_are_drawn_as_the_set_has_them(colours):
    labels = RealFeatures(colours(30, c_dim=3)).labels(300, c_dim=3, seed=0)
    assert labels.shape == (300, 3)
    assert labels.sum(dim=0).min() > 60
    with pytest.raises(UserError, match="labels of length 2, the data set has labels of length 3"):
        RealFeatures(colours(9, c_dim=3)).labels(4, c_dim=2, seed=0)
    with pytest.raises(UserError, match="the data set has none"):
        RealFeatures(colours(9)).labels(4, c_dim=2, seed=0)


def test_fewer_than_four_pictures_are_refused(simple, colours):
    with pytest.raises(UserError, match="at least 4 real pictures, not 3"):
        features(RealFeatures(colours(3)), simple.means)


def test_the_halves_of_a_set_are_disjoint_and_drawn_by_the_seed(simple, colours):
    real = features(RealFeatures(colours(11)), simple.means)
    first, second = real.halves(3)
    assert (len(first.features), len(second.features)) == (6, 5)
    together = np.concatenate([first.features, second.features])
    assert sorted(map(tuple, together)) == sorted(map(tuple, real.features))
    assert not np.array_equal(real.halves(4)[0].features, first.features)


# --- on the disk ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("STYLEGANS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "pictures"
    path.mkdir()
    for number in range(6):
        Image.new("RGB", (8, 8), (number * 40, 7, 9)).save(path / f"{number}.png")
    return path


def test_features_are_kept_on_the_disk_under_the_contents_of_pictures_and_network(folder, simple):
    first = features(RealFeatures(open_dataset(folder)), simple.means, sha256="a")
    simple.means.seen.clear()
    second = features(RealFeatures(open_dataset(folder)), simple.means, sha256="a")
    assert not simple.means.seen
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.gaussian.covariance, second.gaussian.covariance)
    assert first.gaussian.count == second.gaussian.count

    features(RealFeatures(open_dataset(folder)), simple.means, sha256="b")  # other weights
    features(RealFeatures(open_dataset(folder, size=(4, 4))), simple.means, sha256="a")  # other sizes
    features(RealFeatures(open_dataset(folder)), simple.means, Choice(num=5), sha256="a")  # among those of all
    assert len(simple.means.seen) == 2
    (folder / "0.png").write_bytes((folder / "1.png").read_bytes())  # a picture under an old name
    changed = features(RealFeatures(open_dataset(folder)), simple.means, sha256="a")
    assert not np.array_equal(changed.features, first.features)


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_in_the_cache_is_made_again(folder, simple, damage):
    first = features(RealFeatures(open_dataset(folder)), simple.means, sha256="a")
    (kept,) = cache_folder("features").iterdir()
    kept.write_bytes(kept.read_bytes()[:-9] if damage is None else damage)
    second = features(RealFeatures(open_dataset(folder)), simple.means, sha256="a")
    np.testing.assert_array_equal(first.features, second.features)


def test_a_cache_that_cannot_be_written_does_not_stop_a_measurement(folder, simple, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STYLEGANS_CACHE", str(tmp_path / "file"))
    assert features(RealFeatures(open_dataset(folder)), simple.means, sha256="a").gaussian.count == 6
