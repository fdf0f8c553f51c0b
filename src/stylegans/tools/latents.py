"""Latents as files: where in W pictures are, with the noise maps that belong to them.

Safetensors: ``ws`` float32 [N, num_ws, w_dim] and, for each noise input, ``noise.NAME`` [N, 1, H, W]. The metadata say
``format`` (stylegans-latent), ``version``, ``model`` (the fingerprint of its weights) and ``space``. The published
projector's ``projected_w.npz``, whose key is ``w``, is read too.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from stylegans.errors import MissingFile, UserError
from stylegans.files.tensors import read_header, read_tensors, write_tensors
from stylegans.networks.protocol import Generator, device_of
from stylegans.tools.noise_maps import stored

Space = Literal["w", "w+"]
"""One w for all layers, or one for each (Abdal et al. 2019, Image2StyleGAN)."""

FORMAT, VERSION = "stylegans-latent", "1"
NOISE = "noise."


@dataclass(frozen=True)
class Latent:
    """Where pictures are in a model's latent space."""

    ws: Tensor
    """[N, num_ws, w_dim]."""
    noise: Mapping[str, Tensor] = field(default_factory=dict)
    """The noise inputs' maps [N, 1, H, W] by their names in the synthesis network; empty: the model's own."""
    space: Space = "w+"
    model: str = ""
    """The fingerprint of the model's weights; '' where it is not known."""

    def to(self, device: torch.device) -> "Latent":
        noise = {name: each.to(device) for name, each in self.noise.items()}
        return Latent(self.ws.to(device), noise, self.space, self.model)


def fingerprint(G: Generator) -> str:
    """SHA-256 (hexadecimal) over the generator's weights and buffers: the same for one model in any file format."""
    assert isinstance(G, nn.Module)  # what has parameters is one
    digest = hashlib.sha256()
    for name, tensor in sorted(G.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_latent(path: str | Path, latent: Latent) -> None:
    """Write ``latent`` as a safetensors file, whole or not at all."""
    tensors = {"ws": latent.ws.float()} | {f"{NOISE}{name}": each.float() for name, each in latent.noise.items()}
    metadata = {"format": FORMAT, "version": VERSION, "model": latent.model, "space": latent.space}
    write_tensors(path, tensors, metadata=metadata)


def read_latent(path: str | Path) -> Latent:
    """The latent in a file of ours, or in the ``projected_w.npz`` of the published projector.

    Raises:
        MissingFile: there is no such file.
        UserError: it holds no latent; names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file")
    return _read_npz(path) if zipfile.is_zipfile(path) else _read_safetensors(path)


def fitted(latent: Latent, G: Generator, *, where: str) -> Latent:
    """``latent`` on the model's device, a ws of one layer repeated for all of them.

    Raises:
        UserError: its sizes are another model's; begins with ``where``, the option or file it came from.
    """
    count, layers, width = latent.ws.shape
    if width != G.w_dim or layers not in (1, G.num_ws):
        raise UserError(
            f"{where}: a latent of {layers} × {width} numbers, but this model's have {G.num_ws} × {G.w_dim}; "
            "is it another model's?"
        )
    found = {name: tuple(each.shape[2:]) for name, each in latent.noise.items()}
    expected = {name: tuple(each.shape[2:]) for name, each in stored(G).items()}
    if found and (found != expected or any(len(each) != count for each in latent.noise.values())):
        raise UserError(f"{where}: its noise maps are not those of this model's noise inputs; is it another model's?")
    whole = Latent(latent.ws.expand(-1, G.num_ws, -1), latent.noise, latent.space, latent.model)
    return whole.to(device_of(G))


def _read_safetensors(path: Path) -> Latent:
    header = read_header(path)
    ws, noise = header.shapes.get("ws"), [shape for name, shape in header.shapes.items() if name.startswith(NOISE)]
    if header.metadata.get("format") != FORMAT or ws is None:
        raise UserError(f"{path}: not a latent; stylegans project writes such files")
    if header.metadata.get("version") != VERSION:
        raise UserError(f"{path}: a latent of another version of stylegans; upgrade it")
    space = header.metadata.get("space", "w+")
    if len(ws) != 3 or any(len(shape) != 4 or shape[1] != 1 for shape in noise) or space not in get_args(Space):
        raise UserError(f"{path}: damaged: ws should be [N, num_ws, w_dim], noise [N, 1, H, W], space w or w+")
    return Latent(
        ws=read_tensors(path)["ws"],
        noise=read_tensors(path, prefix=NOISE),
        space="w" if space == "w" else "w+",
        model=header.metadata.get("model", ""),
    )


def _read_npz(path: Path) -> Latent:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            w = np.asarray(arrays["w"], dtype=np.float32)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a latent: an .npz has it under the name w, [N, num_ws, w_dim]") from error
    if w.ndim == 2:
        w = w[None]  # one picture's, as some encoders write it
    if w.ndim != 3:
        raise UserError(f"{path}: w should be [N, num_ws, w_dim], and is {list(w.shape)}")
    return Latent(torch.from_numpy(w), space="w" if (w == w[:, :1]).all() else "w+")
