from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegans.metrics.perceptual_path_length import EPSILON
from stylegans.networks.protocol import Generator
from stylegans.tools.figures import path_lengths, sheet
from stylegans.tools.figures.path_lengths import (
    DIRECTIONS,
    SHOWN,
    Lengths,
    by_path_length,
    jacobian,
    lengths,
    rank_correlation,
    space_of,
)


class Squared:
    """In place of LPIPS: the sum of squares, of which the path length is known."""

    name = "lpips_alexnet"

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.double() - b.double()).square().sum(dim=(1, 2, 3))


class Linear(torch.nn.Module):
    """x = s · w, one pixel for each number of w, where w = z; s is 2 where the first of them is positive, else 1."""

    z_dim = w_dim = 6
    c_dim, num_ws, img_channels, img_resolution, has_noise = 0, 2, 1, (2, 3), False

    def __init__(self) -> None:
        super().__init__()
        self.mapping = torch.nn.Identity()
        self.mapping.forward = lambda z, c=None, **_: z[:, None].repeat(1, 2, 1)  # type: ignore[method-assign]
        self.mapping.weight = torch.nn.Parameter(torch.ones(()))

    def parameters(self, recurse: bool = True) -> Any:
        return self.mapping.parameters()

    def synthesis(self, ws: Tensor, **_: Any) -> Tensor:
        w = ws.mean(dim=1)
        scale = torch.where(w[:, :1].detach() > 0, 2.0, 1.0)
        return (scale * w).reshape(-1, 1, 2, 3)


def test_of_a_linear_generator_both_lengths_are_known() -> None:
    from stylegans.tools.generate import latents

    G: Any = Linear()
    found = lengths(G, Squared(), (0, 1, 2, 3), seed=5)  # type: ignore[arg-type]
    scales = torch.where(latents(G, (0, 1, 2, 3))[:, 0] > 0, 2.0, 1.0).numpy()
    for position, scale in enumerate(scales):
        z = latents(G, (position,)).double().numpy()
        others = np.random.default_rng((5, position)).standard_normal((DIRECTIONS, 6)).astype(np.float32)
        expected = scale**2 * ((others - z) ** 2).sum(axis=1).mean()
        assert found.perceptual[position] == pytest.approx(expected, rel=0.02)  # of float32 and ε
    assert EPSILON == 1e-4
    # ‖Jᵀy‖: each of two layers gets half of s · y, y having 6 values of variance 1/6
    ratios = found.jacobian / scales
    assert ratios.mean() == pytest.approx(0.5, rel=0.2)
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)  # of the same y


def test_a_pictures_lengths_do_not_depend_on_how_many_come_after(generator: Any) -> None:
    once = lengths(generator, Squared(), (4, 2, 7))  # type: ignore[arg-type]
    fewer = lengths(generator, Squared(), (4, 2))  # type: ignore[arg-type]
    np.testing.assert_allclose(once.perceptual[:2], fewer.perceptual, rtol=1e-6)
    np.testing.assert_allclose(once.jacobian[:2], fewer.jacobian, rtol=1e-6)


def test_the_jacobians_length_scales_with_the_picture(generator: Any) -> None:
    class Doubled:
        def __getattr__(self, name: str) -> Any:
            return getattr(generator, name)

        def synthesis(self, ws: Tensor, **options: Any) -> Tensor:
            return 2 * generator.synthesis(ws, **options)

    both: list[Generator] = [generator, Doubled()]
    found = [jacobian(G, 3, source=torch.Generator().manual_seed(1)) for G in both]
    assert found[1] == pytest.approx(2 * found[0], rel=1e-5)
    assert found[0] > 0


def test_rank_correlation_sees_order_alone() -> None:
    a = np.array([3.0, 1.0, 10.0, 7.0])
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert rank_correlation(a, -(a**3)) == pytest.approx(-1)
    assert rank_correlation(a, np.ones(4)) == 0


def test_the_ends_are_shown_in_order_with_their_lengths(generator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).permutation(20) + 1.0
    monkeypatch.setattr(path_lengths, "lengths", lambda *_, **__: Lengths(values, values**2))
    layouts = []
    layout = sheet.layout

    def watch(cells: Any, **labels: Any) -> Any:
        layouts.append((cells, labels))
        return layout(cells, **labels)

    monkeypatch.setattr(path_lengths, "layout", watch)
    figure = by_path_length(generator, Squared(), samples=20)  # type: ignore[arg-type]
    (low, smallest), (high, largest), _charts = layouts
    assert [text.split("\n")[1] for text in smallest["columns"]] == [str(k) for k in range(1, SHOWN + 1)]
    assert [text.split("\n")[1] for text in largest["columns"]] == [str(k) for k in range(20, 20 - SHOWN, -1)]
    assert smallest["columns"][0].startswith(f"seed {int(values.argmin())}\n")
    assert [len(row) for row in (*low, *high)] == [SHOWN] * 2
    assert "ρ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}1" in figure.caption
    assert "LPIPS of AlexNet" in figure.caption
    assert "mean 10.5, median 10.5" in figure.caption


def test_pictures_that_do_not_change_have_the_figure_too_and_without_w_it_is_of_z(
    one_style: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_lengths, "DIRECTIONS", 2)
    figure = by_path_length(one_style, Nothing(), samples=16)  # type: ignore[arg-type]
    assert "directions in Z " in figure.caption
    assert "mean 0, median 0" in figure.caption


def test_each_picture_is_of_its_own_class_or_of_the_one_that_is_asked_for(conditional: Any) -> None:
    from stylegans.tools.generate import classes

    own = lengths(conditional, Squared(), (6,))  # type: ignore[arg-type]
    same, other = (
        lengths(conditional, Squared(), (6,), label=(classes(conditional, (6,))[0] + k) % 5)  # type: ignore[arg-type]
        for k in (0, 1)
    )
    assert own.perceptual == same.perceptual
    assert own.perceptual != other.perceptual
    assert space_of(conditional) == "w"


class Nothing(Squared):
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        return 0 * super().__call__(a, b)


def test_too_few_pictures_are_refused(generator: Any) -> None:
    with pytest.raises(ValueError, match="15 pictures are too few"):
        by_path_length(generator, Squared(), samples=15)  # type: ignore[arg-type]
