"""WGAN (Arjovsky et al. 2017, arXiv 1701.07875)."""

from stylegans.config import DCGAN, DCGANDiscriminator, Optimizer, Run, Training


def wgan() -> Run:
    """WGAN: a critic of clipped weights, five of its steps to one of the generator, RMSprop, on DCGAN's networks."""
    rmsprop = Optimizer(kind="rmsprop", lr=0.00005, beta2=0.99)
    return Run(
        preset="wgan",
        generator=DCGAN(z_dim=100, resolution=(64, 64)),
        discriminator=DCGANDiscriminator(resolution=(64, 64)),
        training=Training(
            batch=64,
            kimg=30000,
            loss="wgan",
            g_optimizer=rmsprop,
            d_optimizer=rmsprop,
            d_steps=5,
            weight_clip=0.01,
            r1_gamma=0,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=0,
        ),
    )
