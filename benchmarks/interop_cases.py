"""What ``benchmarks/interop.py`` asks the published programs to write: networks as their trainings build them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    program: str
    """Of which checkout."""
    name: str
    job: Options
    """For ``peers.py`` or ``peers_tensorflow.py``."""
    size: int
    channels: int = 3


NARROW: Options = {"channel_base": 1024, "channel_max": 64}

# --- the PyTorch programs ---------------------------------------------------------------------------------------------

MIXED: Options = {"num_fp16_res": 4, "conv_clamp": 256}
"""Their trainings' default."""
FP32: Options = {"num_fp16_res": 0, "conv_clamp": None}
"""With --fp32."""
EIGHT: Options = {"num_layers": 8}
PIPE = {
    "class_name": "training.augment.AugmentPipe",
    **dict.fromkeys(("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac"), 1),
    **dict.fromkeys(("brightness", "contrast", "lumaflip", "hue", "saturation"), 1),
}
JUDGE: Options = {"block_kwargs": {}, "mapping_kwargs": {}, "epilogue_kwargs": {"mbstd_group_size": 4}}


def ada(
    name: str,
    *,
    size: int = 32,
    channels: int = 3,
    labels: int = 0,
    z_dim: int = 512,
    mapping: Options | None = None,
    synthesis: Options | None = None,
    judge: Options | None = None,
    **others: Any,
) -> Case:
    """Of stylegan2-ada-pytorch. ``others``: beside the networks."""
    common = {"c_dim": labels, "img_resolution": size, "img_channels": channels}
    mapping = {"num_layers": 2} if mapping is None else mapping
    G = {"class_name": "training.networks.Generator", "z_dim": z_dim, "w_dim": 512, "mapping_kwargs": mapping}
    G |= common | {"synthesis_kwargs": NARROW | MIXED | (synthesis or {})}
    D = {"class_name": "training.networks.Discriminator", **common, **NARROW, **MIXED, **JUDGE, **(judge or {})}
    return Case("ada", name, {"G": G, "D": D} | others, size, channels)


def stylegan3(
    name: str,
    *,
    size: int = 64,
    channels: int = 3,
    labels: int = 0,
    generator: Options,
    judge: Options | None = None,
    **others: Any,
) -> Case:
    """Of stylegan3. ``others``: beside the networks."""
    common = {"c_dim": labels, "img_resolution": size, "img_channels": channels}
    G = {"class_name": "training.networks_stylegan3.Generator", "z_dim": 512, "w_dim": 512, **common, **NARROW}
    G |= {"mapping_kwargs": {"num_layers": 2}} | generator
    D = {"class_name": "training.networks_stylegan2.Discriminator", **common, **NARROW, **JUDGE, **(judge or {})}
    return Case("stylegan3", name, {"G": G, "D": D} | others, size, channels)


T: Options = {"magnitude_ema_beta": 0.5 ** (32 / 20e3)}
R: Options = T | {"conv_kernel": 1, "use_radial_filters": True, "channel_base": 2048, "channel_max": 128}
STYLEGAN2: Options = {
    "class_name": "training.networks_stylegan2.Generator",
    "mapping_kwargs": EIGHT,
    "fused_modconv_default": "inference_only",
}
TURNED = [[0.98, -0.17, 0.1], [0.17, 0.98, -0.05], [0.0, 0.0, 1.0]]


def rosinality(
    name: str, kind: str, *, size: int = 32, multiplier: int = 2, depth: int = 8, zipped: bool = True
) -> Case:
    """Of rosinality's stylegan2-pytorch; ``kind``: 'training', 'converted', 'converted with g and d'."""
    options = {"size": size, "latent": 512, "n_mlp": depth, "channel_multiplier": multiplier}
    return Case("rosinality", name, {"kind": kind, "options": options, "zip": zipped}, size)


# --- the TensorFlow programs ------------------------------------------------------------------------------------------


def tensorflow(
    program: str,
    functions: tuple[str, str],
    name: str,
    *,
    size: int = 32,
    channels: int = 3,
    labels: int = 0,
    generator: Options | None = None,
    judge: Options | None = None,
    both: Options | None = None,
    lod: float = 0.0,
    run: Options | None = None,
) -> Case:
    """Networks that the two functions build, named as their programs name them."""
    common = {"num_channels": channels, "resolution": size, "label_size": labels, "fmap_base": 512, "fmap_max": 64}
    G, D = ({"func_name": function, **common, **(both or {})} for function in functions)
    job = {"G": G | (generator or {}), "D": D | (judge or {}), "lod": lod, "run": run or {}}
    return Case(program, name, job | {"styles": not functions[0].endswith("G_paper")}, size, channels)


