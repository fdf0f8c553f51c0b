"""Pickles that NVIDIA's published PyTorch programs open, by their converter of older files.

Their own files hold the source of the classes; an older one, of the TensorFlow program, need not: it is a tuple
(G, D, Gs) of networks that are nothing but names, options and arrays. The converter takes it at version 4 or later,
refuses options that it does not know, and makes PyTorch networks of StyleGAN2's kind of it. Here such a file is
written, as of StyleGAN2-ADA (version 5), without any source in it.
"""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from torch import Tensor

from stylegans.config import Discriminator, StyleGAN2
from stylegans.config.networks import DiscriminatorConfig, GeneratorConfig
from stylegans.config.sizes import Size, channels, levels
from stylegans.errors import UserError
from stylegans.files.atomic import atomic_file
from stylegans.interop.foreign import Part
from stylegans.interop.tensorflow_layout import flipped

VERSION = 5
"""Of the file: StyleGAN2-ADA's. Before it labels entered otherwise."""

PROTOCOL = 4
"""Of the pickle: Python 3.4 reads it."""

Variables = dict[str, np.ndarray]
"""Name within a network → array."""

BASE: Size = (4, 4)


def write(path: str | Path, parts: Mapping[str, Part], *, licence: str = "") -> None:
    """Write ``parts`` as a pickle of (G, D, Gs). Where one of the generators is missing the other is both.

    Args:
        parts: 'generator_ema', 'generator', 'discriminator'.
        licence: kept beside what the published program says of a network; '' where there is none to tell of.

    Raises:
        UserError: a network is missing, or has what such a file or its converter cannot take; nothing is written.
    """
    average, trained = (parts.get(name) for name in ("generator_ema", "generator"))
    judge = parts.get("discriminator")
    Gs, G = average or trained, trained or average
    if G is None or Gs is None or judge is None:
        missing = "discriminator" if judge is None else "generator"
        raise UserError(f"NVIDIA's .pkl holds G, D and Gs, and there is no {missing}; convert a file that holds both")
    networks = (generator("G", G), discriminator("D", judge), generator("Gs", Gs))
    for network in networks:
        network.licence = licence
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        Writer(file).dump(networks)


# --- the networks -----------------------------------------------------------------------------------------------------


class Network:
    """Stands for the class of the published program; its attributes are what a file says of a network."""

    def __init__(
        self,
        name: str,
        function: str,
        options: Mapping[str, Any],
        variables: Variables,
        *,
        components: Mapping[str, "Network"] | None = None,
    ) -> None:
        self.version = VERSION
        self.name = name
        self.static_kwargs = dict(options)
        self.components = dict(components or {})
        self.build_module_src = ""
        self.build_func_name = function
        self.variables = list(variables.items())
        self.licence = ""


def generator(name: str, part: Part) -> Network:
    """A generator as the published program would have saved it.

    Raises:
        UserError: it has what such a file or its converter cannot take.
    """
    options = generator_options(part.config)
    assert isinstance(part.config, StyleGAN2)
    average = {"dlatent_avg": _array(part.state["mapping.w_avg"])}
    components = {
        "mapping": Network("G_mapping", "G_mapping", options, mapping_variables(part.config, part.state)),
        "synthesis": Network("G_synthesis", "G_synthesis", options, synthesis_variables(part.config, part.state)),
    }
    return Network(name, "G_main", options, average, components=components)


def discriminator(name: str, part: Part) -> Network:
    """A discriminator as the published program would have saved it.

    Raises:
        UserError: it has what such a file or its converter cannot take.
    """
    options = discriminator_options(part.config)
    assert isinstance(part.config, Discriminator)
    return Network(name, "D_main", options, discriminator_variables(part.config, part.state))


# --- options ----------------------------------------------------------------------------------------------------------


