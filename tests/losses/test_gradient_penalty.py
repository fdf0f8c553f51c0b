import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylegans.losses.adversarial import GAMES
from stylegans.losses.gradient_penalty import difference, drift, interpolate, r1, r2, wgan_gp

each_penalty = pytest.mark.parametrize("penalty", [r1, r2, wgan_gp])


def linear(a: Tensor, images: Tensor) -> Tensor:
    """D(x) = <a, x>."""
    return (images * a).sum(dim=[1, 2, 3])[:, None]


def critic(images: Tensor, w: Tensor, v: Tensor) -> Tensor:
    """A smooth critic of two layers."""
    return (images.flatten(1) @ w).tanh() @ v


# Closed forms.


@pytest.mark.parametrize("penalty", [r1, r2])
def test_r1_and_r2_of_a_linear_score_are_the_squared_norm_of_its_weights(penalty):
    w, images = torch.randn(3, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    values = penalty(linear(w, images), images)
    torch.testing.assert_close(values, w.square().sum().expand(2))
    values.sum().backward()
    torch.testing.assert_close(w.grad, 4 * w.detach())


@given(target=st.floats(0, 10))
def test_wgan_gp_of_a_linear_score_is_its_norms_squared_distance_to_the_target(target):
    a = torch.randn(3, 4, 4, dtype=torch.float64, requires_grad=True)
    images = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    values, norm = wgan_gp(linear(a, images), images, target), a.detach().norm()
    torch.testing.assert_close(values, (norm - target).square().expand(2))
    (found,) = torch.autograd.grad(values.sum(), a)
    torch.testing.assert_close(found, 4 * (norm - target) * a.detach() / norm)


def test_wgan_gps_target_is_one_unless_told():
    a = torch.randn(3, 4, 4)
    images = torch.randn(2, 3, 4, 4, requires_grad=True)
    torch.testing.assert_close(wgan_gp(linear(a / a.norm(), images), images), torch.zeros(2))


def test_r1_of_a_quadratic_score_is_the_squared_distance():
    images = torch.randn(5, 3, 4, 2, requires_grad=True)
    scores = images.square().sum(dim=[1, 2, 3])[:, None] / 2
    torch.testing.assert_close(r1(scores, images), 2 * scores.squeeze(1))


def test_the_difference_of_a_linear_score_estimates_r1_without_bias_whatever_sigma():
    a, images = torch.randn(3, 2, 2), torch.randn(1, 3, 2, 2).expand(20_000, -1, -1, -1)
    for sigma in (0.01, 1.0):
        shifted = images + sigma * torch.randn(images.shape)
        values = difference(linear(a, images), linear(a, shifted), sigma=sigma)
        assert values.shape == (20_000,)
        torch.testing.assert_close(values.mean(), a.square().sum(), rtol=0.05, atol=0)


# Laws.


@each_penalty
def test_a_penalty_is_each_samples_own(penalty):
    w, v, images = torch.randn(12, 5), torch.randn(5, 1), torch.randn(4, 3, 2, 2, requires_grad=True)
    together = penalty(critic(images, w, v), images)
    assert together.shape == (4,)
    alone = []
    for image in images.detach().split(1):
        image.requires_grad_()
        alone.append(penalty(critic(image, w, v), image))
    torch.testing.assert_close(together, torch.cat(alone))


@each_penalty
def test_a_constant_added_to_the_scores_costs_nothing(penalty):
    w, v, images = torch.randn(12, 5), torch.randn(5, 1), torch.randn(4, 3, 2, 2, requires_grad=True)
    scores = critic(images, w, v)
    torch.testing.assert_close(penalty(scores + 7, images), penalty(scores, images))


@each_penalty
def test_first_and_second_derivatives_are_right(penalty):
    w, v = torch.randn(4, 3, dtype=torch.float64), torch.randn(3, 1, dtype=torch.float64)
    images = torch.randn(2, 1, 2, 2, dtype=torch.float64)
    inputs = [tensor.requires_grad_() for tensor in (w, v, images)]

    def of_all(w: Tensor, v: Tensor, images: Tensor) -> Tensor:
        return penalty(critic(images, w, v), images)

    assert torch.autograd.gradcheck(of_all, inputs)
    assert torch.autograd.gradgradcheck(of_all, inputs)


def test_wgan_gp_of_a_flat_critic_has_a_finite_gradient():
    a, images = torch.zeros(3, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    values = wgan_gp(linear(a, images), images)
    torch.testing.assert_close(values, torch.ones(2))
    values.sum().backward()
    assert a.grad.isfinite().all()


@pytest.mark.parametrize(
    ("penalty", "converges"), [(r1, True), (r2, True), (wgan_gp, False), (None, False)], ids=["R1", "R2", "GP", "none"]
)
def test_the_dirac_gan_converges_with_r1_or_r2_and_not_with_wgan_gp_or_nothing(penalty, converges):
    """Mescheder et al. 2018, sections 2 and 3: data at 0, a generator at θ, D(x) = ψx, simultaneous steps.

    In the minimax game, which never comes closer by itself; the non-saturating one does, ever more slowly.
    """
    game, start = GAMES["saturating"], math.hypot(1, 1)
    theta, psi = torch.ones([]), torch.ones([])
    for _ in range(150):
        theta, psi = theta.detach().requires_grad_(), psi.detach().requires_grad_()
        score = (psi * theta)[None, None]
        (on_theta,) = torch.autograd.grad(game.generator(score).sum(), theta, retain_graph=True)
        loss = game.fake(score).sum()
        if penalty is not None:
            image = (torch.zeros([]) if penalty is r1 else theta).detach().reshape(1, 1, 1, 1).requires_grad_()
            loss = loss + penalty(linear(psi, image), image).sum() / 2
        (on_psi,) = torch.autograd.grad(loss, psi)
        theta, psi = theta - 0.2 * on_theta, psi - 0.2 * on_psi
    distance = math.hypot(theta.item(), psi.item())
    assert distance < 0.05 * start if converges else distance > start


# Interpolation.


def test_interpolation_draws_one_uniform_epsilon_per_sample():
    n = 4096
    mixed = interpolate(torch.ones(n, 2, 2, 1), torch.zeros(n, 2, 2, 1), generator=torch.Generator().manual_seed(0))
    epsilon = mixed[:, 0, 0, 0]
    assert (mixed == epsilon[:, None, None, None]).all()
    assert epsilon.min() >= 0
    assert epsilon.max() <= 1
    torch.testing.assert_close(epsilon.sort().values, torch.linspace(0, 1, n), rtol=0, atol=0.04)


def test_interpolated_pictures_lie_on_the_segment():
    real, fake = torch.randn(2, 8, 3, 4, 4, dtype=torch.float64)
    mixed = interpolate(real, fake, generator=torch.Generator().manual_seed(0))
    assert mixed.dtype == torch.float64
    lengths = [(a - b).flatten(1).norm(dim=1) for a, b in ((real, mixed), (mixed, fake), (real, fake))]
    torch.testing.assert_close(lengths[0] + lengths[1], lengths[2])


def test_interpolation_is_the_generators_alone():
    real, fake = torch.randn(2, 8, 3, 4, 4)
    first = interpolate(real, fake, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(5)
    assert (interpolate(real, fake, generator=torch.Generator().manual_seed(1)) == first).all()
    assert (interpolate(real, fake, generator=torch.Generator().manual_seed(2)) != first).any()


# Drift.


def test_drift_is_the_squared_score_and_draws_a_critics_scores_to_zero_mean():
    scores = torch.randn(6, 1, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(drift(scores), scores.squeeze(1) * scores.squeeze(1))
    (slopes,) = torch.autograd.grad(drift(scores - scores.mean()).sum(), scores)
    torch.testing.assert_close(slopes.sum(), torch.zeros([], dtype=torch.float64))
    assert drift(scores - scores.mean()).mean() < drift(scores).mean()
    assert torch.autograd.gradgradcheck(drift, [scores])
