import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylegans.data.images import LabelKind, open_dataset
from stylegans.errors import MissingFile, UserError
from stylegans.files.pictures import save_png
from stylegans.files.tensors import write_tensors
from stylegans.metrics.attributes import (
    LinearAttributes,
    Quality,
    Targets,
    area_under_curve,
    learn,
    load,
    logistic_regression,
    quality,
    targets,
)


class Means:
    """A feature network that anyone can check: the mean of each channel."""

    name, dim = "means", 3

    def __call__(self, images: Tensor) -> Tensor:
        return images.float().mean(dim=(2, 3))


class Labels:
    """A data set's labels alone."""

    def __init__(self, rows: object, kind: LabelKind, names: list[str] | None = None) -> None:
        self.rows, self.label_kind, self.label_names = np.asarray(rows, np.float32), kind, names

    def label(self, index: int) -> np.ndarray:
        return self.rows[index]


def known(count: int = 400, *, dim: int = 6, seed: int = 0) -> tuple[np.ndarray, Targets]:
    """Features, and attributes that are linear in them, or pure chance."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, dim)).astype(np.float32) * np.linspace(1, 3, dim, dtype=np.float32) + 5
    common, rare = x[:, 0] > 5, x[:, 1] > np.quantile(x[:, 1], 0.9)
    return x, Targets(("common", "rare", "chance"), np.stack([common, rare, rng.random(count) < 0.5], axis=1))


def learnt(**changes: object) -> LinearAttributes:
    features, of = known()
    return learn(features, of, network=Means(), data_hash="abc", **changes)  # type: ignore[arg-type]


def test_classes_are_an_attribute_each_against_the_rest() -> None:
    found = targets(Labels(np.eye(3)[[0, 2, 1, 2]], "classes", ["cat", "dog", "owl"]), [3, 1, 0])
    assert found.names == ("cat", "dog", "owl")
    np.testing.assert_array_equal(found.values, np.array([[0, 0, 1], [0, 0, 1], [1, 0, 0]], bool))


def test_two_classes_are_one_attribute() -> None:
    found = targets(Labels(np.eye(2)[[0, 1, 1]], "classes", ["cat", "dog"]), range(3))
    assert found.names == ("dog",)
    np.testing.assert_array_equal(found.values[:, 0], [False, True, True])


def test_yes_and_no_are_an_attribute_per_place() -> None:
    found = targets(Labels([[1, 0], [1, 1]], "vectors"), range(2))
    assert found.names == ("label 0", "label 1")
    np.testing.assert_array_equal(found.values, [[True, False], [True, True]])


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (Labels(np.zeros((2, 0)), ""), "the set has none or was opened without"),
        (Labels([[0.5, 1], [0, 1]], "vectors"), "vectors hold other numbers"),
        (Labels([[2, 1], [0, 1]], "vectors"), "vectors hold other numbers"),
        (Labels([[1], [1]], "classes"), "a single class"),
    ],
    ids=["none", "conditions", "counts", "one-class"],
)
def test_labels_that_are_no_attributes_are_refused_in_one_line(labels: Labels, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as error:
        targets(labels, range(2))
    assert "\n" not in str(error.value)


def test_linear_attributes_are_learnt_and_chance_is_named() -> None:
    found = learnt()
    assert found.names == ("common", "rare", "chance")
    common, rare, chance = found.qualities
    assert min(common.auc, common.balanced_accuracy, rare.auc) > 0.95
    assert 0.3 < chance.auc < 0.7
    assert found.no_better_than_chance == ("chance",)
    assert found.left_out == ()
    assert common.positives + common.negatives == 80  # a fifth


def test_qualities_are_those_of_pictures_held_out() -> None:
    """Noise of more dimensions than pictures is learnt by heart, and must not be believed."""
    rng = np.random.default_rng(0)
    features, values = rng.standard_normal((200, 300)).astype(np.float32), rng.random((200, 4)) < 0.5
    found = learn(features, Targets(tuple("abcd"), values), network=Means(), data_hash="")
    on_all = (found.logits(torch.from_numpy(features)).numpy() > 0) == values
    assert on_all.mean() > 0.85
    assert np.mean([quality.accuracy for quality in found.qualities]) < 0.6
    assert len(found.no_better_than_chance) >= 3


def test_the_sides_weigh_the_same_however_rare_an_attribute_is() -> None:
    """Two equal Gaussians, one of them rare: the boundary stays in the middle."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal(9500) - 1, rng.standard_normal(500) + 1])[:, None]
    weight, bias = logistic_regression(torch.from_numpy(x), torch.arange(10_000)[:, None] >= 9500)
    assert -bias.item() / weight.item() == pytest.approx(0, abs=0.1)


def test_regression_is_that_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 5)), rng.random((300, 2)) < (0.5, 0.1)
    y[:, 0] ^= x[:, 0] > 0
    x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0).mean())
    weight, bias = logistic_regression(torch.from_numpy(x), torch.from_numpy(y), penalty=0.02)
    for i in range(2):
        reference = linear_model.LogisticRegression(C=1 / (0.02 * len(x)), class_weight="balanced", tol=1e-10)
        reference.fit(x, y[:, i])
        np.testing.assert_allclose(weight[i], reference.coef_[0], atol=1e-4)
        np.testing.assert_allclose(bias[i], reference.intercept_[0], atol=1e-4)


