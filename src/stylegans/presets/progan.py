"""Progressive GAN (arXiv 1710.10196)."""

from stylegans.config import GrowingDiscriminator, Outputs, ProGAN, Run
from stylegans.presets.growing import with_wgan_gp


def progan() -> Run:
    """Progressive GAN: both networks grow from 4×4 to 1024², WGAN-GP (CelebA-HQ 1024²: FID 7.79)."""
    return Run(
        preset="progan",
        generator=ProGAN(z_dim=512, resolution=(1024, 1024)),
        discriminator=GrowingDiscriminator(resolution=(1024, 1024), blur_filter=None),
        training=with_wgan_gp(),
        outputs=Outputs(),
    )
