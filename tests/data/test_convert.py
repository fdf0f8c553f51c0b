import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylegans.data import decode
from stylegans.data.convert import Converted, Form, convert

Photo = Callable[..., Image.Image]


def converted(picture: decode.Picture, **options: Any) -> Converted:
    defaults = {"crop": "center", "resample": "box", "channels": 3, "depth": 8}
    return convert(picture, Form(**(defaults | options)))


def pixels_of(picture: decode.Picture) -> np.ndarray:
    return picture if isinstance(picture, np.ndarray) else decode.to_array(picture)


def test_a_jpeg_decoded_at_reduced_scale_looks_as_if_decoded_whole(photo: Photo) -> None:
    stream = io.BytesIO()
    photo(901, 1201).save(stream, "jpeg", quality=95)
    whole, reduced = Image.open(stream), Image.open(stream)
    whole.load()
    results = (converted(picture, size=(32, 32), resample="lanczos").picture for picture in (whole, reduced))
    pixels = [np.asarray(picture).astype(int) for picture in results]
    assert reduced.size == (301, 226)
    assert np.abs(pixels[0] - pixels[1]).mean() <= 2


def test_crop_center_keeps_the_middle() -> None:
    stripes = Image.fromarray(np.repeat(np.arange(100, dtype=np.uint8)[None], 20, axis=0))
    result = converted(stripes, size=(20, 20), channels=1)
    assert not result.enlarged
    np.testing.assert_array_equal(np.asarray(result.picture)[0], np.arange(40, 60))


def test_box_is_the_mean_and_lanczos_is_not() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8))
    box = converted(noise, size=(8, 8), channels=1).picture
    lanczos = converted(noise, size=(8, 8), channels=1, resample="lanczos").picture
    mean = np.asarray(noise).reshape(8, 4, 8, 4).mean((1, 3))
    assert np.abs(np.asarray(box) - mean).max() <= 1
    assert np.abs(np.asarray(lanczos) - mean).max() > 1


@pytest.mark.parametrize("depth", [8, 16])
def test_transparent_pictures_shrink_without_dark_edges(depth: int) -> None:
    picture = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    picture.paste((255, 255, 255, 255), (0, 0, 5, 16))
    small = pixels_of(converted(picture, size=(4, 4), channels=4, depth=depth).picture)
    assert (small[:3, small[3] > 0] == small.max()).all()
    assert small.max() == 2**depth - 1


@pytest.mark.parametrize(("size", "bars"), [((24, 32), (slice(0, 4), slice(28, 32))), ((32, 24), None)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("depth", [8, 16])
def test_crop_wide_puts_black_bars_to_a_square(size: tuple[int, int], bars: object, mode: str, depth: int) -> None:
    white = Image.new(mode, (60, 90), "white")
    channels = decode.CHANNELS[mode]
    pixels = pixels_of(converted(white, size=size, crop="wide", channels=channels, depth=depth).picture)
    pixels = pixels if bars else pixels.transpose(0, 2, 1)
    highest = 2**depth - 1
    assert pixels.shape == (channels, 32, 32)
    assert (pixels[:, 4:28] == highest).all()
    for bar in (pixels[:, :4], pixels[:, 28:]):
        assert (bar[:3] == 0).all()
        assert (bar[3:] == highest).all()


@pytest.mark.parametrize("crop", ["center", "none"])
def test_16_bits_that_fit_already_keep_every_number(crop: str) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (1, 8, 12), dtype=np.uint16)
    for picture in (values, Image.fromarray(values[0])):
        result = converted(picture, size=(8, 12), crop=crop, channels=1, depth=16, resample="lanczos")
        np.testing.assert_array_equal(result.picture, values)
        assert not result.rounded


def test_16_bits_are_cut_and_averaged_in_16_bits() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (5, 8, 12), dtype=np.uint16)
    found = converted(values, size=(4, 4), channels=5, depth=16).picture
    mean = values[:, :, 2:10].astype(np.float64).reshape(5, 4, 2, 4, 2).mean((2, 4))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.uint16
    assert np.abs(found - mean).max() <= 0.51


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_8_bits_in_16_are_257_times_themselves(photo: Photo, mode: str, channels: int) -> None:
    picture = photo(8, 8, mode)
    plain = pixels_of(converted(picture.copy(), size=(8, 8), channels=channels).picture)
    deep = converted(picture, size=(8, 8), channels=channels, depth=16).picture
    np.testing.assert_array_equal(deep, plain.astype(np.uint16) * np.uint16(257))


def test_arrays_of_16_bits_become_ordinary_pictures_of_8_and_it_is_told() -> None:
    result = converted(np.full((1, 4, 4), 32896, np.uint16), size=(4, 4), channels=3)
    assert (pixels_of(result.picture) == 128).all()
    assert result.rounded
    assert not converted(np.full((5, 4, 4), 7, np.uint8), size=(4, 4), channels=5).rounded


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_are_not_invented(photo: Photo, channels: int) -> None:
    with pytest.raises(ValueError, match=f"^has 3 channels, not {channels}$"):
        converted(photo(8, 8), size=(8, 8), channels=channels)
    with pytest.raises(ValueError, match=f"^has {channels} channels, not 3$"):
        converted(np.zeros((channels, 8, 8), np.uint8), size=(8, 8), channels=3)
    with pytest.raises(ValueError, match=f"^has 1 channel, not {channels}$"):
        converted(photo(8, 8, "L"), size=(8, 8), channels=channels)


def png_16(array: np.ndarray, colour_type: int) -> bytes:
    """A PNG of 16 bits per channel, which PIL cannot write: uint16 [H, W, C]."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("bands", "colour_type"), [(2, 4), (3, 2), (4, 6)])
def test_colour_of_16_bits_that_would_be_read_as_8_is_told_and_refused_where_16_are_asked_for(
    bands: int, colour_type: int
) -> None:
    content = png_16(np.full((4, 4, bands), 65535, np.uint16), colour_type)
    assert converted(decode.read(io.BytesIO(content)), size=(4, 4)).rounded
    with pytest.raises(ValueError, match=r"16 bits per colour, of which only 8 can be read: save it as \.npy"):
        converted(decode.read(io.BytesIO(content)), size=(4, 4), depth=16)
