import math

import torch

from stylegans.losses import adversarial


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
    torch.testing.assert_close(adversarial.generator_non_saturating(scores), -p.log())
    torch.testing.assert_close(adversarial.discriminator_logistic_real(scores), -p.log())
    torch.testing.assert_close(adversarial.discriminator_logistic_fake(scores), -(1 - p).log())
