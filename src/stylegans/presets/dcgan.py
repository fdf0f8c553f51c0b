"""DCGAN (Radford et al. 2015, arXiv 1511.06434)."""

from stylegans.config import DCGAN, DCGANDiscriminator, Optimizer, Run, Training


def dcgan() -> Run:
    """DCGAN: strided and fractionally strided convolutions with batch normalisation (CIFAR-10 inception score 6.16)."""
    adam = Optimizer(lr=0.0002, beta1=0.5, beta2=0.999)
    return Run(
        preset="dcgan",
        generator=DCGAN(z_dim=100, resolution=(64, 64)),
        discriminator=DCGANDiscriminator(resolution=(64, 64)),
        training=Training(
            batch=128,
            kimg=5000,
            loss="non-saturating",
            g_optimizer=adam,
            d_optimizer=adam,
            r1_gamma=0,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=0,
        ),
    )
