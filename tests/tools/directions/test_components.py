import numpy as np
import pytest
import torch

from stylegans.config import DCGAN
from stylegans.errors import UserError
from stylegans.networks.families import build_generator
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.components import axes_through, find_pca, principal_axes
from stylegans.tools.directions.spread import spread
from stylegans.tools.generate import styles


def test_planted_axes_are_found_with_their_deviations() -> None:
    draws = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=draws))[0].T
    deviations = torch.tensor([5.0, 3.0, 2.0, 0.1, 0.1, 0.1], dtype=torch.float64)
    x = (torch.randn(20_000, 6, dtype=torch.float64, generator=draws) * deviations) @ axes + 10
    found, measured = principal_axes(spread(x.split(999)), 3)
    np.testing.assert_allclose((found * axes[:3]).sum(dim=1).abs(), 1, atol=1e-3)
    np.testing.assert_allclose(measured, deviations[:3], rtol=0.02)


def test_components_are_the_singular_vectors_of_the_centred_w(generator: StyleGAN2Generator) -> None:
    w = styles(generator, range(300))[:, 0].double().numpy()
    _, values, vectors = np.linalg.svd(w - w.mean(axis=0), full_matrices=False)
    found = find_pca(generator, count=4, samples=300)
    assert [each.name for each in found] == ["pc0", "pc1", "pc2", "pc3"]
    for each, value, vector in zip(found, values, vectors, strict=False):
        assert abs(each.vector.double().numpy() @ vector) == pytest.approx(1, abs=1e-5)
        assert each.deviation == pytest.approx(value / np.sqrt(300), rel=1e-5)
        assert each.facts["variance"] == pytest.approx(value**2 / (values**2).sum(), rel=1e-5)


def test_of_one_class_they_are_its_own(conditional: StyleGAN2Generator) -> None:
    w = styles(conditional, range(200), label=2)[:, 0].double().numpy()
    first = np.linalg.svd(w - w.mean(axis=0))[2][0]
    (found,) = find_pca(conditional, count=1, samples=200, label=2)
    assert abs(found.vector.double().numpy() @ first) == pytest.approx(1, abs=1e-5)


def test_through_a_layer_they_are_what_a_regression_gives() -> None:
    draws = torch.Generator().manual_seed(0)
    z, A = (torch.randn(*shape, dtype=torch.float64, generator=draws) for shape in ((500, 4), (9, 4)))
    found, deviations = axes_through(A, spread([z]), 3)
    centred = (z - z.mean(dim=0)).numpy()
    y = centred @ A.T.numpy()
    _, values, axes = np.linalg.svd(y, full_matrices=False)
    coordinates = y @ axes[:3].T
    regressed = np.linalg.lstsq(coordinates, centred, rcond=None)[0]
    regressed /= np.linalg.norm(regressed, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs((found.numpy() * regressed).sum(axis=1)), 1, atol=1e-9)
    np.testing.assert_allclose(deviations, values[:3] / np.sqrt(500), rtol=1e-9)


def test_a_model_without_a_mapping_network_has_them_too() -> None:
    G = build_generator(DCGAN(z_dim=6, resolution=(8, 8), channel_base=32, channel_max=8))
    found = find_pca(G, count=6, samples=500)
    assert {each.space for each in found} == {"z"}
    assert sum(each.facts["variance"] for each in found) == pytest.approx(1, abs=0.15)


def test_more_components_than_there_are_are_refused(generator: StyleGAN2Generator) -> None:
    with pytest.raises(UserError, match="--count: 17 is not between 1 and 16"):
        find_pca(generator, count=17, samples=100)
