"""Checkpoints of stylegan2-ada-pytorch and stylegan3: pickles of a training's networks, or of one network.

A published network is pickled with the source of its class, which is never looked at, with what it was built from
(``_init_args``, ``_init_kwargs``) and with its modules, each a dictionary of attributes. Options that were left to the
published constructors are read off the modules: the two programs' defaults differ.
"""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.torch_archive import Inert, Stored, read_archive
from stylegans.interop import nvidia_pytorch, nvidia_pytorch_stylegan3
from stylegans.interop.bounds import checked, plain
from stylegans.interop.foreign import NVIDIA, Foreign, Part

Tensors = dict[str, Tensor]

MARK = b"_reconstruct_persistent_obj"
"""In every such file, and in no other."""

PARTS = {"G_ema": "generator_ema", "G": "generator", "D": "discriminator"}
"""Their names for a training's networks → ours."""

GENERATOR, DISCRIMINATOR = "Generator", "Discriminator"
"""Classes of networks that are read."""

POSITIONAL = {
    GENERATOR: ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs"),
    DISCRIMINATOR: (
        *("c_dim", "img_resolution", "img_channels", "architecture", "channel_base", "channel_max", "num_fp16_res"),
        *("conv_clamp", "cmap_dim", "block_kwargs", "mapping_kwargs", "epilogue_kwargs"),
    ),
}
"""Class → its options in the order of its constructor."""

SYNTHESIS = (
    *("architecture", "channel_base", "channel_max", "num_fp16_res", "resample_filter", "use_noise", "conv_clamp"),
    *("activation", "fused_modconv_default", "fp16_channels_last"),
)
"""Options of StyleGAN2's synthesis network, which stylegan3 keeps among the generator's own."""

SPEED = ("fused_modconv_default", "fp16_channels_last")
"""Options that do not change what a network computes."""

LONGEST_NAME = 200
"""Of a module in modules, in characters. Published ones have some twenty."""


def read(path: str | Path) -> Foreign:
    """The networks of a ``.pkl`` that stylegan2-ada-pytorch or stylegan3 wrote.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no such file, is damaged, asks for something to be run, or holds networks of another kind.
    """
    tree = read_archive(path)
    networks = _networks(tree)
    if not networks:
        raise UserError(f"{path}: holds {_contents(tree)}, no Generator or Discriminator of NVIDIA's")
    try:
        parts = {name: _part(network) for name, network in networks.items()}
        first = next(iter(parts.values()))
        options = tree.get("training_set_kwargs") if isinstance(tree, Dictionary) else None
        return Foreign(
            source="stylegan3" if any(map(_is_of_stylegan3, networks.values())) else "stylegan2-ada-pytorch",
            family=first.config.family,
            parts=parts,
            licence=NVIDIA,
            data=_data(options),
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # attributes that are not what they should be raise almost anything
        raise UserError(f"{path}: damaged ({type(error).__name__}: {' '.join(str(error)[:200].split())})") from None


def _networks(tree: object) -> dict[str, Inert]:
    """Our name for a part → the network: those of a training, or the one that is all there is."""
    if isinstance(tree, Inert):
        names = {GENERATOR: "generator_ema", DISCRIMINATOR: "discriminator"}
        return {names[tree.kind]: tree} if tree.kind in names else {}
    if not isinstance(tree, Dictionary):
        return {}
    found = {ours: tree.get(theirs) for theirs, ours in PARTS.items()}
    return {name: value for name, value in found.items() if isinstance(value, Inert) and value.kind in POSITIONAL}


def _contents(tree: object) -> str:
    """What is there instead, in words."""
    if isinstance(tree, Inert):
        return f"an object of the class {tree.kind[:100]!a}"
    if isinstance(tree, Dictionary):
        return f"entries {', '.join(repr(key) for key in list(tree)[:8] if isinstance(key, str))}"[:200]
    return f"a {type(tree).__name__}"


def _data(options: object) -> str:
    """The data set's name: the last word of its path, without its suffix."""
    path = options.get("path") if isinstance(options, Dictionary) else None
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2].removesuffix(".zip") if isinstance(path, str) else ""


