"""SNGAN (Miyato et al. 2018, arXiv 1802.05957)."""

from stylegans.config import Optimizer, ResNet, ResNetDiscriminator, Run, Training


def sngan() -> Run:
    """SNGAN: spectral normalisation of every weight of a residual discriminator, hinge loss."""
    adam = Optimizer(lr=0.0002, beta1=0.0, beta2=0.9)
    kimg = 16000  # 50,000 steps of the generator, five batches of 64 to each
    return Run(
        preset="sngan",
        generator=ResNet(z_dim=128, channel_max=256),
        discriminator=ResNetDiscriminator(channel_max=128, spectral_norm=True, pooling="sum"),
        training=Training(
            batch=64,
            kimg=kimg,
            loss="hinge",
            g_optimizer=adam,
            d_optimizer=adam,
            d_steps=5,
            r1_gamma=0,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=0,
            anneal_from_kimg=0,
            anneal_to_kimg=kimg,
        ),
    )
