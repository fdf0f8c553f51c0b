"""StyleGAN2 (arXiv 1912.04958), table 1."""

from stylegans.config import Discriminator, Mapping, Optimizer, Outputs, Run, StyleGAN2, Training


def config_f() -> Run:
    """StyleGAN2 config F, large networks: the paper's final model (FFHQ 1024²: FID 2.84)."""
    adam = Optimizer(lr=0.002, beta1=0.0, beta2=0.99, eps=1e-8)
    return Run(
        preset="stylegan2-f",
        generator=StyleGAN2(
            mapping=Mapping(z_dim=512, w_dim=512, num_layers=8, lr_multiplier=0.01, w_avg_beta=0.995),
            resolution=(1024, 1024),
            architecture="skip",
            channel_base=32768,
            channel_max=512,
        ),
        discriminator=Discriminator(
            resolution=(1024, 1024), architecture="resnet", channel_base=32768, channel_max=512, mbstd_group=4
        ),
        training=Training(
            batch=32,
            kimg=25000,
            g_optimizer=adam,
            d_optimizer=adam,
            r1_gamma=10,
            r1_interval=16,
            pl_weight=2,
            pl_interval=4,
            style_mixing=0.9,
            ema_kimg=10,
        ),
        outputs=Outputs(tick_kimg=4, snapshot_kimg=200, checkpoint_kimg=200),
    )
