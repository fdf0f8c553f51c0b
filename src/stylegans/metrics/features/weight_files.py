"""Weights of published networks, out of whatever file a user has. Nothing in the file is run or imported.

Read are safetensors; PyTorch's checkpoints, of state dicts or whole modules, in either of its formats; TorchScript
archives; NVIDIA's pickles of modules; pickles of nested dictionaries of NumPy arrays.
"""

import struct
from pathlib import Path

from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.files.tensors import read_tensors
from stylegans.files.torch_archive import named_tensors, read_archive


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Every tensor of a file: its dotted name → itself, in file order, in main memory, not to be written to.

    Of a module the names are its state dict's, of a TorchScript archive its constants come last, as ``constants.0`` …;
    within dictionaries and lists keys and positions make the name.

    Raises:
        MissingFile: there is no such file.
        UserError: it is of no known kind or damaged, asks for something to be run, or holds no tensor.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    state = read_tensors(path) if _is_safetensors(path) else named_tensors(read_archive(path))
    if not state:
        raise UserError(f"{path}: holds no weights")
    return state


def _is_safetensors(path: Path) -> bool:
    """A length that fits in the file, then the brace that opens the header."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and struct.unpack("<Q", start[:8])[0] <= path.stat().st_size
