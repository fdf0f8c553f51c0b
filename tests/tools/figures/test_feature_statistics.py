from typing import Any

import numpy as np
import pytest
import torch

from stylegans.config import Mapping, ProGAN, StyleGAN, StyleGAN3
from stylegans.errors import UserError
from stylegans.networks.families import build_generator
from stylegans.tools.feature_maps import feature_maps
from stylegans.tools.figures import feature_statistics, sheet
from stylegans.tools.figures.feature_statistics import (
    grey,
    highest,
    layer_features,
    normalisation,
    norms,
    of_normal_values,
    peak,
    peaks,
    strongest,
    thumbnail,
)
from stylegans.tools.generate import styles


def test_a_peak_is_max_over_mean_and_1_where_all_is_equal_or_nothing() -> None:
    assert peak(torch.tensor([[1.0, 2.0], [3.0, 6.0]])) == 2
    assert peak(torch.ones(3, 4)) == 1
    assert peak(torch.zeros(3, 4)) == 1


@pytest.mark.parametrize("count", [100, 10_000])
def test_of_independent_normal_values_the_median_peak_is_the_dotted_line(count: int) -> None:
    torch.manual_seed(0)
    found = [peak(torch.randn(count).abs()) for _ in range(401)]
    assert np.median(found) == pytest.approx(of_normal_values(count), rel=0.02)


def test_a_spike_in_one_place_is_a_high_ratio_and_a_white_pixel_on_black() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 4, 8, 8)
    calm = peak(norms(x))
    x[0, 2, 3, 5] = 500
    assert peak(norms(x)) > 20 * calm
    for shown in (grey(norms(x)[0]), grey(strongest(x[0]))):
        assert shown.shape == (8, 8, 1)
        assert shown[3, 5] == 255
        assert np.sort(shown.ravel())[-2] < 10


@pytest.mark.parametrize("sign", [1, -1])
def test_the_strongest_channel_is_that_of_the_largest_magnitude_and_highest_there(sign: int) -> None:
    x = torch.zeros(3, 2, 2)
    x[0, 0, 0], x[1, 0, 1], x[1, 1, 0], x[2, 1, 1] = 2, -5, 1, 3
    assert torch.equal(strongest(sign * x), torch.tensor([[1.0, 6.0], [0.0, 1.0]]))


def test_ratios_are_those_of_each_picture_and_layer(generator: Any) -> None:
    found = peaks(generator, samples=3, seed=7, truncation=0.5)
    maps = [x for _, x in feature_maps(generator, styles(generator, (8,), truncation=0.5))]
    assert found.shape == (3, len(maps), 2)
    for layer, x in enumerate(maps):
        length = x.square().sum(dim=1).sqrt()
        expected = [float(x.abs().max() / x.abs().mean()), float(length.max() / length.mean())]
        np.testing.assert_allclose(found[1, layer], expected, rtol=1e-4)


def test_a_row_for_each_layer_and_two_columns_for_each_picture(make: Any) -> None:
    G = make(resolution=(24, 40), channels=4)
    layouts = []

    def watch(cells: Any, **labels: Any) -> Any:
        layouts.append((cells, labels))
        return layout(cells, **labels)

    layout = sheet.layout
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_statistics, "layout", watch)
        figure = layer_features(G, (4,), samples=2)
    (cells, labels), _charts = layouts
    assert [row.replace("\n", " ") for row in labels["rows"]] == [
        "picture", "layer 0 5×3", "layer 1 10×6", "layer 2 10×6", "layer 3 20×12", "layer 4 20×12", "layer 5 40×24",
        "layer 6 40×24",
    ]  # fmt: skip
    assert [group.name for group in labels["column_groups"]] == ["Seed 4", "Seed 5", "Seed 6"]
    assert [len(row) for row in cells] == [6] * 8
    assert all(each is None for each in cells[0][1::2])
    assert all(max(each.shape[:2]) <= 200 for row in cells for each in row if each is not None)
    assert "demodulates" in figure.caption
    assert "of 2 pictures" in figure.caption


def test_numbers_in_the_caption_name_the_layer() -> None:
    assert highest(np.array([3.0, 41.26, 5.0]), [(4, 4), (8, 8), (8, 12)]) == (
        "median is 41.3 in layer 1 (8²), where it is highest, and 16.4 in the mean of all layers"
    )


def test_what_normalises_is_told_by_the_config(one_style: Any, generator: Any) -> None:
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=1)
    small: dict[str, Any] = {"channel_base": 64, "channel_max": 8}
    for config, words in (
        (StyleGAN(mapping=mapping, resolution=(8, 8), **small), "AdaIN"),
        (StyleGAN3(mapping=mapping, resolution=(16, 16), num_layers=4, num_critical=1, **small), "demodulates"),
        (ProGAN(z_dim=8, resolution=(8, 8), **small), "by pixel"),
    ):
        assert words in normalisation(build_generator(config))
    assert normalisation(one_style) == ""


def test_a_panel_has_the_pictures_shape_and_there_is_room_for_many() -> None:
    assert thumbnail((1024, 512)) == (128, 64)
    assert thumbnail((24, 40)) == (96, 160)
    assert thumbnail((96, 64)) == (192, 128)


def test_a_model_without_feature_maps_is_refused(one_style: Any) -> None:
    with pytest.raises(UserError, match="feature-maps: this model has no feature maps"):
        layer_features(one_style)
