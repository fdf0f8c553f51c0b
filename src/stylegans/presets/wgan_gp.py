"""WGAN-GP (Gulrajani et al. 2017, arXiv 1704.00028)."""

from stylegans.config import Optimizer, ResNet, ResNetDiscriminator, Run, Training


def wgan_gp() -> Run:
    """WGAN-GP: a gradient penalty instead of clipping, residual networks (CIFAR-10 inception score 7.86)."""
    adam = Optimizer(lr=0.0002, beta1=0.0, beta2=0.9)
    kimg = 32000  # 100,000 steps of the generator, five batches of 64 to each
    return Run(
        preset="wgan-gp",
        generator=ResNet(z_dim=128, channel_max=128),
        discriminator=ResNetDiscriminator(channel_max=128, pooling="mean"),
        training=Training(
            batch=64,
            kimg=kimg,
            loss="wgan-gp",
            g_optimizer=adam,
            d_optimizer=adam,
            d_steps=5,
            gp_weight=10,
            r1_gamma=0,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=0,
            anneal_from_kimg=0,
            anneal_to_kimg=kimg,
        ),
    )
