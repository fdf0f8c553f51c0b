"""StyleGAN (arXiv 1812.04948): tables 1, 2 and 4, each row a small step from another."""

from stylegans.config import GrowingDiscriminator, Mapping, ProGAN, Run, StyleGAN
from stylegans.presets import delta
from stylegans.presets.growing import with_r1, with_wgan_gp

RESOLUTION = (1024, 1024)


# --- table 1: from Progressive GAN to StyleGAN, with the FID on FFHQ ------------------------------------------------


def config_a() -> Run:
    """StyleGAN config A, the Progressive GAN baseline (FFHQ: FID 8.04)."""
    return Run(
        preset="stylegan-a",
        generator=ProGAN(resolution=RESOLUTION),
        discriminator=GrowingDiscriminator(resolution=RESOLUTION, blur_filter=None),
        training=with_wgan_gp(),
    )


def config_b() -> Run:
    """StyleGAN config B, A + tuning: bilinear resampling, R1, from 8×8, longer (FFHQ: FID 5.25)."""
    return Run(
        preset="stylegan-b",
        generator=StyleGAN(
            mapping=Mapping(num_layers=0, w_avg_beta=None),
            resolution=RESOLUTION,
            use_styles=False,
            const_input=False,
            use_noise=False,
            pixel_norm=True,
            instance_norm=False,
        ),
        discriminator=GrowingDiscriminator(resolution=RESOLUTION, blur_filter=(1, 2, 1)),
        training=with_r1(),
    )


def config_c() -> Run:
    """StyleGAN config C, B + mapping network and styles by AdaIN (FFHQ: FID 4.85)."""
    run = delta.mapping(config_b(), num_layers=8, w_avg_beta=0.995)
    run = delta.generator(run, use_styles=True, pixel_norm=False, instance_norm=True)
    return delta.named(run, "stylegan-c")


def config_d() -> Run:
    """StyleGAN config D, C + a learned constant instead of the traditional input (FFHQ: FID 4.88)."""
    return delta.named(delta.generator(config_c(), const_input=True), "stylegan-d")


def config_e() -> Run:
    """StyleGAN config E, D + noise inputs (FFHQ: FID 4.42)."""
    return delta.named(delta.generator(config_d(), use_noise=True), "stylegan-e")


def config_f() -> Run:
    """StyleGAN config F, E + mixing regularisation: the paper's final model (FFHQ: FID 4.40)."""
    return delta.named(delta.training(config_e(), style_mixing=0.9), "stylegan-f")


# --- table 2: how much mixing -----------------------------------------------------------------------------------------


def mixing_0() -> Run:
    """StyleGAN table 2, mixing regularisation in no picture: config E (FFHQ: FID 4.42)."""
    return _mixing(0)


def mixing_50() -> Run:
    """StyleGAN table 2, mixing regularisation in 50 % of the pictures (FFHQ: FID 4.41)."""
    return _mixing(50)


def mixing_90() -> Run:
    """StyleGAN table 2, mixing regularisation in 90 % of the pictures: config F (FFHQ: FID 4.40)."""
    return _mixing(90)


def mixing_100() -> Run:
    """StyleGAN table 2, mixing regularisation in every picture (FFHQ: FID 4.83)."""
    return _mixing(100)


def _mixing(percent: int) -> Run:
    return delta.named(delta.training(config_f(), style_mixing=percent / 100), f"stylegan-mixing-{percent}")


# --- table 4: how deep a mapping --------------------------------------------------------------------------------------


def traditional_0() -> Run:
    """StyleGAN table 4, traditional generator without a mapping network: config B (FFHQ: FID 5.25)."""
    return delta.named(config_b(), "stylegan-traditional-0")


def traditional_8() -> Run:
    """StyleGAN table 4, traditional generator behind a mapping network of 8 layers (FFHQ: FID 4.87)."""
    return delta.named(delta.mapping(config_b(), num_layers=8, w_avg_beta=0.995), "stylegan-traditional-8")


def depth_0() -> Run:
    """StyleGAN table 4, styles straight from the normalised latent (FFHQ: FID 5.06)."""
    return _depth(0)


def depth_1() -> Run:
    """StyleGAN table 4, a mapping network of one layer (FFHQ: FID 4.60)."""
    return _depth(1)


def depth_2() -> Run:
    """StyleGAN table 4, a mapping network of two layers (FFHQ: FID 4.43)."""
    return _depth(2)


def depth_8() -> Run:
    """StyleGAN table 4, a mapping network of eight layers: config F (FFHQ: FID 4.40)."""
    return _depth(8)


def _depth(layers: int) -> Run:
    return delta.named(delta.mapping(config_f(), num_layers=layers), f"stylegan-depth-{layers}")
