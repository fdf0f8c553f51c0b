"""Checkpoints of NVIDIA's TensorFlow programs: pickles of (G, D, Gs), or of some of them.

A published network is pickled with the name of the function that built it and that function's source, which is never
looked at, with the options it was called with, and with its variables; a generator's mapping and synthesis networks are
components with variables of their own. Options that were left to the published functions are read off the variables.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.files.torch_archive import NAMES, inert
from stylegans.files.unpickle import ARRAYS, LARGEST_PICKLE, Allowed, unpickle
from stylegans.interop import nvidia_tensorflow as progan
from stylegans.interop import nvidia_tensorflow_ada as ada
from stylegans.interop import nvidia_tensorflow_stylegan as stylegan
from stylegans.interop import nvidia_tensorflow_stylegan2 as stylegan2
from stylegans.interop import tensorflow_shapes as shapes_of
from stylegans.interop.foreign import CREATIVE_COMMONS, NVIDIA, Foreign, Part

NETWORK = inert("Network")

ALLOWED: Allowed = {
    **ARRAYS,
    **{key: value for key, value in NAMES.items() if key[1] in ("scalar", "OrderedDict", "EasyDict")},
    ("config", "EasyDict"): dict,
    ("tfutil", "Network"): NETWORK,
    ("dnnlib.tflib.network", "Network"): NETWORK,
}
"""What such a file may name: networks, arrays and numbers of NumPy, dictionaries."""

PROGRAMS = {
    2: ("Progressive GAN (TensorFlow)", CREATIVE_COMMONS),
    3: ("StyleGAN (TensorFlow)", NVIDIA),
    4: ("StyleGAN2 (TensorFlow)", NVIDIA),
    5: ("StyleGAN2-ADA (TensorFlow)", NVIDIA),
}
"""Version of the file → the program that wrote it, and its licence."""

COMPONENTS = ("mapping", "synthesis")

SMALLEST_NUMBER = 2
"""Bytes of a number in a file."""

LONGEST_TEXT = 200
MOST_TAPS = 64


@dataclass(frozen=True)
class Network:
    """A published network, as its file describes it."""

    name: str
    version: int
    function: str
    """Which published function built it: 'G_main'."""
    options: Mapping[str, Any]
    """What it was called with: plain numbers, texts and tuples of numbers."""
    variables: Mapping[str, Tensor]
    """Those of the components are behind ``G_mapping/`` and ``G_synthesis/``."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(value.shape) for name, value in self.variables.items()}