progan = partial(tensorflow, "progan", ("networks.G_paper", "networks.D_paper"))
progan_again = partial(tensorflow, "stylegan", ("training.networks_progan.G_paper", "training.networks_progan.D_paper"))
stylegan = partial(tensorflow, "stylegan", ("training.networks_stylegan.G_style", "training.networks_stylegan.D_basic"))
OF_STYLEGAN2 = "training.networks_stylegan2"
UNFUSED: Options = {"fused_modconv": False}  # grouped convolutions are for GPUs
config_a = partial(
    tensorflow, "stylegan2", ("training.networks_stylegan.G_style", "training.networks_stylegan.D_basic")
)
config_b = partial(tensorflow, "stylegan2", (f"{OF_STYLEGAN2}.G_main", f"{OF_STYLEGAN2}.D_stylegan"),
                   generator={"synthesis_func": "G_synthesis_stylegan_revised"}, run=UNFUSED)  # fmt: skip
config_f = partial(tensorflow, "stylegan2", (f"{OF_STYLEGAN2}.G_main", f"{OF_STYLEGAN2}.D_stylegan2"), run=UNFUSED)
ada_tf = partial(tensorflow, "ada-tf", ("training.networks.G_main", "training.networks.D_main"))
WITHOUT_STYLES: Options = {"use_styles": False, "use_pixel_norm": True, "use_instance_norm": False, "mapping_layers": 0,
                           "const_input_layer": False, "use_noise": False, "truncation_psi": None}  # fmt: skip


def wirings(make: Callable[..., Case]) -> list[Case]:
    """Every wiring of the generator and of the discriminator."""
    kinds = ("orig", "skip", "resnet")
    pairs = zip(kinds, (kinds[1], kinds[2], kinds[0]), strict=True)
    return [make(f"G {g}, D {d}", generator={"architecture": g}, judge={"architecture": d}) for g, d in pairs]


