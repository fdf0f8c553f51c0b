"""The adversarial games. Scores are the discriminator's raw output ``[N, 1]``, high for real pictures, before any
sigmoid; every loss is ``[N]``, to be minimised.

A game is three functions of one score each, named in ``GAMES``. The relativistic pairing compares two scores,
so it is a pair of functions of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


def generator_saturating(fake: Tensor) -> Tensor:
    """log(1 - σ(D(G(z)))): the generator's side of the minimax game (Goodfellow et al. 2014, equation 1).

    Its gradient vanishes where the discriminator is sure, which is why the same paper trains with the next one.
    """
    return -F.softplus(fake).squeeze(1)


def generator_non_saturating(fake: Tensor) -> Tensor:
    """-log σ(D(G(z))): the generator's non-saturating loss (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).squeeze(1)


def discriminator_logistic_real(real: Tensor) -> Tensor:
    """-log σ(D(x)): the discriminator's loss on real pictures (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(-real).squeeze(1)


def discriminator_logistic_fake(fake: Tensor) -> Tensor:
    """-log(1 - σ(D(G(z)))): the discriminator's loss on generated pictures (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(fake).squeeze(1)


def generator_wgan(fake: Tensor) -> Tensor:
    """-D(G(z)): the generator's loss against a critic (Arjovsky et al. 2017, algorithm 1).

    The hinge game has the same generator (Miyato et al. 2018, equation 17).
    """
    return -fake.squeeze(1)


def critic_wgan_real(real: Tensor) -> Tensor:
    """-D(x): the critic's loss on real pictures (Arjovsky et al. 2017, equation 3)."""
    return -real.squeeze(1)


def critic_wgan_fake(fake: Tensor) -> Tensor:
    """D(G(z)): the critic's loss on generated pictures (Arjovsky et al. 2017, equation 3)."""
    return fake.squeeze(1)


def discriminator_hinge_real(real: Tensor) -> Tensor:
    """max(0, 1 - D(x)) on real pictures (Lim & Ye 2017; Miyato et al. 2018, equation 16)."""
    return F.relu(1 - real).squeeze(1)


def discriminator_hinge_fake(fake: Tensor) -> Tensor:
    """max(0, 1 + D(G(z))) on generated pictures (Lim & Ye 2017; Miyato et al. 2018, equation 16)."""
    return F.relu(1 + fake).squeeze(1)


def generator_least_squares(fake: Tensor) -> Tensor:
    """½(D(G(z)) - c)² with c = 1 (Mao et al. 2017, section 3)."""
    return 0.5 * (fake - 1).square().squeeze(1)


def discriminator_least_squares_real(real: Tensor) -> Tensor:
    """½(D(x) - b)² with b = 1, on real pictures (Mao et al. 2017, section 3)."""
    return 0.5 * (real - 1).square().squeeze(1)


def discriminator_least_squares_fake(fake: Tensor) -> Tensor:
    """½(D(G(z)) - a)² with a = 0, on generated pictures (Mao et al. 2017, section 3)."""
    return 0.5 * fake.square().squeeze(1)


def generator_relativistic(fake: Tensor, real: Tensor) -> Tensor:
    """-log σ(D(G(z)) - D(x)): RSGAN's generator (Jolicoeur-Martineau 2018; R3GAN, equation 2).

    Sample n of the generated batch is compared with sample n of the real batch.
    """
    return F.softplus(real - fake).squeeze(1)


def discriminator_relativistic(fake: Tensor, real: Tensor) -> Tensor:
    """-log σ(D(x) - D(G(z))): RSGAN's discriminator (Jolicoeur-Martineau 2018; R3GAN, equation 2).

    Paired like ``generator_relativistic``.
    """
    return F.softplus(fake - real).squeeze(1)


@dataclass(frozen=True)
class Game:
    """What the two players minimise: the generator on generated pictures, the discriminator on both kinds."""

    generator: Callable[[Tensor], Tensor]
    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]


_WGAN = Game(generator_wgan, critic_wgan_real, critic_wgan_fake)

GAMES: dict[str, Game] = {
    "non-saturating": Game(generator_non_saturating, discriminator_logistic_real, discriminator_logistic_fake),
    "saturating": Game(generator_saturating, discriminator_logistic_real, discriminator_logistic_fake),
    "wgan": _WGAN,
    "wgan-gp": _WGAN,  # the penalty is a term of its own
    "hinge": Game(generator_wgan, discriminator_hinge_real, discriminator_hinge_fake),
    "least-squares": Game(generator_least_squares, discriminator_least_squares_real, discriminator_least_squares_fake),
}