def test_regression_does_not_mind_the_features_unit_or_origin_or_one_that_is_constant() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((200, 4)))
    x[:, 3] = 0
    y = x[:, :1] > x[:, 1:2]
    other = 1e3 * x + torch.tensor([7.0, 0.0, -1e3, 2.0])
    weight, bias = logistic_regression(x, y)
    other_weight, other_bias = logistic_regression(other, y)
    torch.testing.assert_close(other @ other_weight.T + other_bias, x @ weight.T + bias, rtol=1e-4, atol=1e-4)
    assert weight[0, 3] == 0


def test_features_that_are_nearly_still_in_real_pictures_do_not_decide_about_others() -> None:
    rng = np.random.default_rng(0)
    y = rng.random((400, 1)) < 0.5
    strong, faint = np.where(y, 1.0, -1.0) + 0.3 * rng.standard_normal((400, 1)), 1e-3 * y
    weight, bias = logistic_regression(torch.from_numpy(np.hstack([strong, faint])), torch.from_numpy(y))
    generated = torch.tensor([[1.0, -0.2], [-1.0, 0.2]], dtype=torch.float64)  # the faint one moves two hundred times
    assert ((generated @ weight.T + bias) > 0).tolist() == [[True], [False]]


def test_features_that_do_not_vary_tell_nothing() -> None:
    weight, bias = logistic_regression(torch.ones(10, 2), torch.arange(10)[:, None] > 6)
    assert not weight.any()
    assert bias.item() == pytest.approx(0, abs=1e-5)


def test_equal_seeds_give_equal_classifiers_and_draw_nothing_from_torch() -> None:
    state = torch.random.get_rng_state()
    one, same, other = learnt(seed=1), learnt(seed=1), learnt(seed=2)
    assert torch.equal(one.weight, same.weight)
    assert one.qualities == same.qualities != other.qualities
    assert torch.equal(torch.random.get_rng_state(), state)


def test_attributes_that_hardly_vary_are_left_out_and_named() -> None:
    features, of = known()
    values = of.values.copy()
    values[:, 1], values[:, 2] = True, np.arange(400) == 7
    found = learn(features, Targets(of.names, values), network=Means(), data_hash="")
    assert found.names == ("common",)
    assert found.left_out == ("rare", "chance")
    with pytest.raises(UserError, match="too few pictures"):
        learn(features, Targets(of.names[1:], values[:, 1:]), network=Means(), data_hash="")
    with pytest.raises(UserError, match="too few pictures"):
        learn(features[:1], Targets(of.names, values[:1]), network=Means(), data_hash="")


@given(
    pairs=st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30).filter(
        lambda pairs: len({has for _, has in pairs}) == 2
    )
)
def test_area_under_the_curve_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    logits, y = np.array([value for value, _ in pairs], float), np.array([has for _, has in pairs])
    order = np.sign(logits[y][:, None] - logits[~y])
    assert area_under_curve(logits, y) == pytest.approx((order.mean() + 1) / 2)


def test_quality_counts_each_side_on_its_own() -> None:
    found = quality("x", np.array([1.0, -1, -2, -3, 2]), np.array([True, True, False, False, False]))
    assert (found.positives, found.negatives) == (2, 3)
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.auc == pytest.approx(4 / 6)


def test_a_single_lucky_picture_is_no_proof_of_a_classifier() -> None:
    lucky = Quality("x", positives=1, negatives=40, accuracy=1, balanced_accuracy=1, auc=0.95)
    assert lucky.is_chance
    assert not Quality("x", positives=40, negatives=40, accuracy=1, balanced_accuracy=1, auc=0.95).is_chance


def test_saved_classifiers_are_the_same_when_read(tmp_path: Path) -> None:
    found = learn(*known(dim=3), network=Means(), data_hash="abc")
    found.save(tmp_path / "a.safetensors")
    again = load(tmp_path / "a.safetensors", Means())
    images = torch.randint(256, (5, 3, 4, 4), dtype=torch.uint8)
    assert torch.equal(again(images), found(images))
    assert torch.equal(again(images), again.logits(Means()(images)))
    assert (again.qualities, again.left_out, again.data_hash) == (found.qualities, found.left_out, "abc")
    assert again(images).shape == (5, 3)
    assert again(images).dtype == torch.float32


def test_files_of_other_things_or_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(MissingFile):
        load(path, Means())
    write_tensors(path, {"weight": torch.ones(1)}, metadata={})
    with pytest.raises(UserError, match="no attribute classifiers"):
        load(path, Means())
    learnt().save(path)
    other = Means()
    other.name = "ends"
    with pytest.raises(UserError, match="features of means, not ends"):
        load(path, other)


def test_a_data_set_is_learnt_from_its_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(60):
        red, bright = (int(value) for value in rng.integers(0, 2, 2))
        colour = np.array([100 + 60 * red, 100, 130 - 60 * red]) + 60 * bright
        save_png(tmp_path / f"{i:03}.png", (colour + rng.integers(-20, 20, (8, 8, 3))).clip(0, 255).astype(np.uint8))
        rows.append([f"{i:03}.png", [red, bright]])
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": rows, "label_names": ["red", "bright"]}))
    data = open_dataset(tmp_path, labels=True)
    images = torch.from_numpy(np.stack([data.image(i) for i in range(60)]))
    found = learn(Means()(images).numpy(), targets(data, range(60)), network=Means(), data_hash=data.content_hash())
    assert found.names == ("red", "bright")
    assert [quality.accuracy for quality in found.qualities] == [1, 1]
    np.testing.assert_array_equal(found(images).numpy() > 0, [label for _, label in rows])
