"""StyleGAN2 (arXiv 1912.04958): tables 1 and 2, each row a small step from another."""

from collections.abc import Callable

from stylegans.config import Discriminator, GrowingDiscriminator, Mapping, Optimizer, Run, StyleGAN, StyleGAN2
from stylegans.config.networks import Wiring
from stylegans.presets import delta
from stylegans.presets.growing import with_r1

RESOLUTION = (1024, 1024)
MAPPING = Mapping(z_dim=512, w_dim=512, num_layers=8, lr_multiplier=0.01, w_avg_beta=0.995)


# --- table 1: from StyleGAN to StyleGAN2, with the FID on FFHQ 1024² ------------------------------------------------


def config_a() -> Run:
    """StyleGAN2 config A, the StyleGAN baseline (FFHQ 1024²: FID 4.40)."""
    return delta.training(
        Run(
            preset="stylegan2-a",
            generator=StyleGAN(mapping=MAPPING, resolution=RESOLUTION, channel_base=16384),
            discriminator=GrowingDiscriminator(resolution=RESOLUTION, channel_base=16384),
            training=with_r1(),
        ),
        style_mixing=0.9,
    )


def config_b() -> Run:
    """StyleGAN2 config B, A + weight demodulation instead of AdaIN (FFHQ 1024²: FID 4.39)."""
    return Run(
        preset="stylegan2-b",
        generator=StyleGAN2(mapping=MAPPING, resolution=RESOLUTION, architecture="grow", channel_base=16384),
        discriminator=Discriminator(resolution=RESOLUTION, architecture="grow", channel_base=16384, mbstd_group=4),
        training=config_a().training,
    )


def config_c() -> Run:
    """StyleGAN2 config C, B + lazy regularisation: R1 on every 16th batch (FFHQ 1024²: FID 4.38)."""
    return delta.named(delta.training(config_b(), penalty="lazy"), "stylegan2-c")


def config_d() -> Run:
    """StyleGAN2 config D, C + path length regularisation on every 4th batch (FFHQ 1024²: FID 4.34)."""
    return delta.named(delta.training(config_c(), pl_weight=2, pl_interval=4), "stylegan2-d")


def config_e() -> Run:
    """StyleGAN2 config E, D without growing, with skip generator and residual discriminator (FFHQ 1024²: FID 3.31)."""
    adam = Optimizer(lr=0.002, beta1=0.0, beta2=0.99, eps=1e-8)
    run = delta.generator(config_d(), architecture="skip")
    run = delta.discriminator(run, architecture="resnet")
    run = delta.training(run, growth=None, g_optimizer=adam, d_optimizer=adam, r1_gamma=100)
    return delta.named(run, "stylegan2-e")


def config_f() -> Run:
    """StyleGAN2 config F, E + large networks: the paper's final model (FFHQ 1024²: FID 2.84)."""
    run = delta.generator(config_e(), channel_base=32768)
    run = delta.discriminator(run, channel_base=32768)
    run = delta.training(run, r1_gamma=10)
    return delta.named(run, "stylegan2-f")


# --- table 2: three generators by three discriminators --------------------------------------------------------------

WIRINGS: tuple[Wiring, ...] = ("orig", "skip", "resnet")


def config_e_wired(g: Wiring, d: Wiring) -> Callable[[], Run]:
    """Config E with the generator wired as ``g`` and the discriminator as ``d``."""

    def row() -> Run:
        run = delta.discriminator(delta.generator(config_e(), architecture=g), architecture=d)
        return delta.named(run, f"stylegan2-e-g{g}-d{d}")

    row.__doc__ = f"StyleGAN2 table 2: config E with a generator wired {g} and a discriminator wired {d}."
    return row
