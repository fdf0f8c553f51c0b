"""Starting from the weights of another model."""

from pathlib import Path

from torch import nn

from stylegans import models
from stylegans.errors import UserError
from stylegans.files.model_file import ModelInfo, read_model_info
from stylegans.files.tensors import read_tensors
from stylegans.training.state import State

SOURCES = {
    "generator": ("generator", "generator_ema"),
    "generator_ema": ("generator_ema", "generator"),
    "discriminator": ("discriminator",),
}
"""Network of a training → the parts of a model it can start from, the best first."""


def open_initial(path: str) -> tuple[Path, ModelInfo]:
    """The model file that ``--from`` means.

    Raises:
        UserError: nothing is there, or it is no model.
    """
    try:
        file = models.find(path)
        return file, read_model_info(file)
    except UserError as error:
        raise UserError(f"--from: {error}") from error


def start_from(path: str, state: State) -> str:
    """Copy the model's weights into the players; say what was copied.

    Raises:
        UserError: a network of the model has another shape.
    """
    file, info = open_initial(path)
    copied = []
    for name, sources in SOURCES.items():
        part = next((source for source in sources if source in info.parts), None)
        if part is not None:
            _copy(getattr(state, name), file, part, path)
            copied.append(name)
    if not copied:
        raise UserError(f"--from: {path} holds no generator or discriminator, but {', '.join(info.parts)}")
    fresh = [name for name in SOURCES if name not in copied]
    return f"from {path}: {', '.join(copied)}" + (f"; fresh: {', '.join(fresh)}" if fresh else "")


def _copy(network: nn.Module, file: Path, part: str, path: str) -> None:
    tensors, own = read_tensors(file, prefix=f"{part}."), network.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        theirs, ours = (list(side[name].shape) if name in side else "absent" for side in (tensors, own))
        if theirs != ours:
            raise UserError(f"--from: {path} has another shape: {part}.{name} is {theirs} there and {ours} here")
    network.load_state_dict(tensors)
