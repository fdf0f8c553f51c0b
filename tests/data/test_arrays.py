import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylegans.data import arrays

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(5, 9))
DTYPES = st.sampled_from(["<u2", ">u2", "u1"])


def npy(array: object) -> io.BytesIO:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)  # type: ignore[arg-type]
    stream.seek(0)
    return stream


@given(SHAPES, DTYPES, st.sampled_from("CF"))
def test_an_array_is_read_as_it_was_whatever_its_order(shape: tuple[int, ...], dtype: str, order: str) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    found = arrays.read(npy(np.asarray(values, order=order)))  # type: ignore[call-overload]
    np.testing.assert_array_equal(found, values)
    assert found.dtype in (np.uint8, np.uint16)
    assert found.dtype.isnative
    assert found.flags.c_contiguous
    assert arrays.read_header(npy(values))[0] == shape
    np.testing.assert_array_equal(arrays.read(io.BytesIO(arrays.to_npy(found))), found)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.array([[[{"a": 1}]]], dtype=object), "array of object"),
        (np.zeros((1, 4, 4), np.float32), "array of float32"),
        (np.zeros((1, 4, 4), np.int16), "array of int16"),
        (np.zeros((1, 4, 4), [("a", np.uint8)]), "array of"),
        (np.zeros((4, 4), np.uint8), r"shape \[4, 4\], not \[channels"),
        (np.zeros((0, 4, 4), np.uint8), r"shape \[0, 4, 4\]"),
        (np.zeros((64, 48, 3), np.uint8), r"shape \[64, 48, 3\], not \[channels"),
    ],
)
def test_what_is_no_picture_is_refused_by_its_header(array: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        arrays.read(npy(array))


def test_no_object_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    content = npy(np.array([[[set()]]], dtype=object))

    def execute(*_: object, **__: object) -> None:
        raise AssertionError("executed")

    monkeypatch.setattr(pickle, "load", execute)
    with pytest.raises(ValueError, match="array of object"):
        arrays.read(content)


def test_an_array_that_is_cut_short_or_claims_too_much_is_refused() -> None:
    content = npy(np.zeros((3, 8, 8), np.uint8)).getvalue()
    with pytest.raises(ValueError, match=r"cut short: 182 of 192 bytes"):
        arrays.read(io.BytesIO(content[:-10]))
    claiming = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (3, 99_999, 99_999)}
    np.lib.format.write_array_header_1_0(claiming, header)
    with pytest.raises(ValueError, match="too large"):
        arrays.read(io.BytesIO(claiming.getvalue()))
    with pytest.raises(ValueError, match=r"version 3\.0"):
        arrays.read(io.BytesIO(content[:6] + b"\x03\x00" + content[8:]))


@given(st.integers(0, 65535))
def test_16_bits_become_the_nearest_8_and_8_come_back_from_16(value: int) -> None:
    assert arrays.with_depth(np.full((1, 1, 1), value, np.uint16), 8) == round(value / 257)
    small = np.full((1, 1, 1), value % 256, np.uint8)
    assert arrays.with_depth(arrays.with_depth(small, 16), 8) == small


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("found", [1, 3, 4])
def test_channels_are_converted_as_pil_does(found: int, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (found, 6, 7), dtype=np.uint8)
    result = arrays.with_channels(pixels, channels)
    assert result.shape == (channels, 6, 7)
    if found == 3 and channels == 1:
        grey = np.asarray(Image.fromarray(pixels.transpose(1, 2, 0)).convert("L"))
        np.testing.assert_array_equal(result[0], grey)
    if channels == 4 and found < 4:
        assert (result[3] == 255).all()
    deep = arrays.with_channels(pixels.astype(np.uint16) * np.uint16(257), channels)
    assert np.abs(deep / 257 - result).max() <= 1


@given(st.tuples(*[st.integers(0, 65535)] * 4))
def test_transparency_of_16_bits_is_laid_on_white_exactly(pixel: tuple[int, int, int, int]) -> None:
    *colour, alpha = pixel
    result = arrays.with_channels(np.array(pixel, np.uint16).reshape(4, 1, 1), 3).ravel()
    assert result.tolist() == [(2 * (c * alpha + 65535 * (65535 - alpha)) + 65535) // 131070 for c in colour]


@given(SHAPES, st.integers(0, 65535), st.sampled_from([Image.Resampling.BOX, Image.Resampling.LANCZOS]))
def test_a_flat_picture_stays_flat_at_any_size(
    shape: tuple[int, int, int], value: int, resampling: Image.Resampling
) -> None:
    flat = np.full(shape, value, np.uint16)
    if shape[0] == 4:
        flat[3] = 65535
    result = arrays.resized(flat, (7, 3), resampling=resampling)
    assert result.shape == (shape[0], 7, 3)
    assert np.abs(result[:3].astype(int) - value).max() <= 1  # float32 has 24 bits, a sum of products some fewer