def generator_options(config: GeneratorConfig | DiscriminatorConfig) -> dict[str, Any]:
    """Our config → published options of ``G_main``.

    Raises:
        UserError: it has what such a file or its converter cannot take.
    """
    if not isinstance(config, StyleGAN2):
        raise _cannot("generator", f"a {config.family} generator, only StyleGAN2's")
    mapping = config.mapping
    if mapping.c_dim and mapping.label_norm == "together":
        raise _cannot("generator", "labels that are normalised together with the latent (mapping.label_norm)")
    if not config.use_noise:
        raise _cannot("generator", "a generator without noise inputs (use_noise)")
    if mapping.w_avg_beta is None:
        raise _cannot("generator", "a generator without an average w (mapping.w_avg_beta)")
    options = _pyramid_options("generator", config) | {
        "label_size": mapping.c_dim,
        "latent_size": mapping.z_dim,
        "dlatent_size": mapping.w_dim,
        "mapping_layers": mapping.num_layers,
        "mapping_lrmul": mapping.lr_multiplier,
        "w_avg_beta": mapping.w_avg_beta,
    }
    widths = {"mapping_fmaps": mapping.hidden_dim, "label_fmaps": mapping.embed_dim if mapping.c_dim else None}
    return options | {name: width for name, width in widths.items() if width not in (None, mapping.w_dim)}


def discriminator_options(config: GeneratorConfig | DiscriminatorConfig) -> dict[str, Any]:
    """Our config → published options of the discriminator.

    Raises:
        UserError: it has what such a file or its converter cannot take.
    """
    if not isinstance(config, Discriminator):
        raise _cannot("discriminator", f"a {config.family} discriminator, only StyleGAN2's")
    if config.c_dim and config.label_head == "select":
        raise _cannot("discriminator", "a score for each class (label_head)")
    width = channels(BASE, 0, channel_base=config.channel_base, channel_max=config.channel_max)
    for name in ("cmap_dim", "mapping_hidden_dim", "mapping_embed_dim"):
        if config.c_dim and getattr(config, name) not in (None, width):
            raise _cannot("discriminator", f"{name} {getattr(config, name)} where the base grid is {width} wide")
    return _pyramid_options("discriminator", config) | {
        "label_size": config.c_dim,
        "mapping_layers": config.mapping_layers,
        "mapping_lrmul": config.mapping_lr_multiplier,
        "mbstd_group_size": config.mbstd_group,
        "mbstd_num_features": config.mbstd_channels,
    }


def _pyramid_options(part: str, config: StyleGAN2 | Discriminator) -> dict[str, Any]:
    if config.architecture == "grow":
        raise _cannot(part, "networks that grow (architecture)")
    if config.base != BASE or config.resolution[0] != config.resolution[1]:
        height, width = config.resolution
        raise _cannot(
            part, f"pictures of {width}x{height} from {config.base[1]}x{config.base[0]}, only squares from 4x4"
        )
    if config.channel_base % 2:
        raise _cannot(part, f"channel_base {config.channel_base}, only even ones")
    return {
        "resolution": config.resolution[0],
        "num_channels": config.img_channels,
        "fmap_base": config.channel_base // 2,
        "fmap_max": config.channel_max,
        "architecture": config.architecture,
        "resample_kernel": list(config.resample_filter),
        "num_fp16_res": 0,
        "conv_clamp": config.conv_clamp,
    }


def _cannot(part: str, what: str) -> UserError:
    return UserError(f"{part}: the converter of NVIDIA's PyTorch program cannot take {what}; convert to another format")


# --- variables --------------------------------------------------------------------------------------------------------


def mapping_variables(config: StyleGAN2, state: Mapping[str, Tensor]) -> Variables:
    """The mapping network's, under their names."""
    layers = {f"layers.{i}": f"Dense{i}" for i in range(config.mapping.num_layers)}
    if config.mapping.c_dim:
        layers["embed"] = "LabelEmbed"
    return _dense_layers(state, {f"mapping.{ours}": theirs for ours, theirs in layers.items()})


def synthesis_variables(config: StyleGAN2, state: Mapping[str, Tensor]) -> Variables:
    """The synthesis network's, under their names."""
    variables = {"4x4/Const/const": _array(state["synthesis.input.const"][None])}
    for level, scope in enumerate(_scopes(config)):
        block = f"synthesis.blocks.{level}"
        convs = {"conv0": f"{scope}/Conv0_up", "conv1": f"{scope}/Conv1"} if level else {"conv1": "4x4/Conv"}
        for ours, theirs in convs.items():
            variables |= dict(_styled(state, f"{block}.{ours}", theirs, turned=ours == "conv0"))
            noise = 2 * level - (ours == "conv0")
            variables[f"{theirs}/noise_strength"] = _array(state[f"{block}.{ours}.noise.noise_strength"])
            variables[f"noise{noise}"] = _array(state[f"{block}.{ours}.noise.noise_const"][None, None])
        if f"{block}.skip.weight" in state:
            variables[f"{scope}/Skip/weight"] = _kernel(flipped(state[f"{block}.skip.weight"]))
        if f"{block}.to_rgb.weight" in state:
            variables |= dict(_styled(state, f"{block}.to_rgb", f"{scope}/ToRGB", turned=False))
    return variables


