"""What the rows that grow share: the published schedules of Progressive GAN, StyleGAN and StyleGAN2 A to D."""

from stylegans.config import Growth, Optimizer, Training

ADAM = Optimizer(lr=0.001, beta1=0.0, beta2=0.99, eps=1e-8)


def schedule(*, start: int) -> Growth:
    """The schedule of eight GPUs: 600 thousand pictures per stage and as many per fade."""
    return Growth(
        start=start,
        stable_kimg=600,
        fade_kimg=600,
        batch=((4, 512), (8, 256), (16, 128), (32, 64)),
        lr=((128, 0.0015), (256, 0.002), (512, 0.003), (1024, 0.003)),
    )


def with_wgan_gp() -> Training:
    """As Progressive GAN trains: WGAN-GP with a drift term, from 4×4."""
    return Training(
        batch=32,
        kimg=12000,
        loss="wgan-gp",
        g_optimizer=ADAM,
        d_optimizer=ADAM,
        gp_weight=10,
        drift=0.001,
        r1_gamma=0,
        penalty="exact",
        pl_weight=0,
        style_mixing=0,
        ema_kimg=10,
        growth=schedule(start=4),
    )


def with_r1() -> Training:
    """As StyleGAN trains on FFHQ: the non-saturating loss with R1 on every batch, from 8×8."""
    return Training(
        batch=32,
        kimg=25000,
        loss="non-saturating",
        g_optimizer=ADAM,
        d_optimizer=ADAM,
        r1_gamma=10,
        penalty="exact",
        pl_weight=0,
        style_mixing=0,
        ema_kimg=10,
        growth=schedule(start=8),
    )