def read(path: str | Path) -> Foreign:
    """The networks of a ``.pkl`` that a TensorFlow program of NVIDIA's wrote, from Progressive GAN to StyleGAN2-ADA.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no such file, is damaged, asks for something to be run, or holds networks of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    if path.stat().st_size > LARGEST_PICKLE:
        raise UserError(f"{path}: {path.stat().st_size} bytes; at most {LARGEST_PICKLE} are read")
    # As bytes, since what Python 2 wrote as one kind of text are names here and numbers there.
    content = path.read_bytes()
    tree = unpickle(content, allowed=ALLOWED, where=str(path), encoding="bytes")
    try:
        parts: dict[str, Part] = {}
        versions = []
        for place, state in _states(tree):
            network = _network(state, most=len(content) // SMALLEST_NUMBER)
            name = _part_name(network, place)
            if name in parts:
                raise UserError(f"holds two networks that would be its {name}")
            versions.append(network.version)
            try:
                part = _part(network)
                parts[name] = Part(part.config, {key: value.float() for key, value in part.state.items()})
            except UserError as error:
                raise UserError(f"{name}: {error}") from None
        source, licence = PROGRAMS[max(versions)]
        stated = {_text(state["licence"]) for _, state in _states(tree) if "licence" in state}  # ours, converted
        licence = "; ".join(sorted(stated)) if stated else licence
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # entries that are not what they should be raise almost anything
        raise UserError(f"{path}: damaged ({type(error).__name__}: {' '.join(str(error)[:200].split())})") from None
    first = min(parts, key=("generator_ema", "generator", "discriminator").index)
    return Foreign(source=source, family=parts[first].config.family, parts=parts, licence=licence)


# --- networks of the file -------------------------------------------------------------------------------------------


def _states(tree: object) -> list[tuple[int, dict[str, Any]]]:
    """Where a network stands in the tuple, and what it holds."""
    networks = list(tree) if isinstance(tree, tuple | list) else [tree]
    there = [(place, network) for place, network in enumerate(networks) if network is not None]
    if not 0 < len(there) <= 3 or not all(isinstance(network, NETWORK) for _, network in there):
        raise UserError("holds no networks; NVIDIA's TensorFlow programs write (G, D, Gs)")
    return [(place, _state(network)) for place, network in there]


def _state(network: Any) -> dict[str, Any]:
    if not isinstance(network.state, dict):
        raise UserError("holds a network without contents")
    return {_text(name): value for name, value in network.state.items()}


def _network(state: dict[str, Any], *, most: int) -> Network:
    """
    Raises:
        UserError: it is none, or has more than ``most`` numbers: the same array by many names.
    """
    for name in ("version", "static_kwargs", "build_func_name", "variables"):
        if name not in state:
            raise UserError(f"{name}: a network of its lacks it")
    if state["version"] not in PROGRAMS:
        raise UserError(f"version: {_shown(state['version'])} is none of {', '.join(map(str, PROGRAMS))}")
    components = {_text(key): value for key, value in (state.get("components") or {}).items()}
    variables: dict[str, np.ndarray | float] = {}
    for key, component in components.items():
        if key not in COMPONENTS or not isinstance(component, NETWORK):
            raise UserError(f"components: {_shown(key)} is no network that we know; expected mapping and synthesis")
        variables |= {f"G_{key}/{name}": value for name, value in _variables(_state(component).get("variables"))}
    stage = variables.pop("G_synthesis/lod", None)  # a copy of the generator's own, made when it was last run
    variables |= ({} if stage is None else {"lod": stage}) | dict(_variables(state["variables"]))
    if sum(np.size(value) for value in variables.values()) > most:
        raise UserError(f"variables: more than {most} numbers, for which there is no room in the file")
    return Network(
        name=_text(state.get("name", "")),
        version=int(state["version"]),
        function=_text(state["build_func_name"]),
        options=dict(_options(state["static_kwargs"])),
        variables={name: _tensor(value) for name, value in variables.items()},
    )


def _variables(pairs: object) -> Iterator[tuple[str, np.ndarray | float]]:
    """(local name, array) one after another, or a dictionary of them."""
    entries = list(pairs.items()) if isinstance(pairs, Mapping) else pairs
    if not isinstance(entries, list | tuple):
        raise UserError("variables: not a list of names and arrays")
    for entry in entries:
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise UserError("variables: not a list of names and arrays")
        name, value = _text(entry[0]), entry[1]
        if isinstance(value, bool) or not isinstance(value, np.ndarray | float | int) or np.iscomplexobj(value):
            raise UserError(f"variables: '{name}' is not an array of numbers")
        yield name, value


def _tensor(value: np.ndarray | float) -> Tensor:
    # float64 where it was written so: a bias of which 1 was taken away needs its digits until that is undone
    dtype = np.float64 if getattr(value, "dtype", None) == np.float64 else np.float32
    return torch.from_numpy(np.array(value, dtype=dtype, copy=None, subok=False))


def _options(kwargs: object) -> Iterator[tuple[str, Any]]:
    if not isinstance(kwargs, Mapping):
        raise UserError("static_kwargs: not a dictionary of options")
    for key, value in kwargs.items():
        name = _text(key)
        if isinstance(value, bytes | str):
            value = _text(value)
        elif isinstance(value, list | tuple) and len(value) <= MOST_TAPS and all(map(_is_number, value)):
            value = tuple(value)
        elif value is not None and not isinstance(value, bool) and not _is_number(value):
            raise UserError(f"{name}: neither a number, nor a text, nor a list of numbers")
        yield name, value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 63  # nor is NaN one


def _text(value: object) -> str:
    """A name, which Python 2 wrote as bytes."""
    text = value.decode("latin1") if isinstance(value, bytes) else value
    if not isinstance(text, str) or len(text) > LONGEST_TEXT or not text.isprintable():
        raise UserError(f"{_shown(value)} stands where a name should be")
    return text


def _shown(value: object) -> str:
    return ascii(value)[:100] if isinstance(value, bytes | str | int | float) else f"a {type(value).__name__}"


# --- from theirs to ours --------------------------------------------------------------------------------------------


def _part_name(network: Network, place: int) -> str:
    if network.function.startswith("D_"):
        return "discriminator"
    return "generator_ema" if place == 2 or network.name == "Gs" else "generator"


def _part(network: Network) -> Part:
    if network.function not in READERS:
        raise UserError(f"build_func_name: {network.function!a} is none of {', '.join(READERS)}")
    return READERS[network.function](network)


def _progan_generator(network: Network) -> Part:
    variables = network.variables
    if _output_comes_first(network):
        variables = progan.first_release(variables)
    options = _completed(network, shapes_of.progan_generator(network.shapes, network.options))
    return Part(progan.progan_config(options), progan.progan_state(variables))


def _output_comes_first(network: Network) -> bool:
    """Whether fused up-convolutions are kept as ``[kh, kw, out, in]``, told by those whose sides differ.

    Where there are none, by the version: such are the files of Progressive GAN's own program.
    """
    for name, value in network.variables.items():
        bias = network.variables.get(name.replace("weight", "bias"))
        if name.endswith("/Conv0_up/weight") and value.ndim == 4 and bias is not None:
            _, _, second, third = value.shape
            if second != third:
                return bool(second == bias.shape[0])
    return network.version == 2


def _progan_discriminator(network: Network) -> Part:
    if network.options.get("label_size"):
        options = {**network.options, "label_size": 0}
        network = replace(network, options=options, variables=progan.without_classifier(network.variables))
    found = shapes_of.growing_discriminator(network.shapes, network.options)
    fused = any("/Conv1_down/" in name for name in network.variables)
    options = _completed(network, found) | {"fused_scale": fused}
    state = progan.growing_discriminator_state(network.variables)
    return Part(progan.progan_discriminator_config(options), state)


def _stylegan_generator(network: Network) -> Part:
    found = shapes_of.stylegan_generator(network.shapes, network.options)
    options = _completed(network, found)
    return Part(stylegan.generator_config(options), stylegan.generator_state(network.variables, options))


def _stylegan_discriminator(network: Network) -> Part:
    options = _completed(network, shapes_of.growing_discriminator(network.shapes, network.options))
    state = progan.growing_discriminator_state(network.variables)
    return Part(progan.stylegan_discriminator_config(options), state)


def _stylegan2_generator(network: Network) -> Part:
    if network.version == 5:
        options = _completed(network, shapes_of.ada_generator(network.shapes, network.options))
        return Part(ada.generator_config(options), ada.generator_state(network.variables))
    options = _completed(network, shapes_of.stylegan2_generator(network.shapes, network.options))
    if any("/ToRGB_lod" in name for name in network.variables):
        options["synthesis_func"] = "G_synthesis_stylegan_revised"
    return Part(stylegan2.generator_config(options), stylegan2.generator_state(network.variables))


def _stylegan2_discriminator(network: Network) -> Part:
    if network.version == 5:
        options = _completed(network, shapes_of.ada_discriminator(network.shapes, network.options))
        return Part(ada.discriminator_config(options), ada.discriminator_state(network.variables))
    options = _completed(network, shapes_of.stylegan2_discriminator(network.shapes, network.options))
    return Part(stylegan2.discriminator_config(options), stylegan2.discriminator_state(network.variables))


def _stylegan2_growing_discriminator(network: Network) -> Part:
    options = _completed(network, shapes_of.stylegan2_discriminator(network.shapes, network.options))
    return Part(stylegan2.growing_discriminator_config(options), stylegan2.discriminator_state(network.variables))


def _completed(network: Network, found: Mapping[str, Any]) -> dict[str, Any]:
    options = shapes_of.completed(network.options, found)
    for name in ("dlatent_avg_beta", "w_avg_beta"):
        if name in options and options[name] is None:  # the average is kept all the same
            options[name] = 1.0
    return options


READERS: dict[str, Callable[[Network], Part]] = {
    "G_paper": _progan_generator,
    "D_paper": _progan_discriminator,
    "G_style": _stylegan_generator,
    "D_basic": _stylegan_discriminator,
    "G_main": _stylegan2_generator,
    "D_stylegan2": _stylegan2_discriminator,
    "D_stylegan": _stylegan2_growing_discriminator,
    "D_main": _stylegan2_discriminator,
}
"""The published functions that build networks."""
