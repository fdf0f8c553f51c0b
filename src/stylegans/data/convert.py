"""One picture in its final form: cut, resized, of so many channels and bits. The heart of ``data build``."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from stylegans.config.sizes import Size, format_size
from stylegans.data import arrays, decode
from stylegans.data.sizing import Box, centre_crop, same_aspect

Crop = Literal["center", "wide", "none"]
Filter = Literal["lanczos", "box"]
Depth = Literal[8, 16]

RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}


@dataclass(frozen=True)
class Form:
    """What every picture is made into. The fields as in ``prepare.build``."""

    size: Size
    crop: Crop
    resample: Filter
    channels: int
    depth: Depth

    @property
    def is_plain(self) -> bool:
        """Whether a PNG holds it."""
        return self.depth == 8 and self.channels in decode.MODES


def written_size(size: Size, crop: Crop) -> Size:
    """(height, width) of the result, the bars of 'wide' included."""
    return (max(size), max(size)) if crop == "wide" else size


@dataclass(frozen=True)
class Converted:
    """A picture in its final form, and what was done to it."""

    picture: decode.Picture
    """A PIL image where the form is plain, else an array."""
    enlarged: bool
    """It was smaller than the form's size."""
    rounded: bool
    """It had 16 bits and the form has 8."""


def convert(picture: decode.Picture, form: Form) -> Converted:
    """An opened picture in the form ``form``.

    Raises:
        ValueError: it cannot be used; says why.
        Exception: its file is broken; PIL's own exception, of any type.
    """
    header = decode.header_of(picture)
    if isinstance(picture, Image.Image):
        if form.depth == 16 and header.is_rounded:
            raise ValueError("has 16 bits per colour, of which only 8 can be read: save it as .npy, uint16 [C, H, W]")
        enough = 4 * max(form.size)
        picture.draft(None, (enough, enough))  # a JPEG larger than this is decoded at a half to an eighth, not below it
        picture = decode.upright(picture)
    picture = _as_image(picture, form.channels) if form.is_plain else _as_array(picture, form)
    found = (picture.height, picture.width) if isinstance(picture, Image.Image) else picture.shape[1:]
    if form.crop == "none" and not same_aspect(found, form.size):
        raise ValueError(
            f"{format_size(found)} has another shape than {format_size(form.size)}, and --crop none cuts nothing"
        )
    box = (0, 0, found[1], found[0]) if form.crop == "none" else centre_crop(found, form.size)
    return Converted(
        _fitted(picture, form, box),
        enlarged=box[3] - box[1] < form.size[0] or box[2] - box[0] < form.size[1],
        rounded=header.is_rounded or header.depth > form.depth,
    )


def _as_image(picture: decode.Picture, channels: int) -> Image.Image:
    if isinstance(picture, Image.Image):
        return decode.to_mode(picture, decode.MODES[channels])
    array = arrays.with_channels(arrays.with_depth(picture, 8), channels)
    return Image.fromarray(array[0] if channels == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))


def _as_array(picture: decode.Picture, form: Form) -> np.ndarray:
    if isinstance(picture, Image.Image):
        if decode.is_16_bit_grey(picture):
            picture = decode.grey_16_bits(picture)
        else:
            channels = form.channels if form.channels in decode.MODES else len(picture.getbands())
            picture = decode.to_array(decode.to_mode(picture, decode.MODES.get(channels, "RGB")))
    return arrays.with_channels(arrays.with_depth(picture, form.depth), form.channels)


def _fitted(picture: decode.Picture, form: Form, box: Box) -> decode.Picture:
    """Cut to ``box``, resized, and with the bars of 'wide'."""
    height, width = form.size
    resampling = RESAMPLING[form.resample]
    if isinstance(picture, Image.Image):
        picture = picture.resize((width, height), resampling, box=box)
        return _barred_image(picture) if form.crop == "wide" else picture
    picture = arrays.resized(picture, form.size, resampling=resampling, box=box)
    return _barred_array(picture) if form.crop == "wide" else picture


def _barred_image(picture: Image.Image) -> Image.Image:
    """In the middle of a black square of its longer side."""
    side = max(picture.size)
    square = Image.new(picture.mode, (side, side), (0, 0, 0, 255) if picture.mode == "RGBA" else 0)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def _barred_array(picture: np.ndarray) -> np.ndarray:
    """The same."""
    channels, height, width = picture.shape
    side = max(height, width)
    square = np.zeros((channels, side, side), picture.dtype)
    if channels == 4:
        square[3] = arrays.WHITE[picture.dtype]
    top, left = (side - height) // 2, (side - width) // 2
    square[:, top : top + height, left : left + width] = picture
    return square
