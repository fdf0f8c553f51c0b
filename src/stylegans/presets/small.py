"""StyleGAN2 for a laptop: the paper's mechanisms at a width and length that a CPU can train."""

from dataclasses import replace

from stylegans.config import Discriminator, Mapping, Optimizer, Outputs, Run, StyleGAN2, Training
from stylegans.presets import delta


def small_32() -> Run:
    """StyleGAN2 for 32² pictures on a CPU: recognisable pictures within minutes."""
    return Run(
        preset="small-32",
        generator=StyleGAN2(
            mapping=Mapping(z_dim=64, w_dim=64, num_layers=2),
            resolution=(32, 32),
            architecture="skip",
            channel_base=512,  # narrow: in a few minutes the number of updates decides, not what each can express
            channel_max=128,
            use_noise=False,  # noise inputs speckle the picture early in a training
        ),
        discriminator=Discriminator(resolution=(32, 32), architecture="orig", channel_base=512, channel_max=128),
        training=Training(
            batch=8,
            kimg=500,
            g_optimizer=Optimizer(lr=0.005),
            d_optimizer=Optimizer(lr=0.004),
            r1_gamma=1,
            r1_interval=8,
            pl_weight=0,
            style_mixing=0,
            ema_kimg=2.5,
            ema_rampup=0.2,
            reuse_fakes=True,
            precision="auto",
        ),
        outputs=Outputs(tick_kimg=1, snapshot_kimg=50, checkpoint_kimg=10),
    )


def small_64() -> Run:
    """StyleGAN2 for 64² pictures on a CPU: small-32 with one level more, wider, its discriminator residual."""
    run = delta.generator(small_32(), resolution=(64, 64), channel_base=2048)
    run = delta.discriminator(run, resolution=(64, 64), channel_base=2048, architecture="resnet")
    return delta.named(delta.training(run, kimg=2000), "small-64")


def tiny() -> Run:
    """A few hundred thousand parameters at 32², to try things in seconds."""
    run = delta.generator(small_32(), channel_base=1024, channel_max=64, use_noise=True)
    run = delta.discriminator(run, channel_base=1024, channel_max=64, architecture="resnet")
    run = delta.training(run, kimg=20, pl_weight=2, style_mixing=0.9, precision="float32", r1_interval=16)
    run = replace(run, outputs=Outputs(tick_kimg=0.2, snapshot_kimg=5, checkpoint_kimg=5))
    return delta.named(run, "tiny")
