import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylegans.data import decode


def reopened(picture: Image.Image, form: str = "png", **options: object) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return decode.open_picture(stream)


@given(st.integers(0, 65535))
def test_16_bits_are_scaled_to_8_by_rounding_not_clipped(value: int) -> None:
    picture = reopened(Image.fromarray(np.full((1, 1), value, np.uint16)))
    assert np.asarray(decode.to_mode(picture, "L")) == round(value / 257)


@given(st.tuples(*[st.integers(0, 255)] * 4))
def test_transparency_is_laid_on_white_exactly(pixel: tuple[int, int, int, int]) -> None:
    *colour, alpha = pixel
    result = decode.to_mode(Image.new("RGBA", (1, 1), pixel), "RGB").getpixel((0, 0))
    assert result == tuple((2 * (c * alpha + 255 * (255 - alpha)) + 255) // 510 for c in colour)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "HSV", "PA", "RGBX"]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_mode_becomes_every_mode(mode: str, channels: int) -> None:
    picture = decode.to_mode(Image.new(mode, (5, 3)), decode.MODES[channels])
    assert decode.to_array(picture).shape == (channels, 3, 5)
    assert decode.to_array(picture).dtype == np.uint8


def test_a_transparent_palette_colour_becomes_white() -> None:
    picture = Image.new("P", (2, 1), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 0)
    picture = decode.to_mode(reopened(picture, transparency=0), "RGB")
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 255)]


def test_rgba_keeps_its_transparency() -> None:
    assert decode.to_mode(Image.new("RGBA", (1, 1), (1, 2, 3, 4)), "RGBA").getpixel((0, 0)) == (1, 2, 3, 4)


def test_grey_with_transparency_is_laid_on_white() -> None:
    assert decode.to_mode(Image.new("LA", (1, 1), (0, 0)), "L").getpixel((0, 0)) == 255


@pytest.mark.parametrize("picture", [Image.new("F", (2, 2)), Image.new("I", (2, 2), 70000), Image.new("I", (2, 2), -1)])
def test_numbers_without_an_agreed_range_are_refused(picture: Image.Image) -> None:
    with pytest.raises(ValueError, match="no agreed range"):
        decode.to_mode(picture, "L")


def test_exif_orientation_6_turns_a_picture_clockwise() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = Image.new("RGB", (2, 1), "red")
    source.putpixel((1, 0), (0, 0, 255))
    picture = reopened(source, exif=exif)
    upright = decode.upright(picture)
    assert decode.is_turned(picture)
    assert not decode.is_turned(upright)
    assert [upright.getpixel((0, y)) for y in (0, 1)] == [(255, 0, 0), (0, 0, 255)]


def test_pictures_above_pils_limit_open_and_above_ours_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for form in ("png", "tiff"):
        with decode.reading_any():
            reopened(Image.new("L", (50, 2)), form).load()
        assert Image.MAX_IMAGE_PIXELS == 10
        with pytest.raises(ValueError, match="million pixels"):
            reopened(Image.new("L", (50, 2)), form)
    for limit in (99, 49):  # just above ours, and above the twice of it at which PIL refuses by itself
        monkeypatch.setattr(decode, "LARGEST_PIXELS", limit)
        with decode.reading_any(), pytest.raises(ValueError, match="million pixels"):
            reopened(Image.new("L", (50, 2)))


def test_no_format_starts_another_program(photo: Callable[..., Image.Image]) -> None:
    assert "EPS" not in decode.formats()
    assert ".eps" not in decode.suffixes()
    with pytest.raises(ValueError, match="no picture"):
        reopened(photo(8, 8), "eps")


@given(st.binary(max_size=200))
def test_bytes_that_are_no_picture_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no picture"):
        decode.open_picture(io.BytesIO(content))
