"""Any foreign checkpoint: which reader it is for, told by its content, and a check of what the reader made of it."""

import mmap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylegans.config import Discriminator, Mapping
from stylegans.config.networks import MAPPED, DiscriminatorConfig, GeneratorConfig
from stylegans.config.sizes import channels
from stylegans.errors import MissingFile, UserError
from stylegans.files.torch_archive import LEGACY, ZIP
from stylegans.files.unpickle import LARGEST_PICKLE
from stylegans.interop import nvidia_pickle, nvidia_tensorflow_pickle, rosinality
from stylegans.interop.bounds import checked
from stylegans.interop.foreign import Foreign, Part
from stylegans.networks.families import build_discriminator, build_generator

SMALLEST_NUMBER = 2
"""Bytes of a number in a file: a state of more numbers than fit in the file is none."""

OF_LABELS = (
    *("label_head", "cmap_dim", "mapping_layers", "mapping_lr_multiplier"),
    *("mapping_hidden_dim", "mapping_embed_dim"),
)
"""Options of a discriminator that mean nothing without labels."""


def read(path: str | Path) -> Foreign:
    """The networks of a checkpoint that another program wrote, each verified against its config.

    Raises:
        MissingFile: there is no such file.
        UserError: it is no checkpoint that is known here, is damaged, or asks for something to be run.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    foreign = _reader(path)(path)
    try:
        parts = {name: _verified(name, part) for name, part in foreign.parts.items()}
        numbers = sum(value.numel() for part in parts.values() for value in part.state.values())
        if numbers * SMALLEST_NUMBER > path.stat().st_size:
            raise UserError(f"{numbers} numbers in a file of {path.stat().st_size} bytes")
        parts = {name: replace(part, state=_plain(part)) for name, part in parts.items()}
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # options and tensors that are not what they should be raise almost anything
        raise UserError(f"{path}: damaged ({type(error).__name__}: {' '.join(str(error)[:200].split())})") from None
    return replace(foreign, parts=parts)


def _reader(path: Path) -> Callable[[Path], Foreign]:
    with path.open("rb") as file:
        start = file.read(len(LEGACY))
        if start.startswith(ZIP) or start == LEGACY:
            return rosinality.read
        if path.stat().st_size > LARGEST_PICKLE:
            raise UserError(f"{path}: {path.stat().st_size} bytes; at most {LARGEST_PICKLE} are read")
        if start:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(nvidia_pickle.MARK) >= 0:
                    return nvidia_pickle.read
    return nvidia_tensorflow_pickle.read


def _verified(name: str, part: Part) -> Part:
    """The part, if its config is sound and its tensors are those of the network that the config describes.

    Raises:
        UserError: they are not.
    """
    config = checked(part.config, tensors=len(part.state))
    expected = {key: tuple(value.shape) for key, value in _skeleton(name, config).state_dict().items()}
    strange, missing = sorted(part.state.keys() - expected.keys()), sorted(expected.keys() - part.state.keys())
    if strange or missing:
        raise UserError(f"{name}: {f'unknown tensor {strange[0][:100]!a}' if strange else f'no tensor {missing[0]}'}")
    for key, shape in expected.items():
        if tuple(part.state[key].shape) != shape:
            found = list(part.state[key].shape)
            raise UserError(f"{name}: '{key}' has the shape {found} where its options make it {list(shape)}")
    return replace(part, config=_without_defaults(config))


def _without_defaults(config: GeneratorConfig | DiscriminatorConfig) -> GeneratorConfig | DiscriminatorConfig:
    """Equal networks get equal configs: some programs state widths that others leave to their rule.

    What is done with labels is left unsaid where there are none.
    """
    if isinstance(config, MAPPED):
        mapping = config.mapping
        hidden, embed = _unless(mapping.w_dim, mapping.hidden_dim, mapping.embed_dim)
        mapping = replace(mapping, hidden_dim=hidden, embed_dim=embed)
        if mapping.c_dim == 0:
            mapping = replace(mapping, embed_dim=None, label_norm=Mapping.label_norm)
        return replace(config, mapping=mapping)
    if not isinstance(config, Discriminator):
        return config
    if config.c_dim == 0:
        unsaid: dict[str, Any] = {name: getattr(Discriminator, name) for name in OF_LABELS}
        return replace(config, **unsaid)
    base = channels(config.base, 0, channel_base=config.channel_base, channel_max=config.channel_max)
    hidden, embed = _unless(config.cmap_dim or base, config.mapping_hidden_dim, config.mapping_embed_dim)
    cmap = None if config.cmap_dim == base else config.cmap_dim
    return replace(config, cmap_dim=cmap, mapping_hidden_dim=hidden, mapping_embed_dim=embed)


def _unless(rule: int, *widths: int | None) -> tuple[int | None, ...]:
    """The widths, None for those that are as the rule has it."""
    return tuple(None if width == rule else width for width in widths)


def _skeleton(name: str, config: Any) -> nn.Module:
    """The network without numbers."""
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            return build_discriminator(config) if name == "discriminator" else build_generator(config)
    except UserError:
        raise
    except Exception as error:  # sizes that no tensor can have raise almost anything
        raise UserError(f"{name}: options that make no network ({' '.join(str(error)[:200].split())})") from None


def _plain(part: Part) -> dict[str, Tensor]:
    """Numbers of single precision, each tensor with its own memory."""
    return {name: _single(value) for name, value in part.state.items()}


def _single(value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value.clone()
    return torch.empty(value.shape).copy_(value)
