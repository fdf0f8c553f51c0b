"""The adversarial game. Scores are the discriminator's logits ``[N, 1]``; every loss is ``[N]``, to be minimised."""

import torch.nn.functional as F
from torch import Tensor


def generator_non_saturating(fake: Tensor) -> Tensor:
    """-log σ(D(G(z))): the generator's non-saturating loss (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).squeeze(1)


def discriminator_logistic_real(real: Tensor) -> Tensor:
    """-log σ(D(x)): the discriminator's loss on real pictures (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(-real).squeeze(1)


def discriminator_logistic_fake(fake: Tensor) -> Tensor:
    """-log(1 - σ(D(G(z)))): the discriminator's loss on generated pictures (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(fake).squeeze(1)