# --- modules ----------------------------------------------------------------------------------------------------------


def _tensors(network: Inert) -> Tensors:
    """A network's parameters and buffers under their names in a state dict. A module met twice counts once."""
    found: Tensors = {}
    seen: set[int] = set()
    waiting = [("", network)]
    while waiting:
        prefix, module = waiting.pop()
        seen.add(id(module))
        if len(prefix) > LONGEST_NAME:
            raise UserError(f"modules with names of more than {LONGEST_NAME} characters")
        for name, value in [*module.state["_parameters"].items(), *module.state["_buffers"].items()]:
            if isinstance(value, Stored):
                found[f"{prefix}{name}"] = value.tensor
        for name, child in module.state["_modules"].items():
            if isinstance(child, Inert) and id(child) not in seen:
                waiting.append((f"{prefix}{name}.", child))
    return found


def _attribute(module: Inert, path: Sequence[str], name: str) -> Any:
    """Attribute ``name`` of the module at ``path``; None where there is none."""
    for step in path:
        child = module.state["_modules"].get(step)
        if not isinstance(child, Inert):
            return None
        module = child
    return plain(module.state.get(name))


def _options(network: Inert) -> dict[str, Any]:
    """What the network was built with, by name."""
    given = dict(zip(POSITIONAL[network.kind], network.state.get("_init_args") or (), strict=False))
    return {name: plain(value) for name, value in (given | dict(network.state["_init_kwargs"])).items()}


# --- networks ---------------------------------------------------------------------------------------------------------


def _part(network: Inert) -> Part:
    tensors, options = _tensors(network), _options(network)
    if network.kind == DISCRIMINATOR:
        config = nvidia_pytorch.discriminator_config(_discriminator_options(network, options))
        return Part(checked(config, tensors=len(tensors)), nvidia_pytorch.discriminator_state(tensors))
    if _is_alias_free(tensors):
        options["mapping_kwargs"] = _mapping_options(network, options.get("mapping_kwargs", {}))
        alias_free = checked(nvidia_pytorch_stylegan3.generator_config(options), tensors=len(tensors))
        return Part(alias_free, nvidia_pytorch_stylegan3.generator_state(tensors, alias_free))
    generator = nvidia_pytorch.generator_config(_generator_options(network, options))
    return Part(checked(generator, tensors=len(tensors)), nvidia_pytorch.generator_state(tensors))


def _is_alias_free(tensors: Tensors) -> bool:
    return "synthesis.input.freqs" in tensors


def _is_of_stylegan3(network: Inert) -> bool:
    """Whether stylegan3 wrote it: its StyleGAN2 keeps ``num_fp16_res``, which its predecessor's forgets."""
    attribute = _attribute(network, ("synthesis",), "num_fp16_res")
    return attribute is not None or _is_alias_free(_tensors(network))


def _generator_options(network: Inert, options: dict[str, Any]) -> dict[str, Any]:
    """Options of StyleGAN2's generator as stylegan2-ada-pytorch gives them, complete."""
    given = dict(options.pop("synthesis_kwargs", {}))
    given |= {name: options.pop(name) for name in SYNTHESIS if name in options}
    clamp = _attribute(network, ("synthesis", "b4", "conv1"), "conv_clamp")
    synthesis = {"conv_clamp": clamp} | {name: value for name, value in given.items() if name not in SPEED}
    mapping = _mapping_options(network, options.pop("mapping_kwargs", {}))
    return options | {"mapping_kwargs": mapping, "synthesis_kwargs": synthesis}


def _mapping_options(network: Inert, given: Dictionary[str, Any]) -> dict[str, Any]:
    kept = {name: _attribute(network, ("mapping",), name) for name in ("num_layers", "w_avg_beta")}
    return {name: value for name, value in kept.items() if value is not None} | dict(given)


def _discriminator_options(network: Inert, options: dict[str, Any]) -> dict[str, Any]:
    block = {name: value for name, value in options.pop("block_kwargs", {}).items() if name not in SPEED}
    clamp = _attribute(network, ("b4", "conv"), "conv_clamp")
    return {"conv_clamp": clamp} | options | {"block_kwargs": block}
