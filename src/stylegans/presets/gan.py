"""The original GAN (Goodfellow et al. 2014, arXiv 1406.2661)."""

from stylegans.config import GAN, GANDiscriminator, Optimizer, Run, Training


def gan() -> Run:
    """The original GAN of 2014: fully connected networks, maxout and dropout."""
    adam = Optimizer(lr=0.0002, beta1=0.5, beta2=0.999)  # gradient descent at 0.1, as in 2014, diverges on colours
    return Run(
        preset="gan",
        generator=GAN(z_dim=100, resolution=(32, 32)),
        discriminator=GANDiscriminator(resolution=(32, 32)),
        training=Training(
            batch=100,
            kimg=5000,
            loss="non-saturating",  # what the paper trains with; --loss saturating is its equation 1
            g_optimizer=adam,
            d_optimizer=adam,
            r1_gamma=0,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=0,
        ),
    )
