import sys

import pytest
import torch

from stylegans.errors import UserError
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.apply import apply_direction
from stylegans.tools.directions.boundary import check_installed, find_boundary, fit_boundary
from stylegans.tools.directions.labels import class_scores
from stylegans.tools.generate import styles

DRAWS = torch.Generator().manual_seed(0)
W = torch.randn(3000, 12, generator=DRAWS)
NORMAL = torch.nn.functional.normalize(torch.randn(12, generator=DRAWS), dim=0)


def test_the_normal_of_a_planted_hyperplane_is_found() -> None:
    found = fit_boundary(W, (W @ NORMAL).numpy())
    assert float(found.normal.float() @ NORMAL) > 0.98
    assert float(found.normal.norm()) == pytest.approx(1)
    assert found.accuracy > 0.99
    assert (found.positives, found.negatives) == (600, 600)


def test_neither_the_place_nor_the_scale_of_the_latents_matters() -> None:
    scores = ((W @ NORMAL) > 0.3).float().numpy()
    here, there = fit_boundary(W, scores), fit_boundary(100 * W + 1000, scores)
    assert float(here.normal @ there.normal) > 0.9999
    assert there.offset == pytest.approx(100 * here.offset + 1000 * float(here.normal.sum()), rel=1e-2)
    assert here.offset == pytest.approx(0.3, abs=0.1)


def test_more_of_one_side_does_not_move_the_boundary_over_the_other() -> None:
    along = W @ NORMAL
    chosen = (along > 0.2) | ((along < -0.2) & (torch.arange(len(W)) % 20 == 0))  # a gap around 0
    found = fit_boundary(W[chosen], (along[chosen] > 0).float().numpy())
    assert abs(found.offset) < 0.2
    assert found.accuracy > 0.9


def test_labels_by_chance_are_not_believed() -> None:
    labels = torch.randint(2, [3000], generator=DRAWS).numpy()
    assert fit_boundary(W, labels).accuracy == pytest.approx(0.5, abs=0.06)


def test_of_two_sides_far_apart_the_normal_leads_from_one_to_the_other() -> None:
    # many planes part them; the hardest margin's is decided by the few nearest latents, in whatever direction they lie
    draws = torch.Generator().manual_seed(1)
    apart = torch.nn.functional.normalize(torch.randn(12, generator=draws), dim=0)
    labels = torch.arange(3000) % 10 == 0
    ws = torch.randn(3000, 12, generator=draws) * torch.linspace(0.1, 2, 12) + 12 * labels[:, None] * apart
    assert float(fit_boundary(ws, labels.float().numpy()).normal.float() @ apart) > 0.98


def test_it_repeats_exactly() -> None:
    scores = (W @ NORMAL).numpy()
    assert torch.equal(fit_boundary(W, scores).normal, fit_boundary(W, scores).normal)


def test_a_boundary_of_seeds_is_that_of_their_w(generator: StyleGAN2Generator) -> None:
    seeds = range(10, 210)
    w = styles(generator, seeds)[:, 0]
    found = find_boundary(generator, seeds, w[:, 2].numpy(), keep=80, name="third", layers=(0, 1))
    expected = fit_boundary(w, w[:, 2].numpy(), keep=80)
    torch.testing.assert_close(found.vector, expected.normal.float())
    assert (found.name, found.method, found.layers) == ("third", "boundary", (0, 1))
    assert found.facts["accuracy"] == expected.accuracy > 0.9
    assert found.deviation == pytest.approx(float((w.double() @ expected.normal).std(correction=0)), rel=1e-5)


def test_the_farther_along_a_classs_boundary_the_more_of_the_others_become_it(conditional: StyleGAN2Generator) -> None:
    seeds = range(400)
    scores = class_scores(conditional, seeds, 3)
    means = torch.stack([styles(conditional, range(100), label=each)[:, 0].mean(dim=0) for each in range(5)])
    found = find_boundary(conditional, seeds, scores)
    others = styles(conditional, [seed for seed, score in zip(seeds, scores, strict=True) if not score])
    shares = [
        float((torch.cdist(apply_direction(others, found, strength)[:, 0], means).argmin(dim=1) == 3).float().mean())
        for strength in (-4.0, 0.0, 4.0, 8.0)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.05
    assert shares[3] > 0.6  # of an untrained mapping network, whose classes overlap


def test_too_few_on_a_side_are_refused() -> None:
    with pytest.raises(UserError, match="--labels: 4 pictures with the attribute and 46 without"):
        fit_boundary(W[:50], [1] * 4 + [0] * 46)


def test_without_scikit_learn_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(UserError, match=r"pip install 'stylegans\[metrics\]'"):
        check_installed()
