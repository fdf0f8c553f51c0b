"""A picture file as a target: of the model's size and channels, by the rules of ``data build``."""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from stylegans.config.sizes import Size, format_size
from stylegans.data import decode
from stylegans.data.convert import Form, convert
from stylegans.data.words import printable, reason
from stylegans.errors import MissingFile, UserError
from stylegans.networks.protocol import Generator


@dataclass(frozen=True)
class Target:
    """A picture to find in the latent space."""

    name: str
    image: Tensor
    """[C, H, W], in [-1, 1]."""
    found: Size
    """(height, width) in its file, as it lies there."""

    def note(self) -> str | None:
        """What was done to its size, for the user to know; None: nothing."""
        size = (self.image.shape[1], self.image.shape[2])
        if self.found == size:
            return None
        return (
            f"{self.name}: {format_size(self.found)}; the largest part in its centre was taken and resized to "
            f"{format_size(size)}, as data build does"
        )


def read_target(path: str | Path, G: Generator) -> Target:
    """The picture at ``path`` as ``data build`` would make it for the model: upright, the largest part in the centre
    that has the model's shape, resized by Lanczos, of the model's channels (grey repeated, colour made grey,
    transparency laid on white unless the model has it, an alpha of white where the model has one and the file none).

    Raises:
        MissingFile: there is no such file.
        UserError: it is no picture, is damaged, or cannot have the model's channels.
    """
    path = Path(path).expanduser()
    name = printable(path.name)
    if path.is_dir():
        raise UserError(f"IMAGE: {printable(str(path))} is a folder; name its pictures, like {name}/*.png")
    if not path.is_file():
        raise MissingFile(f"IMAGE: {printable(str(path))}: no such file")
    form = Form(G.img_resolution, "center", "lanczos", G.img_channels, 8)
    try:
        with decode.reading_any(), path.open("rb") as stream:
            opened = decode.read(stream)
            found = decode.header_of(opened).size
            picture = convert(opened, form).picture
            array = decode.to_array(picture) if isinstance(picture, Image.Image) else picture
    except Exception as error:  # a broken file makes PIL raise almost anything
        raise UserError(f"IMAGE: {name}: {reason(error)}") from error
    return Target(name, torch.from_numpy(array.copy()).float() / 127.5 - 1, found)