def discriminator_variables(config: Discriminator, state: Mapping[str, Tensor]) -> Variables:
    """The discriminator's, under their names."""
    scopes = _scopes(config)[::-1]  # ours are stored from the picture down
    names = {"from_rgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    convs = {
        f"blocks.{block}.{ours}": f"{scope}/{theirs}"
        for block, scope in enumerate(scopes[:-1])
        for ours, theirs in names.items()
    } | {"epilogue.from_rgb": "4x4/FromRGB", "epilogue.conv": "4x4/Conv"}
    variables = {}
    for ours, theirs in convs.items():
        if f"{ours}.weight" in state:
            variables[f"{theirs}/weight"] = _kernel(state[f"{ours}.weight"])
        if f"{ours}.bias" in state:
            variables[f"{theirs}/bias"] = _array(state[f"{ours}.bias"])
    dense = {"epilogue.fc": "4x4/Dense0", "epilogue.out": "Output"}
    if config.c_dim:
        dense |= {"mapping.embed": "LabelEmbed"}
        dense |= {f"mapping.layers.{i}": f"Mapping{i}" for i in range(config.mapping_layers)}
    return variables | _dense_layers(state, dense)


def _scopes(config: StyleGAN2 | Discriminator) -> list[str]:
    """'4x4', '8x8' and so on up to the picture."""
    sides = (BASE[0] << level for level in range(levels(config.base, config.resolution)))
    return [f"{side}x{side}" for side in sides]


def _dense_layers(state: Mapping[str, Tensor], names: Mapping[str, str]) -> Variables:
    """Our layer → theirs."""
    weights = {f"{theirs}/weight": _array(state[f"{ours}.weight"].t()) for ours, theirs in names.items()}
    return weights | {f"{theirs}/bias": _array(state[f"{ours}.bias"]) for ours, theirs in names.items()}


def _styled(state: Mapping[str, Tensor], ours: str, theirs: str, *, turned: bool) -> Iterator[tuple[str, np.ndarray]]:
    """A modulated convolution's variables. ``turned``: its kernel is kept the other way round."""
    weight = state[f"{ours}.weight"]
    yield f"{theirs}/weight", _kernel(flipped(weight) if turned else weight)
    yield f"{theirs}/bias", _array(state[f"{ours}.bias"])
    yield f"{theirs}/mod_weight", _array(state[f"{ours}.affine.weight"].t())
    yield f"{theirs}/mod_bias", _less_one(_array(state[f"{ours}.affine.bias"]))


def _less_one(bias: np.ndarray) -> np.ndarray:
    """What gives ``bias`` when 1 is added, in single precision where that holds it."""
    exact = bias.astype(np.float64) - 1
    single = exact.astype(np.float32)
    return single if np.array_equal(single + np.float32(1), bias) else exact


def _kernel(weight: Tensor) -> np.ndarray:
    """``[out, in, kh, kw]`` → ``[kh, kw, in, out]``."""
    return _array(weight.permute(2, 3, 1, 0))


def _array(value: Tensor) -> np.ndarray:
    return np.array(value.detach().cpu().float().numpy(), order="C")  # its own memory, in its own order


# --- the pickle -------------------------------------------------------------------------------------------------------

PUBLISHED = {
    Network: ("dnnlib.tflib.network", "Network"),
    np.zeros(0).__reduce__()[0]: ("numpy.core.multiarray", "_reconstruct"),
}
"""What is written under another name than its own: our class, and NumPy's function, which older NumPys lack under its
present name."""


class Writer(pickle._Pickler):
    """A pickler that names ``PUBLISHED`` as the readers know them. PyTorch's and NVIDIA's code is not imported."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, protocol=PROTOCOL)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if obj not in PUBLISHED:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        module, published = PUBLISHED[obj]
        self.write(pickle.GLOBAL + f"{module}\n{published}\n".encode("ascii"))  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]
