import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stylegans.losses import adversarial
from stylegans.losses.adversarial import GAMES, Game

SCORES = st.lists(st.floats(-30, 30), min_size=1, max_size=6).map(
    lambda scores: torch.tensor(scores, dtype=torch.float64)[:, None]
)
DENSITIES = st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.05, 1), st.floats(-2, 2)), min_size=2, max_size=6).map(
    lambda rows: torch.tensor(rows, dtype=torch.float64).T
)
each_game = pytest.mark.parametrize("game", GAMES.values(), ids=GAMES.keys())
each_pairing = pytest.mark.parametrize(
    "loss", [adversarial.generator_relativistic, adversarial.discriminator_relativistic]
)


def slope(loss, scores: Tensor) -> Tensor:
    """The loss's derivative by the score, ``[N]``."""
    scores = scores.detach().requires_grad_()
    return torch.autograd.grad(loss(scores).sum(), scores)[0].squeeze(1)


def cost(game: Game, scores: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """The discriminator's expected loss for real density p and generated density q over finitely many pictures."""
    return (p * game.real(scores[:, None]) + q * game.fake(scores[:, None])).sum()


def densities(drawn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    p, q, shift = drawn
    return p / p.sum(), q / q.sum(), shift


# Every game.


def test_the_games_by_name():
    assert set(GAMES) == {"non-saturating", "saturating", "wgan", "wgan-gp", "hinge", "least-squares"}
    assert GAMES["wgan-gp"] == GAMES["wgan"]


@each_game
def test_a_loss_is_one_value_per_sample_of_its_own_score(game):
    scores = torch.linspace(-3, 3, 7)[:, None]
    for loss in (game.generator, game.real, game.fake):
        together = loss(scores)
        assert together.shape == (7,)
        torch.testing.assert_close(together, torch.cat([loss(score[None]) for score in scores]))


@each_game
def test_the_discriminator_parts_the_scores_and_the_generator_raises_its_own(game):
    undecided = torch.full([1, 1], 0.5)
    assert slope(game.real, undecided) < 0
    assert slope(game.fake, undecided) > 0
    assert slope(game.generator, undecided) < 0


@each_game
@pytest.mark.parametrize("score", [-1e4, 1e4])
def test_losses_and_slopes_of_extreme_scores_are_finite(game, score):
    scores = torch.full([2, 1], score)
    for loss in (game.generator, game.real, game.fake):
        assert loss(scores).isfinite().all()
        assert slope(loss, scores).isfinite().all()


@each_game
def test_first_and_second_derivatives_are_right(game):
    scores = torch.tensor([[-2.3], [-0.4], [0.6], [1.7]], dtype=torch.float64, requires_grad=True)
    for loss in (game.generator, game.real, game.fake):
        curved = lambda scores, loss=loss: loss(scores.sin() * 2)  # noqa: E731
        assert torch.autograd.gradcheck(curved, [scores])
        assert torch.autograd.gradgradcheck(curved, [scores])


@pytest.mark.parametrize("name", ["non-saturating", "saturating", "wgan", "hinge"])
@given(scores=SCORES)
def test_real_and_generated_pictures_are_mirror_images_to_the_discriminator(name, scores):
    torch.testing.assert_close(GAMES[name].fake(scores), GAMES[name].real(-scores))


# Goodfellow et al. 2014.


def test_an_undecided_discriminator_costs_log_two_each_way():
    zero = torch.zeros(3, 1)
    for loss in (
        adversarial.generator_non_saturating,
        adversarial.discriminator_logistic_real,
        adversarial.discriminator_logistic_fake,
    ):
        torch.testing.assert_close(loss(zero), torch.full([3], math.log(2)))


def test_losses_are_the_papers_logarithms():
    scores = torch.randn(5, 1, dtype=torch.float64)
    p = scores.sigmoid().squeeze(1)
    torch.testing.assert_close(adversarial.generator_saturating(scores), (1 - p).log())
    torch.testing.assert_close(adversarial.generator_non_saturating(scores), -p.log())
    torch.testing.assert_close(adversarial.discriminator_logistic_real(scores), -p.log())
    torch.testing.assert_close(adversarial.discriminator_logistic_fake(scores), -(1 - p).log())


@given(drawn=DENSITIES)
def test_the_minimax_value_is_the_jensen_shannon_divergence_and_no_discriminator_does_better(drawn):
    p, q, shift = densities(drawn)
    best = (p / q).log()  # σ(best) = p / (p + q)
    middle = (p + q) / 2
    divergence = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    value = cost(GAMES["saturating"], best, p, q)
    torch.testing.assert_close(value, math.log(4) - 2 * divergence)
    assert cost(GAMES["saturating"], best + shift, p, q) >= value - 1e-12


@pytest.mark.parametrize("name", ["saturating", "wgan"])
@given(scores=SCORES)
def test_the_minimax_and_wasserstein_games_are_zero_sum(name, scores):
    torch.testing.assert_close(GAMES[name].generator(scores), -GAMES[name].fake(scores))


@given(scores=SCORES)
def test_saturating_and_non_saturating_pull_the_same_way_with_mirrored_weights(scores):
    saturating = slope(adversarial.generator_saturating, scores)
    non_saturating = slope(adversarial.generator_non_saturating, scores)
    assert (saturating < 0).all()
    assert (non_saturating < 0).all()
    torch.testing.assert_close(saturating, slope(adversarial.generator_non_saturating, -scores))
    torch.testing.assert_close(saturating + non_saturating, torch.full_like(saturating, -1))


def test_at_the_fixed_point_both_generators_have_the_same_gradient():
    fixed = torch.zeros(1, 1)
    assert slope(adversarial.generator_saturating, fixed) == slope(adversarial.generator_non_saturating, fixed) == -0.5


def test_against_a_sure_discriminator_only_the_saturating_gradient_vanishes():
    sure = torch.full([1, 1], -50.0)
    assert abs(slope(adversarial.generator_saturating, sure)) < 1e-20
    assert slope(adversarial.generator_non_saturating, sure) == -1


# Arjovsky et al. 2017.


@given(drawn=DENSITIES)
def test_the_critics_loss_is_minus_the_difference_of_the_mean_scores(drawn):
    p, q, scores = densities(drawn)
    torch.testing.assert_close(cost(GAMES["wgan"], scores, p, q), (q * scores).sum() - (p * scores).sum())


# Lim & Ye 2017; Miyato et al. 2018.


@given(beyond=st.floats(0.001, 100))
def test_the_hinge_is_zero_and_still_beyond_the_margin(beyond):
    right = torch.full([1, 1], 1 + beyond)
    for loss, scores in ((adversarial.discriminator_hinge_real, right), (adversarial.discriminator_hinge_fake, -right)):
        assert loss(scores) == 0
        assert slope(loss, scores) == 0


@given(short=st.floats(0.001, 100))
def test_the_hinge_is_the_distance_to_the_margin_short_of_it(short):
    wrong = torch.full([1, 1], 1 - short, dtype=torch.float64)
    for loss, scores in ((adversarial.discriminator_hinge_real, wrong), (adversarial.discriminator_hinge_fake, -wrong)):
        torch.testing.assert_close(loss(scores), torch.tensor([short], dtype=torch.float64))
        assert slope(loss, scores).abs() == 1


@given(drawn=DENSITIES)
def test_the_best_hinge_value_is_twice_the_overlap_of_the_densities(drawn):
    p, q, shift = densities(drawn)
    best = (p - q).sign()
    value = cost(GAMES["hinge"], best, p, q)
    torch.testing.assert_close(value, 2 * torch.minimum(p, q).sum())
    assert cost(GAMES["hinge"], best + shift, p, q) >= value - 1e-12


# Mao et al. 2017.


@given(scores=SCORES)
def test_least_squares_is_half_the_squared_distance_to_the_label(scores):
    values, game = scores.squeeze(1), GAMES["least-squares"]
    torch.testing.assert_close(game.generator(scores), (values**2 - 2 * values + 1) / 2)
    torch.testing.assert_close(game.real(scores), (values**2 - 2 * values + 1) / 2)
    torch.testing.assert_close(game.fake(scores), values**2 / 2)


@given(drawn=DENSITIES)
def test_the_best_least_squares_score_is_the_share_of_real_pictures(drawn):
    p, q, shift = densities(drawn)
    best = p / (p + q)
    value = cost(GAMES["least-squares"], best, p, q)
    torch.testing.assert_close(value, (p * q / (p + q)).sum() / 2)
    assert cost(GAMES["least-squares"], best + shift, p, q) >= value - 1e-12


# Jolicoeur-Martineau 2018; R3GAN.


@each_pairing
@given(scores=SCORES, constant=st.floats(-1e3, 1e3))
def test_relativistic_losses_do_not_change_when_both_scores_are_shifted(loss, scores, constant):
    fake, real = scores, scores.flip(0) / 2
    torch.testing.assert_close(loss(fake + constant, real + constant), loss(fake, real), rtol=1e-6, atol=1e-9)


@given(scores=SCORES)
def test_the_relativistic_players_swap_the_roles_of_real_and_generated(scores):
    fake, real = scores, scores.flip(0) / 2
    generator = adversarial.generator_relativistic(fake, real)
    torch.testing.assert_close(generator, adversarial.discriminator_relativistic(real, fake))
    odds = (fake - real).sigmoid().squeeze(1)
    torch.testing.assert_close(generator, -odds.log())


@each_pairing
def test_a_relativistic_tie_costs_log_two(loss):
    scores = torch.randn(3, 1)
    torch.testing.assert_close(loss(scores, scores), torch.full([3], math.log(2)))


def test_the_relativistic_players_pull_the_pair_in_opposite_directions():
    fake, real = torch.randn(4, 1, requires_grad=True), torch.randn(4, 1, requires_grad=True)
    for loss, sign in ((adversarial.generator_relativistic, -1), (adversarial.discriminator_relativistic, 1)):
        on_fake, on_real = torch.autograd.grad(loss(fake, real).sum(), [fake, real])
        torch.testing.assert_close(on_fake, -on_real)
        assert (on_fake.sign() == sign).all()


@each_pairing
def test_relativistic_sample_n_meets_sample_n_only(loss):
    fake, real = torch.randn(4, 1), torch.randn(4, 1)
    together = loss(fake, real)
    assert together.shape == (4,)
    torch.testing.assert_close(together, torch.cat([loss(f[None], r[None]) for f, r in zip(fake, real, strict=True)]))


@each_pairing
def test_relativistic_derivatives_are_right_and_finite_for_extreme_scores(loss):
    fake, real = torch.randn(2, 3, 1, dtype=torch.float64, requires_grad=True).unbind()
    assert torch.autograd.gradcheck(loss, [fake, real])
    assert torch.autograd.gradgradcheck(loss, [fake, real])
    for score in (-1e4, 1e4):
        assert slope(lambda fake, loss=loss: loss(fake, -fake), torch.full([1, 1], score)).isfinite().all()