CASES = [
    ada("auto, 32, with ADA", augment_pipe=PIPE),
    ada("auto, 64", size=64),
    ada("auto, 128, classes, grey", size=128, labels=5, channels=1),
    ada("stylegan2, 64, 8 mapping layers, classes", size=64, labels=5, mapping=EIGHT),
    ada("stylegan2, 32, float32", mapping=EIGHT, synthesis=FP32, judge=FP32),
    ada("paper256, 256, the published widths", size=256, mapping=EIGHT,
        synthesis={"channel_base": 16384, "channel_max": 512},
        judge={"channel_base": 16384, "channel_max": 512, "epilogue_kwargs": {"mbstd_group_size": 8}}),
    ada("stylegan2, 128, float32, the published widths", size=128, mapping=EIGHT,
        synthesis=FP32 | {"channel_base": 32768, "channel_max": 512},
        judge=FP32 | {"channel_base": 32768, "channel_max": 512}),
    ada("paper512, 128, narrow", size=128, mapping=EIGHT, judge={"epilogue_kwargs": {"mbstd_group_size": 8}}),
    ada("cifar, classes", labels=10, judge={"architecture": "orig", "epilogue_kwargs": {"mbstd_group_size": 32}}),
    ada("G orig, D skip", synthesis={"architecture": "orig"}, judge={"architecture": "skip"}),
    ada("G resnet, D orig", synthesis={"architecture": "resnet"}, judge={"architecture": "orig"}),
    ada("G resnet, D skip, classes, 64", size=64, labels=5, synthesis={"architecture": "resnet"},
        judge={"architecture": "skip"}),
    ada("two channels", channels=2),
    ada("four channels", channels=4),
    ada("frozen D layers, channels last", synthesis={"fp16_channels_last": True},
        judge={"block_kwargs": {"freeze_layers": 10, "fp16_channels_last": True}}),
    ada("mapping widths, other latents", labels=5, z_dim=128,
        mapping={"num_layers": 3, "embed_features": 96, "layer_features": 80, "lr_multiplier": 0.1, "w_avg_beta": 0.99},
        judge={"cmap_dim": 48, "mapping_kwargs": {"num_layers": 2, "embed_features": 24, "layer_features": 40}}),
    ada("the constructors' own defaults", mapping={}, synthesis=FP32, judge={"epilogue_kwargs": {}}),
    ada("mbstd over the batch, 4 channels",
        judge={"epilogue_kwargs": {"mbstd_group_size": None, "mbstd_num_channels": 4}}),
    ada("without mbstd", judge={"epilogue_kwargs": {"mbstd_num_channels": 0}}),
    ada("without noise", synthesis={"use_noise": False}),
    ada("other filters", synthesis={"resample_filter": [1, 2, 5, 3]},
        judge={"block_kwargs": {"resample_filter": [1, 2, 1]}}),
    ada("8", size=8),
    ada("G_ema alone", alone="G_ema"),
    ada("D alone", alone="D"),
    stylegan3("t, 64, with ADA", generator=T, augment_pipe=PIPE),
    stylegan3("t, 128", size=128, generator=T),
    stylegan3("t, 32, classes", size=32, labels=5, generator=T),
    stylegan3("t, 64, float32, grey", channels=1, generator=T | FP32, judge=FP32),
    stylegan3("t, 64, 10 layers", generator=T | {"num_layers": 10}),
    stylegan3("t, 64, the published widths", generator=T | {"channel_base": 32768, "channel_max": 512}),
    stylegan3("t, 64, a transform left in", generator=T, transform=TURNED),
    stylegan3("r, 64", generator=R),
    stylegan3("r, 128, classes", size=128, labels=5, generator=R),
    stylegan3("stylegan2, 64", generator=STYLEGAN2),
    stylegan3("stylegan2, 32, classes, grey", size=32, labels=5, channels=1, generator=STYLEGAN2),
    stylegan3("stylegan2, 32, float32", size=32, generator=STYLEGAN2 | FP32, judge=FP32),
    stylegan3("stylegan2, 32, G resnet, D orig", size=32, generator=STYLEGAN2 | {"architecture": "resnet"},
              judge={"architecture": "orig"}),
    rosinality("training, 32", "training"),
    rosinality("training, 128, narrow", "training", size=128, multiplier=1),
    rosinality("training, 64, 4 mapping layers, before PyTorch 1.6", "training", size=64, depth=4, zipped=False),
    rosinality("converted, 32", "converted"),
    rosinality("converted, 64, with g and d", "converted with g and d", size=64),
    rosinality("converted, 256", "converted with g and d", size=256, multiplier=1),
    rosinality("converted, 32, before PyTorch 1.6", "converted", zipped=False),
    progan("fused"),
    progan("64, classes, fading", size=64, labels=5, lod=0.5),
    progan("not fused, grey", channels=1, both={"fused_scale": False}),
    progan("16, half grown", size=16, lod=1.0),
    progan("all levels equally wide", both={"fmap_max": 16}),
    progan_again("Progressive GAN, fused"),
    progan_again("Progressive GAN, all levels equally wide", both={"fmap_max": 16}),
    progan_again("Progressive GAN, not fused, classes", labels=5, both={"fused_scale": False}),
    stylegan("F"),
    stylegan("F, 128, fused from there", size=128),
    stylegan("F, fused, classes, grey", labels=5, channels=1, both={"fused_scale": True}),
    stylegan("F, fading", lod=0.5),
    stylegan("F, 64, half grown", size=64, lod=1.7),
    stylegan("E, without noise", generator={"use_noise": False}),
    stylegan("C", generator={"const_input_layer": False, "use_noise": False}),
    stylegan("B", generator=WITHOUT_STYLES),
    stylegan("traditional, 8 mapping layers", generator=WITHOUT_STYLES | {"mapping_layers": 8, "truncation_psi": 0.7}),
    stylegan("F, 2 mapping layers, no blur", generator={"mapping_layers": 2}, both={"blur_filter": None}),
    config_a("A"),
    config_b("B to D"),
    config_b("B to D, 64, classes, fading", size=64, labels=5, lod=0.5),
    *wirings(config_f),
    config_f("F, 64, classes, grey", size=64, labels=5, channels=1),
    config_f("F, 128, other filter", size=128, both={"resample_kernel": [1, 2, 5, 3]}),
    *wirings(ada_tf),
    ada_tf("64, classes, mixed precision", size=64, labels=5, both={"num_fp16_res": 0, "conv_clamp": 256},
           judge={"mapping_layers": 2, "mbstd_group_size": 4}),
    ada_tf("classes, D without a mapping network", labels=5, generator={"mapping_layers": 2}),
    ada_tf("cifar", both={"fmap_decay": 1, "fmap_min": 1}, generator={"mapping_layers": 2, "fmap_const": None},
           judge={"architecture": "orig", "mbstd_group_size": 32}),
]  # fmt: skip
"""In the order in which they are written."""
