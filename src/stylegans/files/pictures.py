"""From a network's output to picture files.

Pictures are uint8 arrays [H, W, C] with 1 (grey), 3 (RGB) or 4 (RGBA) channels; of other channels, or of 16 bits, they
are kept as arrays and shown in part (``visible``). torch is not imported here.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stylegans.errors import UserError
from stylegans.files.atomic import atomic_file

if TYPE_CHECKING:
    from torch import Tensor

PNG_CHANNELS = (1, 3, 4)
WHITE = 255


def quantise(images: "Tensor") -> "Tensor":
    """Images about [-1, 1], [N, C, H, W] → uint8 of the same shape: uint8(clip(x · 127.5 + 128, 0, 255)).

    Computed in float32 where the images are. A NaN becomes 0.
    """
    return (images.float() * 127.5 + 128).nan_to_num(nan=0.0).clamp(0, 255).byte()


def to_uint8(images: "Tensor") -> np.ndarray:
    """Images about [-1, 1], [N, C, H, W] → pictures uint8 [N, H, W, C]."""
    return np.ascontiguousarray(quantise(images.detach()).permute(0, 2, 3, 1).cpu().numpy())


def as_image(picture: np.ndarray) -> Image.Image:
    """A picture [H, W, C] as a PIL image: L, RGB or RGBA.

    Raises:
        UserError: it has another number of channels.
    """
    channels = picture.shape[2]
    if channels not in PNG_CHANNELS:
        raise UserError(f"a picture file holds 1, 3 or 4 channels, not {channels}")
    return Image.fromarray(picture[:, :, 0] if channels == 1 else picture)


def save_png(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture [H, W, C] as a PNG, whole or not at all; its folder is made if needed.

    Raises:
        UserError: it does not have 1, 3 or 4 channels.
    """
    image = as_image(picture)
    with atomic_file(path) as temporary:
        image.save(temporary, format="PNG")


def save_picture(path: str | Path, picture: np.ndarray) -> Path:
    """Write a picture [H, W, C] to ``path``.png, or to ``path``.npy as [C, H, W] where it has other channels than a PNG
    holds, or 16 bits.

    Returns:
        The path with its ending.
    """
    path = Path(path)
    if picture.shape[2] in PNG_CHANNELS and picture.dtype == np.uint8:
        path = path.with_name(f"{path.name}.png")
        save_png(path, picture)
    else:
        path = path.with_name(f"{path.name}.npy")
        with atomic_file(path) as temporary:
            np.save(temporary, picture.transpose(2, 0, 1))
    return path


def visible(pictures: np.ndarray) -> np.ndarray:
    """What can be shown of pictures [..., H, W, C], uint8 or uint16 → uint8 with 1, 3 or 4 channels.

    16 bits are rounded to 8. Of 2 channels the first is shown, as grey; of 5 and more the first three, as RGB.
    """
    channels = pictures.shape[-1]
    if channels not in PNG_CHANNELS:
        pictures = pictures[..., : 1 if channels == 2 else 3]
    return to_8_bits(pictures)


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """uint16 → uint8: round(255 v / 65535); uint8 as it is."""
    return values if values.dtype == np.uint8 else ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def tile(pictures: np.ndarray, *, columns: int | None = None, gap: int = 0) -> np.ndarray:
    """Pictures [N, H, W, C], row by row → one picture; white between them (``gap`` pixels) and in cells left empty.

    Args:
        columns: pictures in a row; None: the squarest grid.
    """
    count, height, width, channels = pictures.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), WHITE, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """Every pixel of a picture [H, W, C] as ``scale`` × ``scale`` pixels."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def on_white(picture: np.ndarray) -> np.ndarray:
    """RGBA [H, W, 4] laid on white → RGB [H, W, 3], rounded; other pictures as they are."""
    if picture.shape[2] != 4:
        return picture
    alpha = picture[:, :, 3:].astype(np.float32) / 255
    return np.rint(picture[:, :, :3] * alpha + WHITE * (1 - alpha)).astype(np.uint8)
