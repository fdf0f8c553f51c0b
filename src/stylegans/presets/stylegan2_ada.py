"""StyleGAN2-ADA (arXiv 2006.06676): StyleGAN2 with adaptive augmentation, for a few thousand pictures.

The rows are those of its published program: one that fits itself to the pictures' size, and the settings of its
experiments.
"""

import math

from stylegans.config import Augment, Discriminator, Mapping, Optimizer, Run, StyleGAN2, Training
from stylegans.config.sizes import Size, base_grid
from stylegans.presets import delta

CLAMP = 256.0
"""On activations, as in the published mixed-precision networks."""


def fitted(size: Size = (256, 256), batch: int | None = None) -> Run:
    """StyleGAN2-ADA fitted to the size of the pictures by the published rules: the one to try first.

    Args:
        size: (height, width); of rectangles, the side of the square with as many pixels counts.
        batch: None: what the rules give on one GPU.
    """
    side = math.sqrt(size[0] * size[1])
    batch = batch or max(min(int(4096 / side), 32), 1)
    run = with_ada(size, channel_base=32768 if side >= 512 else 16384, group=min(batch, 4), mapping_layers=2)
    run = delta.training(
        run,
        batch=batch,
        r1_gamma=0.0002 * side**2 / batch,
        ema_kimg=batch * 10 / 32,
        ema_rampup=0.05,
        **rates(0.002 if side >= 1024 else 0.0025),
    )
    return delta.named(run, "stylegan2-ada")


def ada_256() -> Run:
    """StyleGAN2-ADA at 256², the paper's setting (FFHQ and LSUN Cat)."""
    run = with_ada((256, 256), channel_base=16384, group=8, mapping_layers=8)
    run = delta.training(run, batch=64, r1_gamma=1, ema_kimg=20, **rates(0.0025))
    return delta.named(run, "stylegan2-ada-256")


def ada_512() -> Run:
    """StyleGAN2-ADA at 512², the paper's setting (AFHQ)."""
    run = with_ada((512, 512), channel_base=32768, group=8, mapping_layers=8)
    run = delta.training(run, batch=64, r1_gamma=0.5, ema_kimg=20, **rates(0.0025))
    return delta.named(run, "stylegan2-ada-512")


def ada_1024() -> Run:
    """StyleGAN2-ADA at 1024², the paper's setting (MetFaces)."""
    run = with_ada((1024, 1024), channel_base=32768, group=4, mapping_layers=8)
    run = delta.training(run, batch=32, r1_gamma=2, ema_kimg=10, **rates(0.002))
    return delta.named(run, "stylegan2-ada-1024")


def cifar() -> Run:
    """StyleGAN2-ADA tuned for CIFAR-10: no mixing or path length, a plain discriminator (FID 2.42 with labels)."""
    run = with_ada((32, 32), channel_base=32768, group=32, mapping_layers=2)
    run = delta.discriminator(run, architecture="orig")
    run = delta.training(
        run,
        batch=64,
        kimg=100000,
        r1_gamma=0.01,
        pl_weight=0,
        style_mixing=0,
        ema_kimg=500,
        ema_rampup=0.05,
        **rates(0.0025),
    )
    return delta.named(run, "stylegan2-ada-cifar")


def with_ada(size: Size, *, channel_base: int, group: int, mapping_layers: int) -> Run:
    """StyleGAN2's networks and training, augmented by pixel blitting, geometry and colour."""
    base = base_grid(size)
    return Run(
        generator=StyleGAN2(
            mapping=Mapping(num_layers=mapping_layers),
            resolution=size,
            base=base,
            channel_base=channel_base,
            conv_clamp=CLAMP,
        ),
        discriminator=Discriminator(
            resolution=size, base=base, channel_base=channel_base, mbstd_group=group, conv_clamp=CLAMP
        ),
        training=Training(kimg=25000, augment=Augment(mode="ada", pipe="bgc", target=0.6, speed_kimg=500)),
    )


def rates(lr: float) -> dict[str, Optimizer]:
    """Both players' Adam."""
    return {"g_optimizer": Optimizer(lr=lr), "d_optimizer": Optimizer(lr=lr)}
