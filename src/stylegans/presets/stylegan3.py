"""StyleGAN3 (arXiv 2106.12423): alias-free generators, fitted to the size of the pictures by the published rules."""

from stylegans.config import Augment, Discriminator, Mapping, Optimizer, Run, StyleGAN3, Training
from stylegans.config.sizes import Size, base_grid
from stylegans.presets import delta

FFHQ: Size = (1024, 1024)
GAMMA = 32.8
"""R1's weight at 1024², the paper's for FFHQ. It goes with the number of pixels: 8.2 at 512², 2.05 at 256²."""


def config_t(size: Size = FFHQ, batch: int | None = None) -> Run:
    """StyleGAN3-T: details that move with what they belong to (FFHQ 1024²: FID 2.79).

    Args:
        size: (height, width).
        batch: None: the paper's, of 32.
    """
    batch, base = batch or 32, base_grid(size)
    return Run(
        preset="stylegan3-t",
        generator=StyleGAN3(
            mapping=Mapping(num_layers=2, w_avg_beta=0.998),
            resolution=size,
            base=base,
            magnitude_ema_beta=0.5 ** (batch / 20000),
        ),
        discriminator=Discriminator(resolution=size, base=base, mbstd_group=min(batch, 4), conv_clamp=256),
        training=Training(
            batch=batch,
            kimg=25000,
            g_optimizer=Optimizer(lr=0.0025),
            d_optimizer=Optimizer(lr=0.002),
            r1_gamma=GAMMA * size[0] * size[1] / (FFHQ[0] * FFHQ[1]),
            r1_interval=16,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=batch * 10 / 32,
            ema_rampup=0.05,
            augment=Augment(mode="ada", pipe="bgc", target=0.6, speed_kimg=500),
        ),
    )


def config_r(size: Size = FFHQ, batch: int | None = None) -> Run:
    """StyleGAN3-R: and that turn with it; 1×1 convolutions, radial filters, twice the channels (FFHQ 1024²: FID 3.07).

    Args:
        size: (height, width).
        batch: None: the paper's, of 32.
    """
    t = config_t(size, batch)
    run = delta.generator(t, conv_kernel=1, use_radial_filters=True, channel_base=65536, channel_max=1024)
    run = delta.training(run, blur_sigma=10, blur_fade_kimg=t.training.batch * 200 / 32)
    return delta.named(run, "stylegan3-r")
